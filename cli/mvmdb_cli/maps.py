"""``mvmdb map`` and ``mvmdb moc``: pictures and files of what has been observed where."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.maps import (
    DepthFile,
    MocFile,
    SkycellMap,
    SkyMap,
    draw_sky_map,
    draw_skycell_map,
    make_depth_map,
    make_moc,
)
from mvmdb_cli.output import Json, print_json
from mvmdb_cli.session import asking

map_app = typer.Typer(no_args_is_help=True, help="Maps of a skycell, of its depth, of the whole sky.")


class SkyColour(StrEnum):
    """What the colours of a map of the sky show."""

    COUNT = "count"
    DEPTH = "depth"


Name = Annotated[str, typer.Argument(metavar="NAME", help="A skycell, like p1889x07y19.")]
Layer = Annotated[str | None, typer.Option(help="Only this layer, like wfc3_ir_f160w_coarse.")]
Zoom = Annotated[bool, typer.Option("--zoom", help="Show the common subarray instead of the whole skycell.")]


@map_app.command("skycell")
def map_skycell(
    name: Name,
    output: Annotated[
        Path | None, typer.Option(help="PNG or SVG file to write; NAME_map.png if left out.")
    ] = None,
    layer: Layer = None,
    zoom: Zoom = False,
    as_json: Json = False,
) -> None:
    """Draw the footprints that reach a skycell, coloured by filter, with subarray and neighbours.

    Example: `mvmdb map skycell p1889x07y19 --zoom`
    """
    skycell = SkycellName.parse(name)
    path = output or Path(f"{skycell}_map.png")
    with asking() as connection:
        drawn = draw_skycell_map(connection, skycell, path, layer=_layer(layer), zoom=zoom)
    _print(drawn, f"{drawn.n_exposures} exposures", as_json)


@map_app.command("depth")
def map_depth(
    name: Name,
    output: Annotated[
        Path | None, typer.Option(help="FITS, PNG or SVG file to write; NAME_depth.fits if left out.")
    ] = None,
    layer: Layer = None,
    bin_pix: Annotated[
        int, typer.Option("--bin", min=1, help="Side of a bin in fine pixels of 0.04 arcsec.")
    ] = 25,
    zoom: Zoom = False,
    as_json: Json = False,
) -> None:
    """Map exposure time and number of chips over a skycell or a layer, from footprints alone.

    A footprint counts in a bin by the area that it covers there. FITS files hold both maps with their WCS
    and a table of the exposures; pictures show the exposure time.

    Example: `mvmdb map depth p1889x07y19 --layer wfc3_ir_f160w --output depth.fits`
    """
    skycell = SkycellName.parse(name)
    path = output or Path(f"{skycell}_depth.fits")
    with asking() as connection:
        made = make_depth_map(connection, skycell, path, layer=_layer(layer), bin_pix=bin_pix, zoom=zoom)
    what = f"{made.n_exposures} exposures, {made.n_x_bins} x {made.n_y_bins} bins"
    _print(made, f"{what}, at most {made.max_exptime_s:.0f} s", as_json)


@map_app.command("sky")
def map_sky(
    output: Annotated[
        Path | None, typer.Option(help="PNG or SVG file to write; sky.png if left out.")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", help="Only exposures through this filter, like F160W.")
    ] = None,
    colour: Annotated[
        SkyColour, typer.Option(help="What colours show: the count of exposures, or depth, their time.")
    ] = SkyColour.COUNT,
    order: Annotated[int, typer.Option(min=0, max=9, help="HEALPix order: cells of 55 arcmin at 6.")] = 6,
    cells: Annotated[bool, typer.Option("--cells", help="Also draw the projection cells.")] = False,
    as_json: Json = False,
) -> None:
    """Draw how much of the whole sky has been observed, with the galactic plane.

    Example: `mvmdb map sky --filter F160W --colour depth`
    """
    with asking() as connection:
        drawn = draw_sky_map(
            connection,
            output or Path("sky.png"),
            filter_name=filter_name,
            by_exptime=colour is SkyColour.DEPTH,
            healpix_order=order,
            with_cells=cells,
        )
    _print(drawn, f"{drawn.n_exposures} exposures in {drawn.n_cells} cells", as_json)


def moc(
    skycell: Annotated[
        str | None, typer.Argument(metavar="[SKYCELL]", help="Only within this skycell, like p1889x07y19.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="FITS or JSON file to write; coverage.moc.fits if left out.")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Only this instrument, detector and filter, like wfc3_ir_f160w.")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", help="Only exposures through this filter, like F160W.")
    ] = None,
    order: Annotated[
        int, typer.Option(min=0, max=22, help="HEALPix order: cells of 13 arcsec at 14, a fine pixel at 22.")
    ] = 14,
    as_json: Json = False,
) -> None:
    """Write the sky that exposures cover as a MOC, for Aladin, mocpy and the Virtual Observatory.

    No covered position is missing; cells on the border of a footprint reach beyond it.

    Example: `mvmdb moc --filter F160W --order 12 --output f160w.moc.fits`
    """
    with asking() as connection:
        written = make_moc(
            connection,
            output or Path("coverage.moc.fits"),
            skycell=SkycellName.parse(skycell) if skycell else None,
            layer=_layer(layer),
            filter_name=filter_name,
            healpix_order=order,
        )
    _print(written, f"{written.n_polygons} chips, {written.area_deg2:.6f} square degrees", as_json)


def _layer(name: str | None) -> LayerName | None:
    return LayerName.parse(name) if name else None


def _print(made: SkycellMap | SkyMap | DepthFile | MocFile, summary: str, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made.file}: {summary}")
