"""Bring a database to this version's schema: extensions, tables, tessellation, views and functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, delete, func, insert, inspect, literal, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or

from mvmdb.catalog.engine import catalog_errors, transaction
from mvmdb.catalog.models import (
    OTHER_SCHEMAS,
    SCHEMA,
    layer_scale,
    projection_cell,
    projection_core,
    ring,
    sql_object,
    tessellation,
)
from mvmdb.catalog.models import engine as engine_row
from mvmdb.catalog.rights import grant_rights, has_roles, may_change
from mvmdb.catalog.sqlfiles import SqlFile, packaged_directory, sql_files
from mvmdb.catalog.types import SKY_SRID, SPHERE_RADIUS_M
from mvmdb.errors import CatalogError, FrozenTessellationError, SchemaVersionError
from mvmdb.names import N_SKYCELLS_PER_SIDE
from mvmdb.records import ENGINE, DrizzleParameters
from mvmdb.sky.grid import projection_cell_grid
from mvmdb.sky.primary import core_parts
from mvmdb.sky.tessellation import (
    SKYCELL_PIX,
    SKYCELL_STEP_PIX,
    definition_sha256,
    projection_cells,
    rings,
)

EXTENSIONS = ("postgis", "btree_gist", "citext")
FIRST_RING_SRID = 990000
UPGRADE_LOCK = 0x6D766D
"""Key of the advisory lock that lets one upgrade run at a time."""

LAYER_SCALES = (
    ("acs", "wfc", "fine"),
    ("acs", "hrc", "fine"),
    ("acs", "sbc", "fine"),
    ("wfc3", "uvis", "fine"),
    ("wfc3", "ir", "fine"),
    ("wfc3", "ir", "coarse"),
    ("wfpc2", "pc", "fine"),
    ("wfpc2", "pc", "coarse"),
)
"""Detectors whose pixels are large are combined coarse as well (mvm_facts 4.1)."""


def migration_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to a connection if one is given."""
    config = Config()
    config.set_main_option("script_location", str(packaged_directory("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def is_current(engine: Engine) -> bool:
    """Return whether the database holds exactly this version's schema.

    Raises
    ------
    SchemaVersionError
        It holds a newer one.
    FrozenTessellationError
        It was made for another tessellation.
    """
    with transaction(engine) as connection:
        if not inspect(connection).has_table("sql_object", schema=SCHEMA):
            return False
        _check_tessellation(connection)
        return _table_revision(connection) == _newest_revision() and _recorded_objects(connection) == [
            (file.kind, file.name, file.sha256) for file in sql_files()
        ]


def upgrade(engine: Engine) -> None:
    """Create or upgrade the schema in one transaction; when it is current, only another engine is registered.

    Raises
    ------
    CatalogError
        An extension cannot be created, or somebody's object depends on one of ours.
    SchemaVersionError, FrozenTessellationError
        The database is newer, or made for another tessellation.
    """
    if is_current(engine):
        with transaction(engine) as connection:
            _register_engine(connection)
        return
    with catalog_errors():
        _create_extensions(engine)
    with transaction(engine) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        for schema in (SCHEMA, *OTHER_SCHEMAS):
            connection.execute(text(f"create schema if not exists {schema}"))
        _drop_objects(connection)
        command.upgrade(migration_config(connection), "head")
        _register_tessellation(connection)
        _register_engine(connection)
        _create_objects(connection)
        _begin_history(connection)
        if has_roles(connection):
            grant_rights(connection)


def _create_extensions(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        for name in EXTENSIONS:
            connection.execute(text(f"create extension if not exists {name}"))


def _table_revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    revision = context.get_current_revision()
    if revision is not None and revision not in _known_revisions():
        raise SchemaVersionError(
            f"the database is at schema revision {revision}, which this version does not know",
            hint="upgrade mvmdb, or point MVMDB_DATABASE_URL to another database",
        )
    return revision


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()}


def _newest_revision() -> str | None:
    try:
        return ScriptDirectory.from_config(migration_config()).get_current_head()
    except CommandError as error:
        raise CatalogError(f"the migrations do not form one line: {error}") from error


def _recorded_objects(connection: Connection) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        select(sql_object.c.kind, sql_object.c.identity, sql_object.c.definition_sha256).order_by(
            sql_object.c.position
        )
    )
    return [(kind, identity.partition("(")[0].rpartition(".")[2], sha256) for kind, identity, sha256 in rows]


def _drop_objects(connection: Connection) -> None:
    """Drop what an earlier upgrade created, last first; a stranger's dependent object fails it loudly."""
    if not inspect(connection).has_table("sql_object", schema=SCHEMA):
        return
    recorded = select(sql_object.c.kind, sql_object.c.identity).order_by(sql_object.c.position.desc())
    for kind, identity in connection.execute(recorded).all():
        if kind != "data":  # rows are replaced by the file that brings them
            connection.execute(text(f"drop {kind} if exists {identity}"))
    connection.execute(delete(sql_object))


def _create_objects(connection: Connection) -> None:
    for position, file in enumerate(sql_files()):
        connection.exec_driver_sql(file.definition.replace("%", "%%"))
        connection.execute(
            insert(sql_object).values(
                position=position,
                kind=file.kind,
                identity=_identity(connection, file),
                definition_sha256=file.sha256,
            )
        )


def _identity(connection: Connection, file: SqlFile) -> str:
    """Return the name that ``drop`` needs: for a function with the types of its arguments."""
    if file.kind != "function":
        return f"{file.schema}.{file.name}"
    query = text(
        "select format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))"
        " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = :schema and p.proname = :name"
    )
    return str(connection.execute(query, {"schema": file.schema, "name": file.name}).scalar_one())


def _check_tessellation(connection: Connection) -> None:
    registered = connection.execute(select(tessellation.c.definition_sha256)).scalar_one_or_none()
    if registered is not None and registered != definition_sha256():
        raise FrozenTessellationError(
            "the database was made for another tessellation",
            {"definition": (registered, definition_sha256())},
        )


def _register_tessellation(connection: Connection) -> None:
    """Load rings, planes and projection cells once; the same again is silence, another one refused."""
    _check_tessellation(connection)
    connection.execute(
        insert_or(layer_scale).on_conflict_do_nothing(),
        [dict(zip(("instrument", "detector", "scale"), row, strict=True)) for row in LAYER_SCALES],
    )
    if connection.execute(select(tessellation.c.definition_sha256)).first() is None:
        _register_planes(connection)
        connection.execute(
            insert(ring), [{**vars(item), "srid": FIRST_RING_SRID + item.ring} for item in rings()]
        )
        connection.execute(
            insert(projection_cell),
            [_projection_cell_row(cell.projection_cell) for cell in projection_cells()],
        )
        connection.execute(insert(tessellation).values(definition_sha256=definition_sha256()))
    if connection.execute(select(projection_core.c.part)).first() is None:
        connection.execute(insert(projection_core), _projection_core_rows())


def _register_engine(connection: Connection) -> None:
    """Put this version's engine in force; one that already is so stays as it is, with its date.

    Who may only ask leaves the one in force as it is.
    """
    present = connection.execute(select(engine_row.c.engine, engine_row.c.default_parameters)).one_or_none()
    values = {"engine": ENGINE, "default_parameters": asdict(DrizzleParameters())}
    if present is not None and (dict(present._mapping) == values or not may_change(connection, "engine")):
        return
    row = insert_or(engine_row).values(**values)
    connection.execute(
        row.on_conflict_do_update(index_elements=["only_row"], set_={**values, "registered_at": func.now()})
    )


def _register_planes(connection: Connection) -> None:
    """Add the celestial sphere, where PostGIS lacks it, and one gnomonic plane per ring, tangent at RA 0."""
    sphere = f"+R={SPHERE_RADIUS_M} +no_defs"
    planes = [(SKY_SRID, f"+proj=longlat {sphere}")]
    planes += [
        (FIRST_RING_SRID + i.ring, f"+proj=gnom +lat_0={i.dec_deg!r} +lon_0=0 {sphere}") for i in rings()
    ]
    query = text(
        "insert into spatial_ref_sys (srid, proj4text)"
        " values (:srid, :definition) on conflict (srid) do nothing"
    )
    connection.execute(query, [{"srid": srid, "definition": definition} for srid, definition in planes])


def _projection_cell_row(number: int) -> dict[str, object]:
    """Return a cell's row; its area is what its 21 x 21 skycells cover, a little more than its own NAXIS."""
    cell = projection_cells()[number]
    last = (N_SKYCELLS_PER_SIDE - 1) * SKYCELL_STEP_PIX + SKYCELL_PIX - 0.5
    ra_deg, dec_deg = projection_cell_grid(number).pixel_to_sky(
        [-0.5, last, last, -0.5], [-0.5, -0.5, last, last]
    )
    corners = [
        f"{ra - 360 if ra >= 180 else ra!r} {dec!r}"
        for ra, dec in zip(ra_deg.tolist(), dec_deg.tolist(), strict=True)
    ]
    area = f"SRID={SKY_SRID};POLYGON(({','.join([*corners, corners[0]])}))"
    return {
        "projection_cell": number,
        "ring": cell.ring,
        "ra_deg": cell.ra_deg,
        "dec_deg": cell.dec_deg,
        "area": area,
    }


def _projection_core_rows() -> list[dict[str, object]]:
    """Return the rows of the cores, the parts of a cell numbered from 1."""
    n_parts: Counter[int] = Counter()
    rows = []
    for core in core_parts():
        n_parts[core.projection_cell] += 1
        corners = [f"{x!r} {y!r}" for x, y in core.polygon.tolist()]
        shape = f"POLYGON(({','.join([*corners, corners[0]])}))"
        rows.append(
            {"projection_cell": core.projection_cell, "part": n_parts[core.projection_cell], "shape": shape}
        )
    return rows


def _begin_history(connection: Connection) -> None:
    """Record the extents in force in a database that was made before their history was kept."""
    connection.execute(
        text(
            "insert into mvm.extent_revision (projection_cell, x, y, revision, x0, y0, x1, y1, recorded_at)"
            " select projection_cell, x, y, 1, x0, y0, x1, y1, now() from mvm.skycell_extent"
            " where not exists (select from mvm.extent_revision)"
        )
    )


def schema_matches(connection: Connection) -> bool:
    """Return whether the tables in the database are those of the models (what ``alembic check`` asks)."""
    try:
        command.check(migration_config(connection))
    except CommandError:
        return False
    return bool(connection.execute(select(literal(True))).scalar())
