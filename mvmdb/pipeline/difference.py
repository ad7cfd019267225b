"""Two products compared: what they were made of, with what, and their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from mvmdb.catalog.product_versions import ProductVersion, find_predecessor, find_version
from mvmdb.errors import EmptyLayerError, GridMismatchError, InputError, UnknownObjectError
from mvmdb.files.preview import block_average
from mvmdb.files.product import image_arrays
from mvmdb.files.product_record import read_record
from mvmdb.files.storage import is_url
from mvmdb.files.writing import require_suffix, write_whole
from mvmdb.mosaic.difference import ImagePair, PixelDifference, compare_images
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.pipeline.storage import product_store
from mvmdb.sky.grid import PixelBox, TanGrid, box_at_scale, skycell_grid

_PICTURE_SIDE_PIX = 800


@dataclass(frozen=True)
class ComparedProduct:
    """One of two products that are compared."""

    product: str
    """File name of the product."""
    revision: int
    """Revision of the product."""
    build_id: str
    """Build that made it."""
    file_path: str
    """Where its file is, or was."""
    file_state: str
    """in_place, lost, damaged or pruned; without a file pixels cannot be compared."""
    parameter_set: str
    """Named set the parameters come from."""


@dataclass(frozen=True)
class InputChange:
    """A chip that is not the same in both."""

    change: str
    """added, removed or revised."""
    exposure: str
    """Root name."""
    chip: int
    """EXTVER of its SCI extension."""
    before: str | None
    """Hash of the exposure's file in A; null where A lacks it."""
    after: str | None
    """Hash of the exposure's file in B; null where B lacks it."""


@dataclass(frozen=True)
class ValueChange:
    """Something besides the inputs that is not the same in both."""

    what: str
    """parameter, extent, engine, software, or another part of the recipe."""
    name: str
    """Name of the parameter or of the software; else as ``what``."""
    before: str | None
    """Value in A; null where A lacks it."""
    after: str | None
    """Value in B; null where B lacks it."""


@dataclass(frozen=True)
class ProductDifference:
    """How two products differ."""

    a: ComparedProduct
    """The first."""
    b: ComparedProduct
    """The second."""
    same_recipe: bool
    """Whether inputs, extent, parameters and engine are the same."""
    n_inputs_unchanged: int
    """Chips that went into both with the same content."""
    inputs: list[InputChange]
    """Chips added, removed or revised."""
    order_changed: bool
    """Whether chips of both were drizzled in another order."""
    values: list[ValueChange]
    """Parameters, extent, engine and software that differ."""
    pixels: PixelDifference | None
    """How the pixels differ; null where a file is not there."""
    picture: str | None
    """The picture that was drawn."""


@dataclass(frozen=True)
class View:
    """The part of the sky that a picture shows; the whole common box without a position."""

    ra_deg: float
    dec_deg: float
    side_pix: int


def compare_products(
    connection: Connection, a: str, b: str | None, *, picture: Path | None = None, view: View | None = None
) -> ProductDifference:
    """Return how two products differ, B against A.

    Parameters
    ----------
    connection
        Inside a transaction.
    a, b
        Paths of product files, product names, or names with a revision like ``NAME@3``. Without ``b``, the
        product that the current one superseded, and the current one.
    picture
        PNG or SVG file to draw A, B and their difference in.
    view
        What the picture shows.

    Raises
    ------
    UnknownObjectError
        No such product or revision.
    ProductFileError
        A file cannot be read.
    GridMismatchError
        The products lie on different grids: other skycells, or other scales.
    EmptyLayerError
        The products, or the view, have no pixel in common.
    MissingPackageError
        A picture is wanted and matplotlib is not installed.
    """
    if picture is not None:
        from mvmdb.pictures.figure import SUFFIXES  # noqa: PLC0415

        require_suffix(picture, SUFFIXES)
    first, second = _sides(connection, a, b)
    grid = _common_grid(first, second)
    difference = _compare_recipes(first, second)
    if "pruned" in (first.file_state, second.file_state):
        return difference
    box = _seen(grid, view)
    with _opened_pair(first, second) as pair:
        difference = replace(difference, pixels=compare_images(pair))
        seen = [_averaged(image, box) for image in (pair.science_a, pair.science_b)] if picture else []
    if picture is None:
        return difference
    _draw(picture, seen[0], seen[1], grid, box, titles=(_title(first), _title(second)))
    return replace(difference, picture=str(picture))


