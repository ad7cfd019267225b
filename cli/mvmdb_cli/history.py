"""Questions about the past: revisions of a product, what an exposure gave to each, the log of builds."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from mvmdb.catalog.exposures import find_exposure
from mvmdb.catalog.history import (
    list_builds,
    list_contributions,
    list_product_revisions,
    list_products_at,
)
from mvmdb.catalog.leases import release_build
from mvmdb.errors import InputError
from mvmdb.names import ProductName, SkycellName, parse_observation_id
from mvmdb_cli.output import Form, Format, Json, print_facts, print_json, print_rows
from mvmdb_cli.session import asking

build_app = typer.Typer(no_args_is_help=True, help="Builds, whatever became of them.")

_REVISION_COLUMNS = {
    "product": "product",
    "revision": "revision",
    "state": "state",
    "published_at:%Y-%m-%d %H:%M:%S": "published",
    "superseded_at:%Y-%m-%d %H:%M:%S": "superseded",
    "n_exposures": "exposures",
    "exptime_s:.0f": "exptime/s",
    "n_x_pix": "nx",
    "n_y_pix": "ny",
    "coverage_fraction:.4f": "npixfrac",
}
_CONTRIBUTION_COLUMNS = {
    "product": "product",
    "revision": "revision",
    "state": "state",
    "exposure_revision": "of exposure",
    "n_chips": "chips",
    "n_pixels": "pixels",
    "area_arcsec2:,.0f": "area/arcsec2",
    "weight_share:.4f": "share",
}
_BUILD_COLUMNS = {
    "started_at:%Y-%m-%d %H:%M:%S": "started",
    "duration_s:.1f": "time/s",
    "skycell": "skycell",
    "layer": "layer",
    "selection": "selection",
    "outcome": "outcome",
    "revision": "revision",
    "host": "host",
    "process_id": "process",
    "heartbeat_age_s:.0f": "silent/s",
    "build_id": "build",
    "error": "error",
}


class Outcome(StrEnum):
    """What can become of a build."""

    RUNNING = "running"
    PUBLISHED = "published"
    FAILED = "failed"
    ABANDONED = "abandoned"


def exposure_contributions(
    rootname: Annotated[str, typer.Argument(metavar="ROOTNAME", help="Like ib6o03n9q.")],
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Show what an exposure gave to each product, superseded ones too: pixels, area, share of the weight.

    Example: `mvmdb exposure contributions ib6o03n9q`
    """
    name = parse_observation_id(rootname)
    with asking() as connection:
        find_exposure(connection, name)
        rows = list_contributions(connection, name)
    print_rows(rows, _CONTRIBUTION_COLUMNS, form=form, as_json=as_json)


def product_history(
    name: Annotated[str, typer.Argument(metavar="NAME", help="File name of a product.")],
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the revisions of a product, oldest first, and when each was in force.

    They are those of its layer: one that was published as drz and later as drc appears under both names.

    Example: `mvmdb product history hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits`
    """
    product = ProductName.parse(name)
    with asking() as connection:
        rows = list_product_revisions(connection, product)
    print_rows(rows, _REVISION_COLUMNS, form=form, as_json=as_json)


def print_products_at(moment: datetime, skycell: str | None, *, form: Format, as_json: bool) -> None:
    """Print the products that were current at a moment; without a time zone it is UTC."""
    with asking() as connection:
        at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        rows = list_products_at(connection, at, skycell=skycell)
    print_rows(rows, _REVISION_COLUMNS, form=form, as_json=as_json)


@build_app.command("list")
def build_list(
    host: Annotated[str | None, typer.Option(help="Only builds of this machine.")] = None,
    software: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VERSION", help="Only builds with this version; may be repeated."),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only builds that ended so.")] = None,
    skycell: Annotated[str | None, typer.Option(help="Only builds of this skycell.")] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the builds, newest first: outcome, machine, duration, and why one failed.

    Example: `mvmdb build list --software drizzle=3.0.0 --outcome published`
    """
    with asking() as connection:
        rows = list_builds(
            connection,
            host=host,
            software=dict(_version(item) for item in software or ()),
            outcome=outcome,
            skycell=str(SkycellName.parse(skycell)) if skycell else None,
        )
    print_rows(rows, _BUILD_COLUMNS, form=form, as_json=as_json)


@build_app.command("release")
def build_release(
    build_id: Annotated[str, typer.Argument(metavar="BUILD", help="As `mvmdb build list` shows it.")],
    as_json: Json = False,
) -> None:
    """End the lease of a running build that is known to be dead, so that its layer can be built at once.

    Should it live after all, it can publish nothing any more.

    Example: `mvmdb build release 6f0c1d7e-7f0e-4f0e-9d44-0c7f4f0b5d0a`
    """
    with asking() as connection:
        released = release_build(connection, build_id)
    if as_json:
        print_json(released)
    else:
        print_facts(vars(released))


def _version(text: str) -> tuple[str, str]:
    name, equals, version = text.partition("=")
    if not (name and equals and version):
        raise InputError(f"{text!r} names no version", hint="write it like drizzle=3.0.0")
    return name, version
