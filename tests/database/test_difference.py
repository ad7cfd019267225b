"""Products compared: revisions of the catalogue and plain files, held against their arrays in astropy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from mvmdb.catalog.engine import transaction
from mvmdb.errors import EmptyLayerError, GridMismatchError, InputError, UnknownObjectError
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.difference import ProductDifference, View, compare_products
from mvmdb.pipeline.plan import ParameterChoice
from mvmdb.pipeline.retention import prune_products
from tests.database.test_builds import LAYER, OTHER_LAYER, Site, site
from tests.database.test_retention import keep
from tests.support.exposures import SyntheticExposure

__all__ = ["site"]


def compare(site: Site, a: str, b: str | None = None, **options: object) -> ProductDifference:
    with transaction(site.engine) as connection:
        return compare_products(connection, a, b, **options)  # type: ignore[arg-type]


def path_of(site: Site, revision: int) -> Path:
    [[path]] = site.rows(f"select file_path from mvm.product where revision = {revision}")
    return Path(str(path))


@pytest.fixture
def two(site: Site) -> Site:
    """Two revisions: the second has one more exposure, one revised, and another pixfrac."""
    site.build()
    site.add(30)
    again = site.exposures_dir / "again"
    again.mkdir()
    revised = SyntheticExposure(rootname="b6o2301q", ra_deg=150 + 1 / 36000, level=9)
    site.ingest(revised.write(again))
    choice = ParameterChoice(overrides={"pixfrac": 0.7})
    build_layer(site.engine, site.products_dir, site.skycell, LAYER, choice=choice)
    return site


def test_what_the_products_were_made_of(two: Site) -> None:
    found = compare(two, str(two.plan().product_name))
    assert (found.a.revision, found.b.revision, found.same_recipe) == (1, 2, False)
    assert [(item.change, item.exposure, item.chip) for item in found.inputs] == [
        ("revised", "ib6o2301q", 1),
        ("added", "ib6o2330q", 1),
    ]
    assert (found.n_inputs_unchanged, found.order_changed) == (1, False)
    assert all(item.before != item.after for item in found.inputs)
    assert [(item.what, item.name, item.before, item.after) for item in found.values[:1]] == [
        ("parameter", "pixfrac", "1.0", "0.7")
    ]
    assert [item.what for item in found.values[1:]] == ["extent"]


def test_pixels_are_compared_on_the_common_grid(two: Site) -> None:
    """The second product is larger: its pixels are found by CRPIX."""
    name = str(two.plan().product_name)
    found = compare(two, f"{name}@1", f"{name}@2").pixels
    assert found is not None
    with fits.open(path_of(two, 1)) as first, fits.open(path_of(two, 2)) as second:
        a, b = first["SCI"].data, second["SCI"].data
        shift = [int(second["SCI"].header[key] - first["SCI"].header[key]) for key in ("CRPIX1", "CRPIX2")]
        assert a.shape != b.shape
        x = slice(max(0, shift[0]), max(0, shift[0]) + a.shape[1])
        y = slice(max(0, shift[1]), max(0, shift[1]) + a.shape[0])
        common_b, weight_b = b[y, x], second["WHT"].data[y, x]
        both = np.isfinite(a) & np.isfinite(common_b)
        difference = (common_b - a)[both].astype(np.float32)
        weight = (weight_b - first["WHT"].data)[both]
    assert (found.n_pixels_common, found.n_observed_both) == (a.size, both.sum())
    assert found.n_only_b == (np.isfinite(common_b) & ~np.isfinite(a)).sum()
    assert found.n_differing == ((difference != 0) | (weight != 0)).sum()
    assert found.science is not None
    assert found.science.greatest == difference.max()
    assert found.science.median == np.sort(difference)[(difference.size - 1) // 2]
    assert found.science.mean == pytest.approx(difference.mean(dtype=float), rel=1e-6)
    assert found.weight is not None
    assert found.weight.least == weight.min()


def test_files_say_the_same_as_the_catalogue(two: Site, tmp_path: Path) -> None:
    name = str(two.plan().product_name)
    copies = []
    for revision in (1, 2):
        copies.append(tmp_path / f"{revision}.fits")
        shutil.copy(path_of(two, revision), copies[-1])
    of_files = compare(two, str(copies[0]), str(copies[1]))
    of_rows = compare(two, f"{name}@1", name)
    assert (of_files.inputs, of_files.values, of_files.pixels) == (
        of_rows.inputs,
        of_rows.values,
        of_rows.pixels,
    )
    assert of_files.a.file_path == str(copies[0])
    same = compare(two, str(copies[1]), name)
    assert (same.same_recipe, same.inputs, same.values) == (True, [], [])
    assert same.pixels is not None
    assert (same.pixels.n_differing, same.pixels.flux_a) == (0, same.pixels.flux_b)


def test_picture_of_the_difference(two: Site, tmp_path: Path) -> None:
    name, picture = str(two.plan().product_name), tmp_path / "diff.png"
    found = compare(two, name, picture=picture)
    assert found.picture == str(picture)
    whole = np.asarray(Image.open(picture).convert("RGB"))
    grid = two.plan().grid
    ra_deg, dec_deg = (float(v) for v in grid.pixel_to_sky(grid.n_x_pix / 2, grid.n_y_pix / 2))
    compare(two, name, picture=picture, view=View(ra_deg, dec_deg, 9))
    part = np.asarray(Image.open(picture).convert("RGB"))
    assert whole.shape == part.shape
    assert (whole != part).any()
    # Colours appear in the third panel, where B has more or less; the others are grey.
    third = part[:, 2 * part.shape[1] // 3 :].astype(int)
    assert np.ptp(third, axis=-1).max() > 100
    with pytest.raises(EmptyLayerError, match="outside what the products share"):
        compare(two, name, picture=picture, view=View(10.0, -10.0, 9))


def test_pruned_revision_has_no_pixels(two: Site) -> None:
    keep(two, 0)
    prune_products(two.engine)
    found = compare(two, str(two.plan().product_name))
    assert (found.a.file_state, found.pixels) == ("pruned", None)
    assert len(found.inputs) == 2


def test_other_grids_are_refused(two: Site) -> None:
    two.build(layer=OTHER_LAYER)
    fine, coarse = (str(two.plan(layer).product_name) for layer in (OTHER_LAYER, LAYER))
    with pytest.raises(GridMismatchError, match=r"at fine scale and p.* at coarse scale"):
        compare(two, fine, coarse)


def test_names_that_mean_nothing(two: Site) -> None:
    name = str(two.plan().product_name)
    with pytest.raises(UnknownObjectError, match="no revision 7"):
        compare(two, f"{name}@7", name)
    with pytest.raises(UnknownObjectError, match="'one' is no revision"):
        compare(two, f"{name}@one", name)
    with pytest.raises(UnknownObjectError, match="there is no file"):
        compare(two, f"./{name}", name)
    with pytest.raises(InputError, match="with what"):
        compare(two, str(path_of(two, 1)))


def test_product_without_a_former_one(site: Site) -> None:
    site.build()
    with pytest.raises(UnknownObjectError, match="has no former revision"):
        compare(site, str(site.plan().product_name))
