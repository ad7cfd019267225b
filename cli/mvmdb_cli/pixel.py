"""``mvmdb pixel``: what made a pixel of a mosaic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.pixel import PixelInput, ProductPixel, find_pixels
from mvmdb_cli.output import Form, Format, Json, print_facts, print_json, print_rows
from mvmdb_cli.positions import Declination, RightAscension, parse_position
from mvmdb_cli.session import asking

_COLUMNS = {
    "context_plane": "plane",
    "context_bit": "bit",
    "exposure": "exposure",
    "chip": "chip",
    "start_utc": "date",
    "exptime_s:.1f": "exptime/s",
    "weight_share:.3f": "share",
    "n_pixels": "pixels",
    "proposal_id": "proposal",
    "wcsname": "wcsname",
    "sky_e_per_s_arcsec2:.4f": "sky/(e/s/arcsec2)",
    "flux_scale:.4f": "scale",
}


@dataclass(frozen=True)
class InputOfPixel(PixelInput):
    """One chip with the pixel that it gave light to: a line of a table for programs."""

    product: str
    x_pix: int
    y_pix: int
    science_e_per_s: float | None
    weight_s: float


def pixel(
    ra: RightAscension,
    dec: Declination,
    layer: Annotated[str | None, typer.Option(help="Only this layer, like wfc3_ir_f160w.")] = None,
    skycell: Annotated[str | None, typer.Option(help="Only this skycell, like p1889x07y19.")] = None,
    box_pix: Annotated[
        int, typer.Option("--box", min=1, max=1001, help="Side of a box around the pixel, an odd number.")
    ] = 1,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Show the pixel at a position in every product that holds it, and the exposures that made it.

    The share of an exposure is reckoned from exposure time x area ratio: products do not store what each
    input gave to the weight. It is too large for an exposure that lights only a part of the pixel.

    Example: `mvmdb pixel 181.1186 27.9537 --layer wfc3_ir_f160w`
    """
    ra_deg, dec_deg = parse_position(ra, dec)
    with asking() as connection:
        found = find_pixels(
            connection,
            ra_deg,
            dec_deg,
            layer=LayerName.parse(layer) if layer else None,
            skycell=SkycellName.parse(skycell) if skycell else None,
            box_pix=box_pix,
        )
    if as_json or form is Format.JSON:
        print_json(found)
    elif form is Format.TABLE:
        for shown in found:
            _print_pixel(shown)
    else:
        print_rows([line for shown in found for line in _lines(shown)], _COLUMNS, form=form)


def _print_pixel(shown: ProductPixel) -> None:
    observed, whole = shown.science_e_per_s is not None, f"{shown.expected_weight_s:.6g} s"
    facts = {
        "product": f"{shown.product}  revision {shown.revision}",
        "pixel": f"x {shown.x_pix}  y {shown.y_pix}  (FITS and ds9: {shown.x_fits} {shown.y_fits})",
        "skycell pixel": f"x {shown.x_skycell_pix:.3f}  y {shown.y_skycell_pix:.3f}  (fine, 0-based)",
        "SCI": f"{shown.science_e_per_s:.6g} e-/s" if observed else "not observed",
        "WHT": f"{shown.weight_s:.6g} s  ({whole} where its inputs cover it whole)",
    }
    if shown.error_e_per_s is not None:
        facts["ERR"] = f"{shown.error_e_per_s:.6g} e-/s"
    if shown.n_box_pixels > 1:
        facts["box"] = f"{shown.n_box_pixels} pixels, {shown.n_box_pixels_observed} observed"
    print_facts(facts)
    print_rows(shown.inputs, _COLUMNS)
    typer.echo()


def _lines(shown: ProductPixel) -> list[InputOfPixel]:
    return [
        InputOfPixel(
            **vars(given),
            product=shown.product,
            x_pix=shown.x_pix,
            y_pix=shown.y_pix,
            science_e_per_s=shown.science_e_per_s,
            weight_s=shown.weight_s,
        )
        for given in shown.inputs
    ]