def _sides(connection: Connection, a: str, b: str | None) -> tuple[ProductVersion, ProductVersion]:
    if b is not None:
        return _side(connection, a), _side(connection, b)
    if _is_file(a) or "@" in a:
        raise InputError(f"with what is {a} to be compared?", hint="name a second product")
    name = ProductName.parse(a)
    return find_predecessor(connection, name), find_version(connection, name)


def _side(connection: Connection, text: str) -> ProductVersion:
    if _is_file(text):
        return _version_of_file(text if is_url(text) else str(Path(text).resolve()))
    name, at, revision = text.rpartition("@")
    if at and not revision.isdecimal():
        raise UnknownObjectError(f"{text}: {revision!r} is no revision", hint="write it like NAME@3")
    if at:
        return find_version(connection, ProductName.parse(name), int(revision))
    if "/" in text:
        raise UnknownObjectError(
            f"there is no file {text}", hint="name a file, or a product without its path"
        )
    return find_version(connection, ProductName.parse(text))


def _is_file(text: str) -> bool:
    return product_store(text).size_bytes(text) is not None


def _version_of_file(location: str) -> ProductVersion:
    record = read_record(product_store(location).source(location))
    return ProductVersion(
        str(record.product_name),
        record.revision,
        record.build_id,
        location,
        "in_place",
        record.recipe,
        record.parameter_set,
        record.versions,
    )


def _box(version: ProductVersion) -> PixelBox:
    """Return the subarray of a product in pixels of its own scale."""
    return box_at_scale(PixelBox(**version.recipe["extent"]), _layer(version).scale)


def _layer(version: ProductVersion) -> LayerName:
    return LayerName.parse(version.recipe["layer"])


def _common_grid(a: ProductVersion, b: ProductVersion) -> TanGrid:
    """Return the grid of the pixels that both products have."""
    grids = [(version.recipe["skycell"], _layer(version).scale) for version in (a, b)]
    if grids[0] != grids[1]:
        told = " and ".join(f"{skycell} at {scale} scale" for skycell, scale in grids)
        raise GridMismatchError(
            f"{a.product} and {b.product} lie on different grids: {told}",
            hint="compare products of one skycell and one scale",
        )
    common = _intersection(_box(a), _box(b))
    if common.width <= 0 or common.height <= 0:
        raise EmptyLayerError(f"{a.product} and {b.product} have no pixel in common")
    return skycell_grid(SkycellName.parse(grids[0][0]), grids[0][1]).subarray(common)


def _intersection(a: PixelBox, b: PixelBox) -> PixelBox:
    return PixelBox(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1))


def _compare_recipes(a: ProductVersion, b: ProductVersion) -> ProductDifference:
    before, after = (_inputs(version) for version in (a, b))
    both = [key for key in before if key in after]
    return ProductDifference(
        a=_shown(a),
        b=_shown(b),
        same_recipe=a.recipe == b.recipe,
        n_inputs_unchanged=sum(before[key] == after[key] for key in both),
        inputs=list(_input_changes(before, after)),
        order_changed=both != [key for key in after if key in before],
        values=list(_value_changes(a, b)),
        pixels=None,
        picture=None,
    )


def _shown(version: ProductVersion) -> ComparedProduct:
    return ComparedProduct(
        version.product,
        version.revision,
        str(version.build_id),
        version.file_path,
        version.file_state,
        version.parameter_set,
    )


