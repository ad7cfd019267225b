"""Previews: a picture of every product of a skycell, and one in colour of those that go together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mvmdb.catalog.products import ProductRow, list_products
from mvmdb.errors import UnknownObjectError
from mvmdb.files.avm import Channel, PictureTags
from mvmdb.files.preview import write_colour, write_preview
from mvmdb.files.product import read_product_header, science_array
from mvmdb.files.storage import StoredObject
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.storage import product_store
from mvmdb.sky.grid import PixelBox, TanGrid, box_at_scale, skycell_grid

COLOURS = ("Red", "Green", "Blue")

_N_SAMPLES = 200
"""Points on a side at which layers are asked whether they are observed there."""
_SAME_DETECTOR_GAIN = 1.5
"""Layers of one detector, equal in sharpness, are worth half as much overlap again."""
_ENOUGH_STEP = math.log(1.3)
"""Neighbouring wavelengths whose ratio is 1.3 or more give distinct colours."""


@dataclass(frozen=True)
class PictureFile:
    """A picture that was drawn, or was there and newer than its products."""

    kind: str
    """``layer`` or ``colour``."""
    skycell: str
    """The skycell it shows a part of."""
    layers: list[str]
    """What it shows; of a colour picture in the order red, green, blue."""
    path: str
    """The PNG file."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A layer that a colour picture may show."""

    layer: LayerName
    wavelength_angstrom: float
    exptime_s: float
    observed: NDArray[np.bool_]
    """Whether it is observed, on a grid of points that all layers of a skycell share."""


def skycell_products(
    connection: Connection, skycell: SkycellName, layer: LayerName | None = None, selection: str = "all"
) -> list[ProductRow]:
    """Return the current products of a skycell and one selection, or the one of a layer.

    Raises
    ------
    UnknownObjectError
        There is none.
    """
    products = list_products(connection, skycell=str(skycell))
    found = [
        product
        for product in products
        if product.selection == selection and (layer is None or product.layer == str(layer))
    ]
    if not found:
        what = f"layer {layer} of {skycell}" if layer else f"skycell {skycell}"
        build = f"{skycell} {layer}" if layer else f"{skycell}"
        if selection != "all":
            what, build = f"{what}, selection {selection},", f"{build} --selection {selection}"
        raise UnknownObjectError(f"{what} has no product", hint=f"build it: mvmdb layer build {build}")
    return found


