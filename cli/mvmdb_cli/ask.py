"""Questions: what lies at a position, what a skycell, exposure or product is, where it came from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from mvmdb.catalog.exposures import (
    find_exposure,
    list_exposures,
    list_failures,
    list_revisions,
    list_skycells,
)
from mvmdb.catalog.footprints import list_overlaps
from mvmdb.catalog.layers import find_extent, list_layers
from mvmdb.catalog.positions import find_primary_skycell, list_skycells_at
from mvmdb.catalog.products import (
    find_product,
    list_exposure_products,
    list_product_inputs,
    list_products,
)
from mvmdb.errors import EmptyLayerError, NameFormatError
from mvmdb.names import LayerName, ProductName, SkycellName, parse_observation_id
from mvmdb.sky.grid import TanGrid, skycell_grid
from mvmdb_cli.coverage import EXPOSURE_COLUMNS
from mvmdb_cli.history import print_products_at
from mvmdb_cli.output import Form, Format, Json, plain, print_facts, print_json, print_rows
from mvmdb_cli.positions import NEGATIVE_NUMBERS, Declination, RightAscension, parse_position
from mvmdb_cli.session import asking

skycell_app = typer.Typer(no_args_is_help=True, help="Skycells: by position or by name.")
exposure_app = typer.Typer(no_args_is_help=True, help="Exposures in the database.")
product_app = typer.Typer(no_args_is_help=True, help="Products: the files that builds published.")

LAYER_COLUMNS = {
    "layer": "layer",
    "n_exposures": "exposures",
    "exptime_s:.0f": "exptime/s",
    "first_date": "first",
    "last_date": "last",
    "area_arcmin2:.2f": "area/arcmin2",
    "product": "product",
}
_PROVENANCE_COLUMNS = {
    "context_plane": "plane",
    "context_bit": "bit",
    "exposure": "exposure",
    "chip": "chip",
    "exptime_s:.1f": "exptime/s",
    "start_mjd:.3f": "start/MJD",
    "proposal_id": "proposal",
    "wcsname": "wcsname",
    "n_pixels_contributed": "pixels",
}


@skycell_app.command("at", context_settings=NEGATIVE_NUMBERS)
def skycell_at(
    ra: RightAscension,
    dec: Declination,
    primary: Annotated[bool, typer.Option("--primary", help="Only the one that owns the position.")] = False,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the skycells that hold a position, nearest projection-cell centre first.

    Example: `mvmdb skycell at 180.9 27.9`
    """
    ra_deg, dec_deg = parse_position(ra, dec)
    with asking() as connection:
        if primary:
            rows = [find_primary_skycell(connection, ra_deg, dec_deg)]
        else:
            rows = list_skycells_at(connection, ra_deg, dec_deg)
    headings = {
        "skycell": "skycell",
        "x_pix:.2f": "x/pixel",
        "y_pix:.2f": "y/pixel",
        "offset_deg:.4f": "offset/deg",
    }
    print_rows(rows, headings, form=form, as_json=as_json)


@skycell_app.command("show")
def skycell_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Like p1889x07y19.")], as_json: Json = False
) -> None:
    """Show a skycell: its WCS, its common subarray and its layers.

    Example: `mvmdb skycell show p1889x07y19`
    """
    skycell = SkycellName.parse(name)
    with asking() as connection:
        try:
            extent = find_extent(connection, skycell)
        except EmptyLayerError:
            extent = None
        layers = list_layers(connection, skycell)
    fine = skycell_grid(skycell)
    facts = {
        "skycell": str(skycell),
        "fine": _grid_facts(fine),
        "coarse": _grid_facts(skycell_grid(skycell, "coarse")),
        "extent": extent,
        "subarray": _grid_facts(fine.subarray(extent)) if extent else None,
    }
    if as_json:
        print_json({**facts, "layers": layers})
        return
    print_facts({name: _one_line(plain(value)) for name, value in facts.items()})
    print_rows(layers, LAYER_COLUMNS)


def _grid_facts(grid: TanGrid) -> dict[str, object]:
    return {
        "crval_deg": [grid.crval_ra_deg, grid.crval_dec_deg],
        "crpix": [grid.crpix_x, grid.crpix_y],
        "scale_arcsec": grid.scale_arcsec,
        "naxis": [grid.n_x_pix, grid.n_y_pix],
    }


def _one_line(value: object) -> object:
    if isinstance(value, dict):
        return "  ".join(f"{name} {item}" for name, item in value.items())
    return value