def _inputs(version: ProductVersion) -> dict[tuple[str, int], str]:
    return {(rootname, chip): sha256 for rootname, chip, sha256 in version.recipe["inputs"]}


def _input_changes(
    before: Mapping[tuple[str, int], str], after: Mapping[tuple[str, int], str]
) -> Iterator[InputChange]:
    for key in sorted({**before, **after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            change = "added" if old is None else "removed" if new is None else "revised"
            yield InputChange(change, *key, old, new)


def _value_changes(a: ProductVersion, b: ProductVersion) -> Iterator[ValueChange]:
    yield from _changes("parameter", a.recipe["parameters"], b.recipe["parameters"])
    special = {"inputs", "parameters"}
    others = [{k: v for k, v in version.recipe.items() if k not in special} for version in (a, b)]
    for change in _changes("", *others):
        yield replace(change, what=change.name)
    yield from _changes("software", a.versions, b.versions)


def _changes(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ValueChange]:
    for name in sorted({**before, **after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield ValueChange(what, name, _text(old), _text(new))


def _text(value: Any) -> str | None:
    if isinstance(value, Mapping):  # of a database, its order is lost
        names = [field.name for field in fields(PixelBox)]
        ordered = names if set(names) == set(value) else sorted(value)
        return " ".join(str(value[name]) for name in ordered)
    return None if value is None else str(value)


@contextmanager
def _opened_pair(a: ProductVersion, b: ProductVersion) -> Iterator[ImagePair]:
    """Give the pixels that both products have, mapped from their files."""
    common = _intersection(_box(a), _box(b))
    with ExitStack() as stack:
        arrays = []
        for version in (a, b):
            path = product_store(version.file_path).local_copy(version.file_path)
            box, images = _box(version), stack.enter_context(image_arrays(path))
            if images["SCI"].shape != box.shape:
                raise GridMismatchError(
                    f"{version.file_path}: SCI is {images['SCI'].shape}, its recipe says {box.shape}"
                )
            part = common.shifted(-box.x0, -box.y0).slices
            arrays.append({name: image[part] for name, image in images.items()})
        first, second = arrays
        yield ImagePair(
            first["SCI"], first["WHT"], second["SCI"], second["WHT"], first.get("ERR"), second.get("ERR")
        )


def _seen(grid: TanGrid, view: View | None) -> PixelBox:
    """Return what a picture shows, in pixels of the common grid."""
    if view is None:
        return grid.box
    place = np.nan_to_num(grid.sky_to_pixel(view.ra_deg, view.dec_deg), nan=-1e9)  # beyond the plane
    x0, y0 = (round(float(value)) - view.side_pix // 2 for value in place)
    seen = _intersection(grid.box, PixelBox(x0, y0, x0 + view.side_pix, y0 + view.side_pix))
    if seen.width <= 0 or seen.height <= 0:
        raise EmptyLayerError(
            f"RA {view.ra_deg:.5f}, Dec {view.dec_deg:.5f} is outside what the products share"
        )
    return seen


def _title(version: ProductVersion) -> str:
    return f"{version.product}\nrevision {version.revision}"


def _draw(
    path: Path,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    grid: TanGrid,
    box: PixelBox,
    *,
    titles: tuple[str, str],
) -> None:
    from mvmdb.pictures.difference import draw_difference  # noqa: PLC0415
    from mvmdb.pictures.figure import picture_bytes  # noqa: PLC0415

    side_pix = -(-max(box.width, box.height) // _PICTURE_SIDE_PIX)
    figure = draw_difference(a, b, titles=titles, bin_arcsec=side_pix * grid.scale_arcsec)
    write_whole(path, picture_bytes(figure, path.suffix.lower()))


def _averaged(image: NDArray[np.floating], box: PixelBox) -> NDArray[np.float64]:
    """Return a part of an image, in a size that a picture shows."""
    return block_average(image[box.slices], _PICTURE_SIDE_PIX)
