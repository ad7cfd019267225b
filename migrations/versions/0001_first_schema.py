"""The first schema: tessellation, exposures, placements, builds, products."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography, Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PLACE_EXPOSURES = """
create function mvm.place_exposures() returns trigger
language plpgsql
set search_path = mvm, public, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    delete from mvm.placement as p using changed as c where p.exposure_id = c.exposure_id;
  end if;
  insert into mvm.placement (exposure_id, projection_cell, shape)
  select e.exposure_id, cell.projection_cell, mvm.cell_pixel_of_sky(e.footprint::geometry, cell.ra_deg, ring.srid)
  from changed as e
  join mvm.projection_cell as cell on ST_Intersects(e.footprint, cell.area)
  join mvm.ring on ring.ring = cell.ring
  where e.is_current and e.exclusion is null;
  return null;
end
$$;

comment on function mvm.place_exposures() is
  'Keeps mvm.placement: the footprint of every current, not excluded exposure on every tangent plane it reaches';

create trigger place_new after insert on mvm.exposure
  referencing new table as changed for each statement execute function mvm.place_exposures();
create trigger place_changed after update on mvm.exposure
  referencing new table as changed for each statement execute function mvm.place_exposures();

create type mvm.skycell_key as (projection_cell integer, x integer, y integer);
comment on type mvm.skycell_key is 'What a skycell name says: projection cell (0 to 2643), x and y (1 to 21)';
"""


def upgrade() -> None:
    """Create the tables, the trigger that places footprints on tangent planes, and the key of a skycell."""
    op.create_table(
        "build",
        sa.Column(
            "build_id",
            sa.Uuid(as_uuid=False),
            nullable=False,
            comment="Identity of the build, as in MVMBUILD",
        ),
        sa.Column("skycell", sa.Text(), nullable=False, comment="Skycell name, like p1889x07y19"),
        sa.Column("layer", sa.Text(), nullable=False, comment="Layer name, like wfc3_ir_f160w_coarse"),
        sa.Column(
            "selection",
            sa.Text(),
            nullable=False,
            comment="Name of the rule of which exposures the layer takes; all = every one",
        ),
        sa.Column(
            "recipe_sha256",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the recipe: equal recipes make equal pixels",
        ),
        sa.Column(
            "recipe",
            postgresql.JSONB(),
            nullable=False,
            comment="Everything that determines the pixels: inputs, extent, parameters, engine",
        ),
        sa.Column(
            "versions", postgresql.JSONB(), nullable=False, comment="Versions of the software that ran"
        ),
        sa.Column(
            "directory",
            sa.Text(),
            nullable=False,
            comment="Directory the product is written to, absolute path",
        ),
        sa.Column("host", sa.Text(), nullable=False, comment="Name of the machine that built"),
        sa.Column("process_id", sa.Integer(), nullable=False, comment="Process that built"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="running, published, failed or abandoned"),
        sa.Column("error", sa.Text(), nullable=True, comment="Why a failed build failed"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Start of the build, UTC",
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True, comment="End of the build, UTC"),
        sa.CheckConstraint(
            "(outcome = 'running') = (finished_at is null)", name=op.f("build_finished_when_over_check")
        ),
        sa.CheckConstraint(
            "outcome in ('running', 'published', 'failed', 'abandoned')", name=op.f("build_outcome_check")
        ),
        sa.PrimaryKeyConstraint("build_id", name=op.f("build_pkey")),
        schema="mvm",
        comment="Executions of recipes, successful or not.",
    )
    op.create_index("build_layer_idx", "build", ["skycell", "layer", "selection"], unique=False, schema="mvm")
    op.create_index(
        "build_running_idx",
        "build",
        ["build_id"],
        unique=False,
        schema="mvm",
        postgresql_where=sa.text("outcome = 'running'"),
    )
    op.create_table(
        "exposure",
        sa.Column(
            "exposure_id",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            comment="Number of this revision of this exposure",
        ),
        sa.Column(
            "rootname", sa.Text(), nullable=False, comment="Root name of the exposure (ipppssoot), lower case"
        ),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=False,
            comment="Counts the contents seen under this root name, from 1",
        ),
        sa.Column(
            "is_current", sa.Boolean(), nullable=False, comment="True for the one revision that layers use"
        ),
        sa.Column(
            "visit",
            sa.Text(),
            nullable=False,
            comment="Program and observation set, first six characters of the root name",
        ),
        sa.Column(
            "instrument",
            postgresql.CITEXT(),
            nullable=False,
            comment="Instrument, lower case; compares without regard to case",
        ),
        sa.Column(
            "detector",
            postgresql.CITEXT(),
            nullable=False,
            comment="Detector, lower case (pc: all of WFPC2); compares without regard to case",
        ),
        sa.Column(
            "filter",
            postgresql.CITEXT(),
            nullable=False,
            comment="Filter, lower case, crossed filters joined by -; compares without regard to case",
        ),
        sa.Column("exptime_s", sa.Float(precision=53), nullable=False, comment="Exposure time, seconds"),
        sa.Column(
            "start_mjd",
            sa.Float(precision=53),
            nullable=False,
            comment="Start of the exposure, modified Julian date, UTC days",
        ),
        sa.Column(
            "end_mjd",
            sa.Float(precision=53),
            nullable=False,
            comment="End of the exposure, modified Julian date, UTC days",
        ),
        sa.Column(
            "target_name", sa.Text(), nullable=False, comment="Target as named by the proposer (TARGNAME)"
        ),
        sa.Column("proposal_id", sa.Integer(), nullable=True, comment="Proposal number (PROPOSID)"),
        sa.Column(
            "wcsname",
            sa.Text(),
            nullable=True,
            comment="Name of the astrometric solution of the first chip (WCSNAME)",
        ),
        sa.Column(
            "exclusion",
            sa.Text(),
            nullable=True,
            comment="Why the exposure enters no layer, a code; null when it does",
        ),
        sa.Column(
            "exclusion_detail", sa.Text(), nullable=True, comment="Keyword and value behind the exclusion"
        ),
        sa.Column(
            "file_path",
            sa.Text(),
            nullable=False,
            comment="Where the file lay when it was last ingested, absolute path",
        ),
        sa.Column(
            "file_type",
            sa.Text(),
            nullable=False,
            comment="flt, flc, c0m, ...: calibration level from the file name",
        ),
        sa.Column("file_sha256", sa.Text(), nullable=False, comment="SHA-256 of the uncompressed FITS bytes"),
        sa.Column(
            "file_size_bytes", sa.BigInteger(), nullable=False, comment="Size of the uncompressed FITS bytes"
        ),
        sa.Column(
            "footprint",
            Geography("MULTIPOLYGON", srid=104047, spatial_index=False),
            nullable=False,
            comment="Outlines of the chips on the sky, one polygon per chip, ICRS degrees",
        ),
        sa.Column(
            "ingested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When this revision was recorded, UTC",
        ),
        sa.CheckConstraint(
            "(exclusion is null) = (exclusion_detail is null)",
            name=op.f("exposure_exclusion_has_detail_check"),
        ),
        sa.CheckConstraint("end_mjd >= start_mjd", name=op.f("exposure_ends_after_start_check")),
        sa.PrimaryKeyConstraint("exposure_id", name=op.f("exposure_pkey")),
        sa.UniqueConstraint("rootname", "file_sha256", name=op.f("exposure_rootname_file_sha256_key")),
        sa.UniqueConstraint("rootname", "revision", name=op.f("exposure_rootname_revision_key")),
        schema="mvm",
        comment="Every revision of every exposure ever ingested; nothing is deleted, so provenance stays true.",
    )
    op.create_index(
        "exposure_current_idx",
        "exposure",
        ["rootname"],
        unique=True,
        schema="mvm",
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(
        "exposure_footprint_idx",
        "exposure",
        ["footprint"],
        unique=False,
        schema="mvm",
        postgresql_using="gist",
    )
    op.create_table(
        "ingest_failure",
        sa.Column(
            "file_path", sa.Text(), nullable=False, comment="File that could not be ingested, absolute path"
        ),
        sa.Column("error", sa.Text(), nullable=False, comment="Class of the error, such as HeaderError"),
        sa.Column("keyword", sa.Text(), nullable=True, comment="Header keyword at fault, if one is"),
        sa.Column("message", sa.Text(), nullable=False, comment="What was wrong, in words"),
        sa.Column(
            "failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was first seen, UTC",
        ),
        sa.PrimaryKeyConstraint("file_path", name=op.f("ingest_failure_pkey")),
        schema="mvm",
        comment="Files that were refused; a row goes when its file is ingested.",
    )
    op.create_table(
        "layer_scale",
        sa.Column(
            "instrument",
            postgresql.CITEXT(),
            nullable=False,
            comment="Instrument, lower case: acs, wfc3, wfpc2",
        ),
        sa.Column(
            "detector",
            postgresql.CITEXT(),
            nullable=False,
            comment="Detector, lower case: wfc, hrc, sbc, uvis, ir, pc",
        ),
        sa.Column(
            "scale",
            sa.Text(),
            nullable=False,
            comment="fine (0.04 arcsec/pixel) or coarse (0.12 arcsec/pixel)",
        ),
        sa.CheckConstraint("scale in ('fine', 'coarse')", name=op.f("layer_scale_scale_check")),
        sa.PrimaryKeyConstraint("instrument", "detector", "scale", name=op.f("layer_scale_pkey")),
        schema="mvm",
        comment="The scales at which the exposures of a detector are combined.",
    )
    op.create_table(
        "ring",
        sa.Column(
            "ring",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Number of the ring, 0 (south) to 45 (north)",
        ),
        sa.Column(
            "dec_deg",
            sa.Float(precision=53),
            nullable=False,
            comment="Declination of the tangent points of the ring, degrees",
        ),
        sa.Column("n_cells", sa.Integer(), nullable=False, comment="Number of projection cells in the ring"),
        sa.Column(
            "first_cell",
            sa.Integer(),
            nullable=False,
            comment="Number of the first projection cell of the ring, the one at RA 0",
        ),
        sa.Column(
            "srid",
            sa.Integer(),
            nullable=False,
            comment="spatial_ref_sys row of the ring's gnomonic plane, tangent at RA 0",
        ),
        sa.PrimaryKeyConstraint("ring", name=op.f("ring_pkey")),
        sa.UniqueConstraint("srid", name=op.f("ring_srid_key")),
        schema="mvm",
        comment="Declination rings; cells of one ring differ by a rotation in right ascension.",
    )
    op.create_table(
        "sql_object",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False, comment="Order of creation"),
        sa.Column("kind", sa.Text(), nullable=False, comment="view or function"),
        sa.Column(
            "identity",
            sa.Text(),
            nullable=False,
            comment="Name, and for a function its argument types, as drop needs it",
        ),
        sa.Column(
            "definition_sha256", sa.Text(), nullable=False, comment="SHA-256 of the file that defines it"
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("sql_object_pkey")),
        schema="mvm",
        comment="Views and functions created from sql/, replaced at every upgrade.",
    )
    op.create_table(
        "tessellation",
        sa.Column(
            "definition_sha256",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the definition (mvmdb.sky.tessellation)",
        ),
        sa.Column(
            "only_row",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Always true: there is one row",
        ),
        sa.Column(
            "registered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was loaded, UTC",
        ),
        sa.CheckConstraint("only_row", name=op.f("tessellation_only_one_row_check")),
        sa.PrimaryKeyConstraint("definition_sha256", name=op.f("tessellation_pkey")),
        sa.UniqueConstraint("only_row", name=op.f("tessellation_only_row_key")),
        schema="mvm",
        comment="The frozen tessellation this database was made for; another one is refused.",
    )
    op.create_table(
        "chip",
        sa.Column("exposure_id", sa.Integer(), nullable=False, comment="Exposure the chip belongs to"),
        sa.Column("chip", sa.Integer(), nullable=False, comment="EXTVER of the chip's SCI extension"),
        sa.Column(
            "part",
            sa.Integer(),
            nullable=False,
            comment="Position of the chip's polygon in exposure.footprint, from 1",
        ),
        sa.Column(
            "hdu_index",
            sa.Integer(),
            nullable=False,
            comment="Position of the SCI extension in the file, from 0",
        ),
        sa.Column("n_x_pix", sa.Integer(), nullable=False, comment="Columns of the chip, pixels"),
        sa.Column("n_y_pix", sa.Integer(), nullable=False, comment="Rows of the chip, pixels"),
        sa.Column(
            "pixel_scale_arcsec",
            sa.Float(precision=53),
            nullable=False,
            comment="Undistorted pixel scale the photometry refers to, arcsec",
        ),
        sa.Column(
            "bunit",
            sa.Text(),
            nullable=False,
            comment="Unit of the pixels: ELECTRONS, ELECTRONS/S, COUNTS or COUNTS/S",
        ),
        sa.Column(
            "gain_e_per_dn",
            sa.Float(precision=53),
            nullable=False,
            comment="Electrons per count; 1 where the pixels are electrons",
        ),
        sa.Column(
            "photflam",
            sa.Float(precision=53),
            nullable=True,
            comment="Inverse sensitivity, erg/s/cm2/Angstrom per e-/s",
        ),
        sa.Column(
            "photplam_angstrom", sa.Float(precision=53), nullable=True, comment="Pivot wavelength, Angstrom"
        ),
        sa.Column(
            "wcsname",
            sa.Text(),
            nullable=True,
            comment="Name of the astrometric solution of the chip (WCSNAME)",
        ),
        sa.ForeignKeyConstraint(
            ["exposure_id"],
            ["mvm.exposure.exposure_id"],
            name=op.f("chip_exposure_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("exposure_id", "chip", name=op.f("chip_pkey")),
        sa.UniqueConstraint("exposure_id", "part", name=op.f("chip_exposure_id_part_key")),
        schema="mvm",
        comment="SCI extensions of the exposures: what has a WCS.",
    )
    op.create_table(
        "product",
        sa.Column(
            "product_id",
            sa.Integer(),
            sa.Identity(always=False),
            nullable=False,
            comment="Number of this revision of this product",
        ),
        sa.Column("build_id", sa.Uuid(as_uuid=False), nullable=False, comment="Build that made it"),
        sa.Column("product", sa.Text(), nullable=False, comment="File name of the product"),
        sa.Column("skycell", sa.Text(), nullable=False, comment="Skycell name, like p1889x07y19"),
        sa.Column("layer", sa.Text(), nullable=False, comment="Layer name, like wfc3_ir_f160w_coarse"),
        sa.Column(
            "selection",
            sa.Text(),
            nullable=False,
            comment="Name of the rule of which exposures the layer takes; all = every one",
        ),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=False,
            comment="Counts the files published under this name, from 1",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="staged (not yet in place), current, or superseded by a later revision",
        ),
        sa.Column("file_path", sa.Text(), nullable=False, comment="Absolute path of the file"),
        sa.Column("file_sha256", sa.Text(), nullable=False, comment="SHA-256 of the file"),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=False, comment="Size of the file, bytes"),
        sa.Column(
            "x0",
            sa.Integer(),
            nullable=False,
            comment="First column of the common subarray, 0-based fine pixels of the skycell",
        ),
        sa.Column(
            "y0",
            sa.Integer(),
            nullable=False,
            comment="First row of the common subarray, 0-based fine pixels of the skycell",
        ),
        sa.Column(
            "x1",
            sa.Integer(),
            nullable=False,
            comment="Column after the last, 0-based fine pixels of the skycell (half-open)",
        ),
        sa.Column(
            "y1",
            sa.Integer(),
            nullable=False,
            comment="Row after the last, 0-based fine pixels of the skycell (half-open)",
        ),
        sa.Column(
            "n_x_pix",
            sa.Integer(),
            nullable=False,
            comment="Columns of the arrays at the layer's own scale, pixels",
        ),
        sa.Column(
            "n_y_pix",
            sa.Integer(),
            nullable=False,
            comment="Rows of the arrays at the layer's own scale, pixels",
        ),
        sa.Column(
            "n_pixels_observed", sa.BigInteger(), nullable=False, comment="Pixels with positive weight"
        ),
        sa.Column(
            "coverage_fraction",
            sa.Float(precision=53),
            nullable=False,
            comment="NPIXFRAC: observed fraction of the full skycell",
        ),
        sa.Column(
            "mean_exptime_s",
            sa.Float(precision=53),
            nullable=False,
            comment="MEANEXPT: mean exposure time of observed pixels, seconds",
        ),
        sa.Column(
            "median_exptime_s",
            sa.Float(precision=53),
            nullable=False,
            comment="MEDEXPT: median exposure time of observed pixels, seconds",
        ),
        sa.Column(
            "mean_n_exposures",
            sa.Float(precision=53),
            nullable=False,
            comment="MEANNEXP: mean number of inputs of observed pixels",
        ),
        sa.Column(
            "median_n_exposures",
            sa.Float(precision=53),
            nullable=False,
            comment="MEDNEXP: median number of inputs of observed pixels",
        ),
        sa.Column(
            "mean_weight",
            sa.Float(precision=53),
            nullable=False,
            comment="MEANWHT: mean weight of observed pixels, seconds",
        ),
        sa.Column(
            "median_weight",
            sa.Float(precision=53),
            nullable=False,
            comment="MEDWHT: median weight of observed pixels, seconds",
        ),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), nullable=True, comment="When it became current, UTC"
        ),
        sa.CheckConstraint(
            "(state = 'staged') = (published_at is null)", name=op.f("product_published_when_in_place_check")
        ),
        sa.CheckConstraint("state in ('staged', 'current', 'superseded')", name=op.f("product_state_check")),
        sa.ForeignKeyConstraint(["build_id"], ["mvm.build.build_id"], name=op.f("product_build_id_fkey")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("product_pkey")),
        sa.UniqueConstraint("build_id", name=op.f("product_build_id_key")),
        sa.UniqueConstraint("product", "revision", name=op.f("product_product_revision_key")),
        schema="mvm",
        comment="Files that builds published, every revision; a row is current only after its file is in place.",
    )
    op.create_index(
        "product_current_idx",
        "product",
        ["skycell", "layer", "selection"],
        unique=True,
        schema="mvm",
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "projection_cell",
        sa.Column(
            "projection_cell",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Number, 0 to 2643; 1889 is p1889",
        ),
        sa.Column("ring", sa.Integer(), nullable=False, comment="Ring the cell lies in"),
        sa.Column(
            "ra_deg",
            sa.Float(precision=53),
            nullable=False,
            comment="Right ascension of the tangent point (CRVAL1), ICRS degrees",
        ),
        sa.Column(
            "dec_deg",
            sa.Float(precision=53),
            nullable=False,
            comment="Declination of the tangent point (CRVAL2), ICRS degrees",
        ),
        sa.Column(
            "area",
            Geography("POLYGON", srid=104047, spatial_index=False),
            nullable=False,
            comment="Sky that the 21 x 21 skycells of the cell cover, a spherical polygon, ICRS degrees",
        ),
        sa.ForeignKeyConstraint(["ring"], ["mvm.ring.ring"], name=op.f("projection_cell_ring_fkey")),
        sa.PrimaryKeyConstraint("projection_cell", name=op.f("projection_cell_pkey")),
        schema="mvm",
        comment="The 2,644 tangent planes of the tessellation.",
    )
    op.create_index(
        "projection_cell_area_idx",
        "projection_cell",
        ["area"],
        unique=False,
        schema="mvm",
        postgresql_using="gist",
    )
    op.create_table(
        "placement",
        sa.Column("exposure_id", sa.Integer(), nullable=False, comment="Exposure, current and not excluded"),
        sa.Column(
            "projection_cell",
            sa.Integer(),
            nullable=False,
            comment="Projection cell whose skycells the footprint reaches",
        ),
        sa.Column(
            "shape",
            Geometry("MULTIPOLYGON", srid=-1, spatial_index=False),
            nullable=False,
            comment="Footprint in 0-based fine pixels of the projection cell, one polygon per chip",
        ),
        sa.ForeignKeyConstraint(
            ["exposure_id"],
            ["mvm.exposure.exposure_id"],
            name=op.f("placement_exposure_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["projection_cell"],
            ["mvm.projection_cell.projection_cell"],
            name=op.f("placement_projection_cell_fkey"),
        ),
        sa.PrimaryKeyConstraint("exposure_id", "projection_cell", name=op.f("placement_pkey")),
        schema="mvm",
        comment="Footprints on the tangent planes; kept by a trigger on mvm.exposure, never written by hand.",
    )
    op.create_index(
        "placement_projection_cell_shape_idx",
        "placement",
        ["projection_cell", "shape"],
        unique=False,
        schema="mvm",
        postgresql_using="gist",
    )
    op.create_table(
        "product_input",
        sa.Column("product_id", sa.Integer(), nullable=False, comment="Product the chip went into"),
        sa.Column(
            "context_index",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Place in the drizzle order, from 0: bit index % 32 of context plane index / 32",
        ),
        sa.Column(
            "exposure_id", sa.Integer(), nullable=False, comment="Revision of the exposure that was used"
        ),
        sa.Column("chip", sa.SmallInteger(), nullable=False, comment="EXTVER of the chip's SCI extension"),
        sa.Column(
            "n_pixels_contributed",
            sa.BigInteger(),
            nullable=False,
            comment="Pixels of the product that hold light of this chip",
        ),
        sa.ForeignKeyConstraint(
            ["exposure_id", "chip"],
            ["mvm.chip.exposure_id", "mvm.chip.chip"],
            name=op.f("product_input_exposure_id_chip_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["mvm.product.product_id"],
            name=op.f("product_input_product_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("product_id", "context_index", name=op.f("product_input_pkey")),
        sa.UniqueConstraint(
            "product_id", "exposure_id", "chip", name=op.f("product_input_product_id_exposure_id_chip_key")
        ),
        schema="mvm",
        comment="Which chip went into which product, in context-bit order.",
    )
    op.create_index(
        "product_input_exposure_id_idx", "product_input", ["exposure_id"], unique=False, schema="mvm"
    )

    op.execute(PLACE_EXPOSURES)


def downgrade() -> None:
    """Remove everything of this revision."""
    op.execute("drop type mvm.skycell_key")
    op.execute("drop trigger place_new on mvm.exposure; drop trigger place_changed on mvm.exposure")
    op.execute("drop function mvm.place_exposures()")
    op.drop_table("product_input", schema="mvm")
    op.drop_table("placement", schema="mvm")
    op.drop_table("projection_cell", schema="mvm")
    op.drop_table("product", schema="mvm")
    op.drop_table("chip", schema="mvm")
    op.drop_table("tessellation", schema="mvm")
    op.drop_table("sql_object", schema="mvm")
    op.drop_table("ring", schema="mvm")
    op.drop_table("layer_scale", schema="mvm")
    op.drop_table("ingest_failure", schema="mvm")
    op.drop_table("exposure", schema="mvm")
    op.drop_table("build", schema="mvm")