@exposure_app.command("list")
def exposure_list(
    skycell: Annotated[str | None, typer.Option(help="Only those that reach this skycell.")] = None,
    excluded: Annotated[
        bool, typer.Option("--excluded", help="Only those that enter no layer, with the reason.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Files that could not be ingested, instead.")
    ] = False,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the exposures in the database, in order of time.

    Example: `mvmdb exposure list --skycell p1889x07y19`
    """
    with asking() as connection:
        if failed:
            headings = {"file_path": "file", "error": "error", "keyword": "keyword", "message": "message"}
            print_rows(list_failures(connection), headings, form=form, as_json=as_json)
            return
        name = str(SkycellName.parse(skycell)) if skycell else None
        rows = list_exposures(connection, excluded=excluded or None, skycell=name)
    columns = {**EXPOSURE_COLUMNS, "exclusion_detail": "because"} if excluded else EXPOSURE_COLUMNS
    print_rows(rows, columns, form=form, as_json=as_json)


@exposure_app.command("show")
def exposure_show(
    rootname: Annotated[str, typer.Argument(metavar="ROOTNAME", help="Like ib6o03n9q.")],
    as_json: Json = False,
) -> None:
    """Show an exposure: its facts, its revisions, the skycells it reaches, the products it went into.

    Example: `mvmdb exposure show ib6o03n9q`
    """
    name = parse_observation_id(rootname)
    with asking() as connection:
        exposure = find_exposure(connection, name)
        revisions = list_revisions(connection, name)
        skycells = list_skycells(connection, name)
        products = sorted({row.product for row in list_exposure_products(connection, name)})
    if as_json:
        facts = plain(exposure)
        print_json({**facts, "revisions": revisions, "skycells": skycells, "products": products})
        return
    print_facts({**plain(exposure), "skycells": " ".join(skycells), "products": "\n".join(products)})
    headings = {
        "revision": "revision",
        "is_current": "current",
        "file_type": "type",
        "ingested_at": "ingested",
    }
    print_rows(revisions, {**headings, "file_path": "file"})


@exposure_app.command("overlaps")
def exposure_overlaps(
    skycell: Annotated[str, typer.Argument(metavar="SKYCELL", help="Like p1889x07y19.")],
    layer: Annotated[str | None, typer.Option(help="Only the exposures of this layer.")] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List which exposures overlap within a skycell, and by how much, the earlier of two first.

    A fraction is that of the smaller of the two, within the skycell.

    Example: `mvmdb exposure overlaps p1889x07y19 --layer wfc3_ir_f160w`
    """
    name = SkycellName.parse(skycell)
    with asking() as connection:
        rows = list_overlaps(connection, name, LayerName.parse(layer) if layer else None)
    headings = {
        "exposure": "exposure",
        "filter": "filter",
        "other": "other",
        "other_filter": "filter",
        "area_pix:,.0f": "overlap/pixels",
        "area_arcmin2:.3f": "overlap/arcmin2",
        "fraction:.3f": "fraction",
    }
    print_rows(rows, headings, form=form, as_json=as_json)


@product_app.command("list")
def product_list(
    skycell: Annotated[
        str | None, typer.Argument(metavar="SKYCELL", help="Only of this skycell, like p1889x07y19.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="As they were at this UTC time; a date means its beginning."),
    ] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """List the products, of one skycell or of all; with --at as they were.

    Example: `mvmdb product list p1889x07y19`
    """
    name = str(SkycellName.parse(skycell)) if skycell else None
    if at is not None:
        print_products_at(at, name, form=form, as_json=as_json)
        return
    with asking() as connection:
        rows = list_products(connection, skycell=name)
    headings = {
        "product": "product",
        "revision": "revision",
        "n_x_pix": "nx",
        "n_y_pix": "ny",
        "n_exposures": "exposures",
        "exptime_s:.0f": "exptime/s",
        "coverage_fraction:.4f": "npixfrac",
        "published_utc": "published",
    }
    print_rows(rows, headings, form=form, as_json=as_json)


@product_app.command("show")
def product_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="File name of a product.")],
    as_json: Json = False,
) -> None:
    """Show a product: file, statistics, recipe, and what went into it.

    Example: `mvmdb product show hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits`
    """
    with asking() as connection:
        product = find_product(connection, name)
        inputs = list_product_inputs(connection, name)
    if as_json:
        print_json({**plain(product), "inputs": inputs})
        return
    print_facts(plain(product))
    print_rows(inputs, _PROVENANCE_COLUMNS)


def provenance(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A product's file name or an exposure's root name.")
    ],
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Show where a product came from, or where an exposure went.

    Examples: `mvmdb provenance ib6o03n9q`,
    `mvmdb provenance hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits`
    """
    with asking() as connection:
        if _is_product(name):
            find_product(connection, name)
            rows = list_product_inputs(connection, name)
        else:
            rootname = parse_observation_id(name)
            find_exposure(connection, rootname)
            rows = list_exposure_products(connection, rootname)
    columns = _PROVENANCE_COLUMNS if _is_product(name) else {"product": "product", **_PROVENANCE_COLUMNS}
    print_rows(rows, columns, form=form, as_json=as_json)


def _is_product(name: str) -> bool:
    try:
        ProductName.parse(name)
    except NameFormatError:
        return False
    return True
