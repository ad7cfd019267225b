"""Selections: named rules of which exposures layers take."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)

from mvmdb.catalog.models.base import column, metadata

selection = Table(
    "selection",
    metadata,
    column("selection", Text, primary_key=True, comment="Name, as in layers and file names"),
    column("description", Text, comment="What it is for"),
    column(
        "from_utc",
        DateTime(True),
        nullable=True,
        comment="Takes exposures that start at this time or later, UTC; null for any",
    ),
    column(
        "until_utc",
        DateTime(True),
        nullable=True,
        comment="Takes exposures that start before this time, UTC; null for any",
    ),
    column(
        "wcsname_pattern",
        Text,
        nullable=True,
        comment="Takes exposures whose WCSNAME fits, in any case: * any text, ? a character; null for any",
    ),
    column(
        "min_exptime_s",
        Float(53),
        nullable=True,
        comment="Takes exposures of at least this exposure time, seconds; null for any",
    ),
    column("created_by", Text, comment="Who added it"),
    column("created_at", DateTime(True), server_default=func.now(), comment="When it was added, UTC"),
    column("changed_by", Text, nullable=True, comment="Who changed it last; null before any change"),
    column(
        "changed_at",
        DateTime(True),
        server_default=func.now(),
        comment="When its rule or its exclusions changed last, UTC; kept by triggers",
    ),
    CheckConstraint("selection ~ '^[a-z0-9]{1,32}$'", name="name"),
    CheckConstraint("until_utc > from_utc", name="ends_after_start"),
    CheckConstraint("min_exptime_s >= 0", name="min_exptime"),
    CheckConstraint("wcsname_pattern <> ''", name="wcsname_pattern"),
    CheckConstraint(
        "selection <> 'all' or num_nonnulls(from_utc, until_utc, wcsname_pattern, min_exptime_s) = 0",
        name="all_takes_all",
    ),
    comment="Named rules of which exposures a layer takes; the one called all takes every one and stays.",
)

selection_exclusion = Table(
    "selection_exclusion",
    metadata,
    column(
        "selection_exclusion_id",
        Integer,
        Identity(),
        primary_key=True,
        comment="Number of the exclusion",
    ),
    column(
        "selection",
        Text,
        ForeignKey(selection.c.selection, ondelete="CASCADE"),
        comment="Selection that does without the exposure",
    ),
    column("rootname", Text, comment="Root name of the exposure, all its revisions"),
    column("skycell", Text, nullable=True, comment="Only in this skycell; null for all"),
    column("layer", Text, nullable=True, comment="Only in layers of this name; null for all"),
    column("reason", Text, comment="Why, in words"),
    column("excluded_by", Text, comment="Who excluded it"),
    column("excluded_at", DateTime(True), server_default=func.now(), comment="When, UTC"),
    CheckConstraint("selection <> 'all'", name="all_takes_all"),
    Index("selection_exclusion_rootname_idx", "selection", "rootname"),
    comment="Exposures that a selection does without, whatever its rule says.",
)
