"""What publication in the Virtual Observatory needs to know, beyond exposures and products."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Float, Table, Text, text
from sqlalchemy.dialects.postgresql import CITEXT

from mvmdb.catalog.models.base import column, metadata

publisher = Table(
    "publisher",
    metadata,
    column(
        "only_row",
        Boolean,
        primary_key=True,
        server_default=text("true"),
        comment="Always true: there is one row",
    ),
    column(
        "authority",
        Text,
        comment="Authority of the IVOA identifiers ivo://authority/mvmdb?...; yours, once it is registered",
    ),
    column(
        "obs_collection",
        Text,
        comment="Name of the collection that the products make up (ObsCore obs_collection)",
    ),
    column(
        "path_prefix",
        Text,
        nullable=True,
        comment="Beginning of the paths of files that a web server gives out; null where none does",
    ),
    column(
        "url_prefix",
        Text,
        nullable=True,
        comment="What stands in its place in their URLs; other files have file:// URLs",
    ),
    CheckConstraint("only_row", name="only_one_row"),
    CheckConstraint("authority ~* '^[a-z0-9][a-z0-9._~-]{2,}$'", name="authority"),
    CheckConstraint("(path_prefix is null) = (url_prefix is null)", name="prefixes_together"),
    comment="Under which names and addresses the products are published; one row, yours to change.",
)

filter_band = Table(
    "filter_band",
    metadata,
    column("instrument", CITEXT, primary_key=True, comment="Instrument, lower case"),
    column("detector", CITEXT, primary_key=True, comment="Detector, lower case"),
    column("filter", CITEXT, primary_key=True, comment="One filter, lower case; of crossed filters each"),
    column("min_angstrom", Float(53), comment="Shortest wavelength that passes, in vacuum, Angstrom"),
    column("max_angstrom", Float(53), comment="Longest wavelength that passes, in vacuum, Angstrom"),
    column("source", Text, comment="Where the figures come from, and how the limits are defined"),
    CheckConstraint("0 < min_angstrom and min_angstrom < max_angstrom", name="limits"),
    comment="Pass bands of filters: what ObsCore states as the spectral limits of an image.",
)
