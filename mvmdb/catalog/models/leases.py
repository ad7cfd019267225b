"""Who builds what at this moment."""

from __future__ import annotations

from sqlalchemy import BigInteger, DateTime, Identity, Integer, PrimaryKeyConstraint, Table, Text

from mvmdb.catalog.models.base import column, layer_columns, metadata

lease = Table(
    "lease",
    metadata,
    *layer_columns(),
    column(
        "token",
        BigInteger,
        Identity(),
        unique=True,
        comment="Fencing token: every lease taken has a higher one than all before",
    ),
    column("host", Text, comment="Name of the machine that holds the lease"),
    column("process_id", Integer, comment="Process that holds the lease"),
    column("acquired_at", DateTime(True), comment="When it was taken, UTC"),
    column("heartbeat_at", DateTime(True), comment="When it was last renewed, UTC"),
    column("expires_at", DateTime(True), comment="From when another may take it, UTC"),
    PrimaryKeyConstraint("skycell", "layer", "selection"),
    comment="The one builder of each layer that is being built; gone when it has finished.",
)
