"""Exposures that are known by their footprints alone, before any file is local."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROOTNAME = (
    "Root name of the exposure (ipppssoot), lower case",
    "Root name of the exposure (ipppssoot), or another telescope's identifier; lower case",
)
VISIT = (
    "Program and observation set, first six characters of the root name",
    "Program and observation set, first six characters of the root name; null without one",
)
FILE_PATH = (
    "Where the file lay when it was last ingested, absolute path",
    "Where the file lay when it was last ingested, absolute path; null for a footprint",
)
FILE_TYPE = (
    "flt, flc, c0m, ...: calibration level from the file name",
    "flt, flc, c0m, ...: calibration level from the file name; footprint: a row of a table",
)
FILE_SHA256 = (
    "SHA-256 of the uncompressed FITS bytes",
    "SHA-256 of the uncompressed FITS bytes, or of the values of a footprint",
)
FILE_SIZE_BYTES = (
    "Size of the uncompressed FITS bytes",
    "Size of the uncompressed FITS bytes; null for a footprint",
)
CHIP = (
    "EXTVER of the chip's SCI extension",
    "EXTVER of the chip's SCI extension; of a footprint without, the number of its polygon",
)
HDU_INDEX = (
    "Position of the SCI extension in the file, from 0",
    "Position of the SCI extension in the file, from 0; null, as what follows, for a footprint",
)
COMMENTS = (
    ("exposure", "rootname", sa.Text(), ROOTNAME),
    ("exposure", "visit", sa.Text(), VISIT),
    ("exposure", "file_path", sa.Text(), FILE_PATH),
    ("exposure", "file_type", sa.Text(), FILE_TYPE),
    ("exposure", "file_sha256", sa.Text(), FILE_SHA256),
    ("exposure", "file_size_bytes", sa.BigInteger(), FILE_SIZE_BYTES),
    ("chip", "chip", sa.Integer(), CHIP),
    ("chip", "hdu_index", sa.Integer(), HDU_INDEX),
)
"""Comments before and after."""

ONLY_OF_FILES = (
    ("exposure", "visit", sa.Text()),
    ("exposure", "file_path", sa.Text()),
    ("exposure", "file_size_bytes", sa.BigInteger()),
    ("chip", "hdu_index", sa.Integer()),
    ("chip", "n_x_pix", sa.Integer()),
    ("chip", "n_y_pix", sa.Integer()),
    ("chip", "pixel_scale_arcsec", sa.Float(53)),
    ("chip", "bunit", sa.Text()),
    ("chip", "gain_e_per_dn", sa.Float(53)),
)
"""Columns that a footprint leaves empty."""


def upgrade() -> None:
    """Let the columns that only a file fills be empty, all or none of them."""
    for table, column, kind in ONLY_OF_FILES:
        op.alter_column(table, column, existing_type=kind, nullable=True, schema="mvm")
    for table, column, kind, (before, after) in COMMENTS:
        op.alter_column(
            table, column, existing_type=kind, comment=after, existing_comment=before, schema="mvm"
        )
    op.create_check_constraint(
        op.f("exposure_file_unless_footprint_check"),
        "exposure",
        "(file_path is null) = (file_size_bytes is null) and (file_path is not null or file_type = 'footprint')",
        schema="mvm",
    )
    op.create_check_constraint(
        op.f("chip_pixels_known_or_not_check"),
        "chip",
        "num_nulls(hdu_index, n_x_pix, n_y_pix, pixel_scale_arcsec, bunit, gain_e_per_dn) in (0, 6)",
        schema="mvm",
    )


def downgrade() -> None:
    """Remove the footprints, and ask for the columns again."""
    op.execute("delete from mvm.exposure where file_path is null")
    op.drop_constraint(op.f("chip_pixels_known_or_not_check"), "chip", schema="mvm")
    op.drop_constraint(op.f("exposure_file_unless_footprint_check"), "exposure", schema="mvm")
    for table, column, kind, (before, after) in COMMENTS:
        op.alter_column(
            table, column, existing_type=kind, comment=before, existing_comment=after, schema="mvm"
        )
    for table, column, kind in ONLY_OF_FILES:
        op.alter_column(table, column, existing_type=kind, nullable=False, schema="mvm")