def draw_pictures(
    products: Sequence[ProductRow], directory: Path, *, keep_newer: bool = False
) -> Iterator[PictureFile]:
    """Write a PNG of every product of a skycell, then one in colour if two layers or more allow it.

    Parameters
    ----------
    products
        Current products of one skycell and selection.
    directory
        Where the pictures go; made if it does not exist.
    keep_newer
        Leave pictures alone that are newer than what they show.

    Raises
    ------
    ProductFileError
        A product cannot be read.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for product in products:
        picture = directory / f"{Path(product.product).stem}.png"
        if not (keep_newer and _is_newer(picture, [product])):
            with science_array(_local_copy(product)) as science:
                write_preview(picture, science, grid=_grid(product), tags=_tags([product], ["Grayscale"]))
        yield PictureFile("layer", product.skycell, [product.layer], str(picture))
    chosen = colour_layers([_candidate(product) for product in products]) if len(products) > 1 else ()
    if chosen:
        by_layer = {product.layer: product for product in products}
        yield _draw_colour([by_layer[str(layer)] for layer in chosen], directory, keep_newer=keep_newer)


def colour_layers(candidates: Iterable[Candidate]) -> tuple[LayerName, ...]:
    """Return the layers of a colour picture, from the longest to the shortest wavelength.

    Returns
    -------
    tuple of LayerName
        Three layers, or two where there are only two; none where no two overlap.

    Notes
    -----
    Of two scales of the same filter the fine one counts. Those layers are taken whose common area is
    largest, where one detector and well separated wavelengths count for more area; between equals the
    deepest.
    """
    finest: dict[tuple[str, str, str], Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: (one.layer.scale == "coarse", str(one.layer))):
        name = candidate.layer
        finest.setdefault((name.instrument, name.detector, name.filter), candidate)
    for number in (3, 2):
        sets = [
            tuple(sorted(some, key=lambda one: -one.wavelength_angstrom))
            for some in itertools.combinations(finest.values(), number)
        ]
        best = max(sets, key=_merit, default=())
        if best and _merit(best)[0] > 0:
            return tuple(one.layer for one in best)
    return ()


def _merit(some: Sequence[Candidate]) -> tuple[float, float]:
    overlap = float(np.logical_and.reduce([one.observed for one in some]).mean())
    steps = [math.log(a.wavelength_angstrom / b.wavelength_angstrom) for a, b in itertools.pairwise(some)]
    detectors = {(one.layer.instrument, one.layer.detector) for one in some}
    gain = _SAME_DETECTOR_GAIN if len(detectors) == 1 else 1.0
    return overlap * gain * min(1.0, min(steps) / _ENOUGH_STEP), min(one.exptime_s for one in some)


def wavelength_angstrom(layer: LayerName, photplam_angstrom: float | None) -> float:
    """Return the pivot wavelength of a layer; where no calibration says it, from the number in its filter.

    Notes
    -----
    The number is the wavelength in nanometres, of the infrared filters of WFC3 a tenth of it.
    """
    if photplam_angstrom:
        return photplam_angstrom
    digits = "".join(itertools.takewhile(str.isdigit, layer.filter.lstrip("abcdefghijklmnopqrstuvwxyz")))
    return (int(digits) if digits else 500) * (100.0 if layer.detector == "ir" else 10.0)


def _candidate(product: ProductRow) -> Candidate:
    layer, photplam = LayerName.parse(product.layer), _photplam(product)
    with science_array(_local_copy(product)) as science:
        rows, columns = (
            np.linspace(0, length - 1, _N_SAMPLES).round().astype(int) for length in science.shape
        )
        observed = np.isfinite(science[np.ix_(rows, columns)])
    return Candidate(layer, wavelength_angstrom(layer, photplam), product.mean_exptime_s, observed)


def _photplam(product: ProductRow) -> float | None:
    value = read_product_header(_source(product)).science.get("PHOTPLAM")
    return float(value) if isinstance(value, int | float) else None


def _grid(product: ProductRow) -> TanGrid:
    scale = LayerName.parse(product.layer).scale
    box = box_at_scale(PixelBox(product.x0, product.y0, product.x1, product.y1), scale)
    return skycell_grid(SkycellName.parse(product.skycell), scale).subarray(box)


def _tags(products: Sequence[ProductRow], colours: Sequence[str]) -> PictureTags:
    headers = [read_product_header(_source(product)).keywords for product in products]
    channels = tuple(
        Channel(
            f"{header['INSTRUME']}/{header['DETECTOR']}",
            str(header["FILTER"]),
            wavelength_angstrom(LayerName.parse(product.layer), _photplam(product)),
            product.exptime_s,
            colour,
        )
        for product, header, colour in zip(products, headers, colours, strict=True)
    )
    targets = {str(header["TARGNAME"]) for header in headers if "TARGNAME" in header} - {"MULTIPLE"}
    layers = ", ".join(product.layer for product in products)
    return PictureTags(
        f"Hubble skycell {products[0].skycell}: {layers}",
        targets.pop() if len(targets) == 1 else None,
        channels,
        simulated=any(header.get("SIMULATE") is True for header in headers),
    )


def _draw_colour(shown: Sequence[ProductRow], directory: Path, *, keep_newer: bool) -> PictureFile:
    skycell, selection = shown[0].skycell, shown[0].selection
    name = skycell if selection == "all" else f"{skycell}_{selection}"
    picture = directory / f"{name}_colour.png"
    if not (keep_newer and _is_newer(picture, shown)):
        with ExitStack() as stack:
            arrays = [stack.enter_context(science_array(_local_copy(product))) for product in shown]
            grids = [_grid(product) for product in shown]
            if len(shown) == 2:  # the green of two layers is their mean
                arrays.insert(1, np.full(arrays[0].shape, np.nan, dtype=np.float32))
                grids.insert(1, grids[0])
            colours = COLOURS if len(shown) == 3 else (COLOURS[0], COLOURS[2])
            write_colour(picture, *arrays, grids=grids, tags=_tags(shown, colours))
    return PictureFile("colour", skycell, [product.layer for product in shown], str(picture))


def _is_newer(picture: Path, products: Sequence[ProductRow]) -> bool:
    newest = max(product_store(one.file_path).modified_s(one.file_path) for one in products)
    return picture.exists() and picture.stat().st_mtime >= newest


def _local_copy(product: ProductRow) -> Path:
    return product_store(product.file_path).local_copy(product.file_path)


def _source(product: ProductRow) -> Path | StoredObject:
    return product_store(product.file_path).source(product.file_path)
