"""``mvmdb product diff``: two products compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvmdb.mosaic.difference import Distribution, PixelDifference
from mvmdb.pipeline.difference import ProductDifference, View, compare_products
from mvmdb_cli.output import Json, print_facts, print_json, print_rows
from mvmdb_cli.positions import parse_position
from mvmdb_cli.session import asking

_INPUT_COLUMNS = {"change": "input", "exposure": "exposure", "chip": "chip", "before": "A", "after": "B"}
_VALUE_COLUMNS = {"what": "what", "name": "name", "before": "A", "after": "B"}


def product_diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A product's name, NAME@REVISION, or a file.")],
    b: Annotated[
        str | None, typer.Argument(metavar="B", help="Another; without it, A's last revision against A.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw A, B and B - A into this PNG or SVG file.")
    ] = None,
    at: Annotated[
        tuple[str, str] | None,
        typer.Option("--at", metavar="RA DEC", help="Draw the surroundings of this position only."),
    ] = None,
    box: Annotated[int, typer.Option(min=1, help="How many pixels of them, on a side; with --at.")] = 400,
    as_json: Json = False,
) -> None:
    """Compare two products of one skycell and scale: inputs, parameters, extent, software, pixels.

    Examples: `mvmdb product diff hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits`,
    `mvmdb product diff NAME@1 NAME@3 --picture diff.png`
    """
    view = View(*parse_position(*at), side_pix=box) if at else None
    with asking() as connection:
        difference = compare_products(connection, a, b, picture=picture, view=view)
    if as_json:
        print_json(difference)
    else:
        _print(difference)


def _print(difference: ProductDifference) -> None:
    a, b = difference.a, difference.b
    facts = {
        "A": f"{a.product} revision {a.revision}: {a.file_path}",
        "B": f"{b.product} revision {b.revision}: {b.file_path}",
        "recipe": "the same" if difference.same_recipe else "not the same",
        "unchanged inputs": difference.n_inputs_unchanged,
    }
    if difference.order_changed:
        facts["order"] = "inputs of both were drizzled in another order"
    print_facts(facts)
    if difference.inputs:
        print_rows(difference.inputs, _INPUT_COLUMNS)
    if difference.values:
        print_rows(difference.values, _VALUE_COLUMNS)
    if difference.pixels is None:
        gone = " and ".join(one.product for one in (a, b) if one.file_state == "pruned")
        typer.echo(f"pixels cannot be compared: the file of {gone} has been pruned")
    else:
        print_facts(_pixel_facts(difference.pixels))
    if difference.picture:
        typer.echo(f"picture: {difference.picture}")


def _pixel_facts(pixels: PixelDifference) -> dict[str, str]:
    return {
        "pixels in common": f"{pixels.n_pixels_common:,d}",
        "observed in both": f"{pixels.n_observed_both:,d}",
        "in A only": f"{pixels.n_only_a:,d}",
        "in B only": f"{pixels.n_only_b:,d}",
        "differing": f"{pixels.n_differing:,d}",
        "SCI, B - A (e-/s)": _in_words(pixels.science),
        f"in units of noise ({pixels.noise_from})": _in_words(pixels.noise),
        "WHT, B - A (s)": _in_words(pixels.weight),
        "flux A, B (e-/s)": f"{pixels.flux_a:.6g}, {pixels.flux_b:.6g}",
        "flux B - A (e-/s)": f"{pixels.flux_b - pixels.flux_a:.6g}",
    }


def _in_words(found: Distribution | None) -> str:
    if found is None:
        return "nothing to compare"
    return (
        f"median {found.median:.4g}; 16, 84 %: {found.percentile_16:.4g}, {found.percentile_84:.4g};"
        f" 1, 99 %: {found.percentile_1:.4g}, {found.percentile_99:.4g};"
        f" least, greatest: {found.least:.4g}, {found.greatest:.4g}; mean {found.mean:.4g}"
    )
