"""What made a pixel: small products of 34 exposures, against the arrays of their files and their own WCS."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from sqlalchemy import Connection, Engine, text

from mvmdb.catalog.engine import connect, transaction
from mvmdb.catalog.layers import list_skycells_with_layers
from mvmdb.catalog.pixels import list_position_products
from mvmdb.catalog.products import ProductRow, find_product, list_products
from mvmdb.errors import InputError, ProvenanceError, UnknownObjectError
from mvmdb.files.pixels import ProductPixels, read_pixels
from mvmdb.names import LayerName, SkycellName
from mvmdb.pipeline.build import build_layer
from mvmdb.pipeline.ingest import ingest_files
from mvmdb.pipeline.pixel import ProductPixel, find_pixels
from mvmdb.pipeline.plan import ParameterChoice
from tests.support.database import cloned_database
from tests.support.exposures import SyntheticExposure
from tests.support.measure import decode_bits

N_EXPOSURES = 34
COARSE, FINE = LayerName.parse("wfc3_ir_f160w_coarse"), LayerName.parse("wfc3_ir_f160w")
SKY_E_PER_S = 1.5


@dataclasses.dataclass(frozen=True)
class Site:
    """A database with the products of one skycell, coarse and fine."""

    engine: Engine
    skycell: SkycellName
    products: dict[LayerName, ProductRow]

    def path(self, layer: LayerName) -> Path:
        """Return where the product of a layer lies."""
        return Path(self.products[layer].file_path)

    def wcs(self, layer: LayerName) -> WCS:
        """Return the WCS that other programs read in a product."""
        return WCS(fits.getheader(self.path(layer), "SCI"))

    def pixel(self, layer: LayerName, x: float, y: float, box_pix: int = 1) -> ProductPixel:
        """Return what made the pixel at a place on the arrays of a product."""
        ra_deg, dec_deg = (float(axis) for axis in self.wcs(layer).all_pix2world(x, y, 0))
        with transaction(self.engine) as connection:
            [found] = find_pixels(
                connection, ra_deg, dec_deg, layer=layer, skycell=self.skycell, box_pix=box_pix
            )
        return found


@pytest.fixture(scope="module")
def site(template_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """34 exposures side by side, two of them with another exposure time, built at both scales."""
    folder = tmp_path_factory.mktemp("site")
    with cloned_database(template_url) as url:
        engine = connect(url)
        paths = [
            SyntheticExposure(
                rootname=f"b6o23{number:02d}q",
                ra_deg=150 + number / 20000,
                level=SKY_E_PER_S,
                primary={"EXPTIME": 100.0 + 10 * number, "EXPSTART": 55000.0 + number},
            ).write(folder)
            for number in range(N_EXPOSURES)
        ]
        assert {item.error for item in ingest_files(engine, paths)} == {None}
        with transaction(engine) as connection:
            skycell = SkycellName.parse(list_skycells_with_layers(connection)[0].skycell)
        for layer in (COARSE, FINE):
            assert build_layer(engine, folder / "products", skycell, layer).outcome == "published"
        with transaction(engine) as connection:
            products = {LayerName.parse(row.layer): row for row in list_products(connection)}
        yield Site(engine, skycell, products)
        engine.dispose()


@pytest.fixture
def asked(site: Site) -> Iterator[Connection]:
    """Connection to the database of the site."""
    with transaction(site.engine) as connection:
        yield connection


def context_of(found: ProductPixel) -> set[int]:
    return {32 * item.context_plane + item.context_bit for item in found.inputs}


def random_places(site: Site, layer: LayerName, n: int) -> list[tuple[float, float]]:
    shape = fits.getdata(site.path(layer), "SCI").shape
    places = np.random.default_rng(5).uniform(-0.5, np.array(shape)[::-1] - 0.5, size=(n, 2))
    return [(float(x), float(y)) for x, y in places]


@pytest.mark.parametrize("layer", [COARSE, FINE], ids=str)
def test_random_positions(site: Site, layer: LayerName) -> None:
    with fits.open(site.path(layer)) as hdus:
        science, weight, context = (hdus[name].data for name in ("SCI", "WHT", "CTX"))
        names = list(hdus["HDRTAB"].data["ROOTNAME"])
    seen: set[int] = set()
    for x, y in random_places(site, layer, 40):
        found = site.pixel(layer, x, y)
        column, row = round(x), round(y)
        assert (found.x_pix, found.y_pix, found.x_fits, found.y_fits) == (column, row, column + 1, row + 1)
        assert found.weight_s == weight[row, column]
        if weight[row, column] == 0:
            assert (found.science_e_per_s, found.inputs, found.expected_weight_s) == (None, [], 0)
        else:
            assert found.science_e_per_s == science[row, column]
        bits = decode_bits(context, column, row)
        assert context_of(found) == bits
        assert [item.exposure for item in found.inputs] == [names[index] for index in sorted(bits)]
        seen |= bits
    assert {0, 31, 32, 33} <= seen


def test_facts_of_the_inputs(site: Site) -> None:
    """Every exposure has its own time and date, and the shares are those of exposure times."""
    weight = fits.getdata(site.path(COARSE), "WHT")
    y, x = np.unravel_index(weight.argmax(), weight.shape)
    found = site.pixel(COARSE, x, y)
    assert len(found.inputs) > 20
    total_s = sum(100 + 10 * int(item.exposure[6:8]) for item in found.inputs)
    for item in found.inputs:
        number = int(item.exposure[6:8])
        assert (item.exptime_s, item.chip, item.n_pixels) == (100 + 10 * number, 1, 1)
        assert item.start_utc == datetime(2009, 6, 18, tzinfo=UTC) + timedelta(days=number)
        assert item.weight_share == pytest.approx((100 + 10 * number) / total_s)
        assert (item.wcsname, item.proposal_id) == ("IDC_w3m18525i", 11359)
        assert item.flux_scale == 1
        assert Path(item.exposure_path).name == f"{item.exposure}_flt.fits"
    # 0.12 arcsec against the 0.12825 to which the photometry of WFC3/IR refers; all cover it whole
    assert found.expected_weight_s == pytest.approx(total_s * (0.12 / 0.12825) ** 2)
    assert found.weight_s == pytest.approx(found.expected_weight_s, rel=0.03)


def test_pixel_of_the_skycell(site: Site) -> None:
    """CRPIX of the product and of the whole skycell differ by whole fine pixels."""
    [extent] = [site.products[FINE]]
    fine = site.pixel(FINE, 40.25, 31.5 + 1e-3)
    assert fine.x_skycell_pix == pytest.approx(extent.x0 + 40.25, abs=1e-4)
    assert fine.y_skycell_pix == pytest.approx(extent.y0 + 31.501, abs=1e-4)
    assert (fine.x_pix, fine.y_pix) == (40, 32)


def test_all_products_that_hold_a_position_are_told(site: Site, asked: Connection) -> None:
    ra_deg, dec_deg = (float(axis) for axis in site.wcs(COARSE).all_pix2world(20, 20, 0))
    both = find_pixels(asked, ra_deg, dec_deg)
    assert {item.layer for item in both} == {str(COARSE), str(FINE)}
    [coarse] = find_pixels(asked, ra_deg, dec_deg, layer=COARSE)
    assert coarse == next(item for item in both if item.layer == str(COARSE))
    other = dataclasses.replace(site.skycell, y=site.skycell.y % 21 + 1)
    with pytest.raises(UnknownObjectError, match="no product holds the position"):
        find_pixels(asked, ra_deg, dec_deg, skycell=other)


def test_positions_just_outside_the_arrays(site: Site, asked: Connection) -> None:
    n_y, n_x = fits.getdata(site.path(COARSE), "SCI").shape
    wcs = site.wcs(COARSE)
    inside = [(-0.49, 5), (n_x - 0.51, 5), (5, -0.49), (5, n_y - 0.51)]
    outside = [(-0.51, 5), (n_x - 0.49, 5), (5, -0.51), (5, n_y - 0.49)]
    for places, expected in [(inside, 1), (outside, 0)]:
        for x, y in places:
            sky = (float(axis) for axis in wcs.all_pix2world(x, y, 0))
            rows = [row for row in list_position_products(asked, *sky) if row.layer == str(COARSE)]
            assert len(rows) == expected, (x, y)
    with pytest.raises(UnknownObjectError):
        find_pixels(asked, 10, 10)


def test_box_counts_the_pixels_of_each_input(site: Site) -> None:
    context = fits.getdata(site.path(COARSE), "CTX")
    weight = fits.getdata(site.path(COARSE), "WHT")
    for x, y, box in [(20, 15, (slice(11, 20), slice(16, 25))), (1, 2, (slice(0, 7), slice(0, 6)))]:
        found = site.pixel(COARSE, x, y, box_pix=9)
        expected: dict[int, int] = {}
        rows, columns = (range(part.start, part.stop) for part in box)
        for row in rows:
            for column in columns:
                for index in decode_bits(context, column, row):
                    expected[index] = expected.get(index, 0) + 1
        counted = {32 * item.context_plane + item.context_bit: item.n_pixels for item in found.inputs}
        assert counted == expected
        assert found.n_box_pixels == len(rows) * len(columns)
        assert found.n_box_pixels_observed == np.count_nonzero(weight[box])
        weights_s = {index: n * (100 + 10 * index) for index, n in expected.items()}
        assert [item.weight_share for item in found.inputs] == pytest.approx(
            [weights_s[index] / sum(weights_s.values()) for index in sorted(expected)]
        )
    with pytest.raises(InputError, match="a box of 4 pixels has no middle"):
        site.pixel(COARSE, 20, 15, box_pix=4)


@pytest.mark.parametrize(
    ("planes", "expected"),
    [([0, 0], []), ([5, 0], [0, 2]), ([-(2**31), 2], [31, 33]), ([-1, 3], list(range(34))), ([1, -4], [0])],
)
def test_sql_decodes_every_bit(site: Site, asked: Connection, planes: list[int], expected: list[int]) -> None:
    query = text("select context_index, exposure, weight_share from mvm.pixel_inputs(:product, :planes)")
    rows = asked.execute(query, {"product": site.products[COARSE].product, "planes": planes}).all()
    assert [row.context_index for row in rows] == expected
    assert [row.exposure for row in rows] == [f"ib6o23{index:02d}q" for index in expected]
    total_s = sum(100 + 10 * index for index in expected)
    shares = [(100 + 10 * index) / total_s for index in expected]
    assert [row.weight_share for row in rows] == pytest.approx(shares)


def test_sql_says_the_same_of_a_pixel_of_the_file(site: Site, asked: Connection) -> None:
    context = fits.getdata(site.path(FINE), "CTX").reshape(2, -1)
    query = text("select context_index from mvm.pixel_inputs(:product, :planes)")
    n_x = fits.getheader(site.path(FINE), "CTX")["NAXIS1"]
    cube = context.reshape(2, -1, n_x)
    for pixel in np.random.default_rng(3).integers(0, context.shape[1], 50):
        planes = [int(value) for value in context[:, pixel]]
        rows = asked.execute(query, {"product": site.products[FINE].product, "planes": planes})
        assert set(rows.scalars()) == decode_bits(cube, pixel % n_x, pixel // n_x)


def test_a_build_that_is_published_meanwhile_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bits of one build are never looked up among the inputs of another."""
    products_dir = site.path(FINE).parent.parent

    def read_then_build(*arguments: Any, **named: Any) -> ProductPixels:
        found = read_pixels(*arguments, **named)
        assert build_layer(site.engine, products_dir, site.skycell, FINE, force=True).outcome == "published"
        return found

    n_y, n_x = fits.getdata(site.path(FINE), "SCI").shape
    with monkeypatch.context() as patched:
        patched.setattr("mvmdb.pipeline.pixel.read_pixels", read_then_build)
        with pytest.raises(ProvenanceError, match="has been replaced by a build while it was read"):
            site.pixel(FINE, n_x // 2, n_y // 2)
    assert site.pixel(FINE, n_x // 2, n_y // 2).revision > 1


def test_error_is_told_where_the_product_has_one(site: Site) -> None:
    weight = fits.getdata(site.path(FINE), "WHT")
    y, x = (int(axis) for axis in np.unravel_index(weight.argmax(), weight.shape))
    assert site.pixel(FINE, x, y).error_e_per_s is None
    products_dir, choice = site.path(FINE).parent.parent, ParameterChoice(overrides={"error": True})
    assert build_layer(site.engine, products_dir, site.skycell, FINE, choice=choice).outcome == "published"
    error = fits.getdata(site.path(FINE), "ERR")
    assert site.pixel(FINE, x, y).error_e_per_s == error[y, x] > 0
    empty = np.argwhere(weight == 0)[0]
    dark = site.pixel(FINE, int(empty[1]), int(empty[0]))
    assert (dark.error_e_per_s, dark.science_e_per_s, dark.weight_s) == (None, None, 0)


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """Let a file have another content for a moment."""
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(kept)


def altered(path: Path, name: str, value: float) -> bytes:
    """Return a product of which one array holds another value in its middle pixel."""
    with fits.open(path) as hdus:
        start, header = hdus[name].fileinfo()["datLoc"], hdus[name].header
    n_x, n_y = header["NAXIS1"], header["NAXIS2"]
    plane = header.get("NAXIS3", 1) - 1
    place = start + 4 * (plane * n_x * n_y + n_x * (n_y // 2) + n_x // 2)
    content = path.read_bytes()
    number = np.array(value, dtype=">i4" if name == "CTX" else ">f4").tobytes()
    return content[:place] + number + content[place + 4 :]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CTX", 1 << 9, "CTX names an input 41, the catalogue knows 34"),
        ("WHT", 0.0, "CTX and WHT disagree"),
        ("WHT", np.nan, "CTX and WHT disagree"),
    ],
)
def test_damaged_pixel_is_refused(site: Site, name: str, value: float, message: str) -> None:
    path = site.path(COARSE)
    n_y, n_x = fits.getdata(path, "SCI").shape
    assert site.pixel(COARSE, n_x // 2, n_y // 2).inputs
    with changed(path, altered(path, name, value)), pytest.raises(ProvenanceError, match=message):
        site.pixel(COARSE, n_x // 2, n_y // 2)
    with changed(path, altered(path, "SCI", np.nan)):
        assert site.pixel(COARSE, n_x // 2, n_y // 2).science_e_per_s is None


def test_replaced_and_lost_files_are_refused(site: Site) -> None:
    path = site.path(COARSE)
    build_id = site.products[COARSE].build_id
    other = path.read_bytes().replace(build_id.encode(), b"0" * len(build_id))
    with changed(path, other), pytest.raises(ProvenanceError, match="MVMBUILD is 00000000"):
        site.pixel(COARSE, 5, 5)
    with (
        changed(path, path.read_bytes()[:-2880]),
        pytest.raises(ProvenanceError, match="bytes, the catalogue"),
    ):
        site.pixel(COARSE, 5, 5)
    wcs = site.wcs(COARSE).all_pix2world(5, 5, 0)
    os.rename(path, path.with_suffix(".away"))
    try:
        with transaction(site.engine) as connection, pytest.raises(ProvenanceError, match="is not there"):
            find_pixels(connection, *(float(axis) for axis in wcs), layer=COARSE)
    finally:
        os.rename(path.with_suffix(".away"), path)
    with transaction(site.engine) as connection:
        assert find_product(connection, path.name).build_id == build_id
