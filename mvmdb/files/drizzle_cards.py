"""Keywords of each chip as drizzled products have them: ``D001VER`` to ``D999ISCL``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from mvmdb.files.cards import HeaderCard
from mvmdb.files.hdrtab import ChipHeader, distortion
from mvmdb.records import LayerInput, LayerPlan

MOST_CHIPS = 999
"""A keyword has eight characters: D, three digits and four letters."""


def drizzle_cards(plan: LayerPlan, chip_headers: Sequence[ChipHeader]) -> Iterator[HeaderCard]:
    """Yield the cards of the first 999 chips, in the order of the context bits.

    Notes
    -----
    The names are those of AstroDrizzle. Values say what this engine did: the weight and context images are
    extensions of the product, the mask is made from DQ on the way, and no file of it is kept.
    """
    for chip, header in list(zip(plan.inputs, chip_headers, strict=True))[:MOST_CHIPS]:
        stem = f"D{chip.context_index + 1:03d}"
        for name, value, comment in _chip_cards(plan, chip, header):
            yield HeaderCard(stem + name, value, comment)


def _chip_cards(
    plan: LayerPlan, chip: LayerInput, header: ChipHeader
) -> Iterator[tuple[str, str | float | int, str]]:
    how = plan.parameters
    yield "VER", plan.engine, "drizzle: software"
    yield "GEOM", "wcs", "drizzle: source of the geometry"
    yield "DATA", f"{PurePath(chip.file.path).name}[sci,{chip.chip}]", "drizzle: input image"
    yield "DEXP", chip.exptime_s, "drizzle: exposure time of the input (s)"
    yield "OUDA", str(plan.product_name), "drizzle: output"
    yield "OUWE", "[WHT]", "drizzle: output weights, in this file"
    yield "OUCO", "[CTX]", "drizzle: output context, in this file"
    yield "MASK", f"DQ, bits {how.good_bits} ignored", "drizzle: input mask"
    yield "WTSC", 1.0, "drizzle: factor of the weight"
    yield "KERN", how.kernel, "drizzle: kernel"
    yield "PIXF", how.pixfrac, "drizzle: side of the drop / input pixel"
    yield "COEF", distortion(header), "drizzle: distortion that was applied"
    yield "OUUN", "cps", "drizzle: unit of the output, per second"
    yield "FVAL", "NaN", "drizzle: value where the weight is 0"
    yield "WKEY", "", "drizzle: alternate WCS of the input, none"
    yield "SCAL", plan.grid.scale_arcsec, "drizzle: output pixel (arcsec)"
    yield "ISCL", chip.file.pixel_scale_arcsec, "drizzle: input pixel (arcsec)"
