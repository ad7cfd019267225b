"""Real WFC3/IR exposures of GOODS-S, on the seam of two projection cells, down the whole road."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from mvmdb.catalog.engine import connect, transaction
from mvmdb.names import LayerName
from mvmdb.pipeline.pixel import find_pixels
from tests.support.command_line import CommandLine
from tests.support.measure import decode_bits, file_facts
from tests.support.shared_data import shared_data

SKYCELL = "p0726x10y04"
LAYERS = ("wfc3_ir_f125w", "wfc3_ir_f125w_coarse", "wfc3_ir_f140w", "wfc3_ir_f140w_coarse")
FILES = {
    "wfc3_ir_f125w": f"hst_skycell-{SKYCELL}_wfc3_ir_f125w_all_drz.fits",
    "wfc3_ir_f125w_coarse": f"hst_skycell-{SKYCELL}_wfc3_ir_f125w_coarse-all_drz.fits",
    "wfc3_ir_f140w": f"hst_skycell-{SKYCELL}_wfc3_ir_f140w_all_drz.fits",
    "wfc3_ir_f140w_coarse": f"hst_skycell-{SKYCELL}_wfc3_ir_f140w_coarse-all_drz.fits",
}
F125W = {"ib6o03n9q", "ib6o03nbq", "ib6o03nmq", "ib6o04tuq", "ib6o04twq", "ib6o04u7q", "ib6o04ueq"}
F140W = {"ib6o23rtq", "ib6o23rwq", "ib6o23rzq", "ib6o23s2q"}
GOOD_BITS = 528


@pytest.fixture(scope="module")
def exposures() -> Path:
    return shared_data("exposures/wfc3_ir_goodss")


@pytest.fixture(scope="module")
def built(mvmdb: CommandLine, exposures: Path) -> CommandLine:
    mvmdb.run("ingest", exposures, shared_data("exposures/rejects"))
    mvmdb.run("layer", "build", SKYCELL)
    return mvmdb


def product(built: CommandLine, layer: str) -> Path:
    return built.home / "products" / SKYCELL / FILES[layer]


def chip_wcs(path: Path) -> tuple[WCS, np.ndarray, float]:
    with fits.open(path) as hdus:
        return WCS(hdus["SCI"].header, hdus), hdus["DQ"].data.copy(), hdus[0].header["EXPTIME"]


def test_the_seam_is_covered_on_both_sides(built: CommandLine) -> None:
    skycells = {row["skycell"]: row["n_exposures"] for row in built.json("layer", "list")}
    assert {name[:5] for name in skycells} == {"p0647", "p0726"}
    assert skycells[SKYCELL] == len(F125W | F140W)


def test_every_layer_has_its_file_and_all_share_one_subarray(built: CommandLine) -> None:
    (extent,) = built.sql("select x0, y0, x1, y1 from mvm.skycell_extent where skycell = %s", SKYCELL)
    x0, y0, x1, y1 = extent
    rows = {row["layer"]: row for row in built.json("product", "list", SKYCELL)}
    assert {layer: row["product"] for layer, row in rows.items()} == FILES
    for layer, row in rows.items():
        assert (row["x0"], row["y0"], row["x1"], row["y1"]) == extent
        header = fits.getheader(product(built, layer), "SCI")
        if layer.endswith("coarse"):
            assert header["NAXIS1"] == pytest.approx((x1 - x0) / 3, abs=1)
        else:
            assert (header["NAXIS1"], header["NAXIS2"]) == (x1 - x0, y1 - y0)


def test_a_position_is_the_same_in_layer_skycell_and_projection_cell(built: CommandLine) -> None:
    (extent,) = built.sql("select x0, y0 from mvm.skycell_extent where skycell = %s", SKYCELL)
    layer = WCS(fits.getheader(product(built, "wfc3_ir_f125w"), "SCI"))
    ra_deg, dec_deg = layer.pixel_to_world_values(1234, 2345)
    hits = {row["skycell"]: row for row in built.json("skycell", "at", ra_deg, dec_deg)}
    hit = hits[SKYCELL]
    assert hit["x_pix"] - extent[0] == pytest.approx(1234, abs=1e-5)
    assert hit["y_pix"] - extent[1] == pytest.approx(2345, abs=1e-5)
    coarse = WCS(fits.getheader(product(built, "wfc3_ir_f125w_coarse"), "SCI"))
    x_coarse, y_coarse = coarse.world_to_pixel_values(ra_deg, dec_deg)
    grid = built.json("skycell", "show", SKYCELL)
    offset = np.subtract(grid["coarse"]["crpix"], coarse.wcs.crpix)
    # 0-based coarse pixel c of the skycell is centred on its fine pixel 3 c + 2
    assert 3 * (x_coarse + offset[0]) + 2 == pytest.approx(hit["x_pix"], abs=1e-5)
    assert 3 * (y_coarse + offset[1]) + 2 == pytest.approx(hit["y_pix"], abs=1e-5)


@pytest.mark.parametrize("layer", ["wfc3_ir_f140w", "wfc3_ir_f125w_coarse"])
def test_context_names_exactly_the_inputs_that_light_a_pixel(
    built: CommandLine, exposures: Path, layer: str
) -> None:
    """Expected: inputs one of whose good pixels overlaps the output pixel, by the exposure's own WCS."""
    inputs = built.json("provenance", FILES[layer])
    with fits.open(product(built, layer)) as hdus:
        context, weight = hdus["CTX"].data, hdus["WHT"].data
        wcs = WCS(hdus["SCI"].header)
    chips = [chip_wcs(exposures / f"{row['exposure']}_flt.fits.gz") for row in inputs]
    rng = np.random.default_rng(7)
    checked = 0
    for y, x in rng.integers(0, context.shape, size=(600, 2)):
        certain = _lit_by(wcs, chips, x, y)
        if certain is None:
            continue
        checked += 1
        assert decode_bits(context, x, y) == certain
        assert (weight[y, x] > 0) == bool(certain)
    assert checked > 200


def _lit_by(wcs: WCS, chips: list[tuple[WCS, np.ndarray, float]], x: int, y: int) -> set[int] | None:
    """Return the inputs that cover a pixel, or None where it is a matter of a sliver.

    The centre and the corners of the output pixel fall on input pixels; all must be good and on the
    chip (lit), or all of a wider neighbourhood bad or off it (dark); otherwise the answer is not certain.
    """
    near_x, near_y = np.meshgrid(
        [x - 1.5, x - 0.5, x, x + 0.5, x + 1.5], [y - 1.5, y - 0.5, y, y + 0.5, y + 1.5]
    )
    sky = wcs.all_pix2world(near_x.ravel(), near_y.ravel(), 0)
    inner = (np.abs(near_x - x) <= 0.5).ravel() & (np.abs(near_y - y) <= 0.5).ravel()
    lit = set()
    for k, (chip, dq, _) in enumerate(chips):
        column, row = (np.round(axis).astype(int) for axis in chip.all_world2pix(*sky, 0, quiet=True))
        ny, nx = dq.shape
        inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        good = inside & (dq[row.clip(0, ny - 1), column.clip(0, nx - 1)] & ~GOOD_BITS == 0)
        if good[inner].all():
            lit.add(k)
        elif good.any():
            return None
    return lit


@pytest.mark.parametrize("layer", ["wfc3_ir_f140w", "wfc3_ir_f125w_coarse"])
def test_pixel_names_the_exposures_that_lit_a_random_position(
    built: CommandLine, exposures: Path, layer: str
) -> None:
    """Expected: the exposures on whose good pixels the position falls, by their own WCS and DQ."""
    names = sorted(F140W if "f140w" in layer else F125W)
    chips = [chip_wcs(exposures / f"{name}_flt.fits.gz") for name in names]
    wcs = WCS(fits.getheader(product(built, layer), "SCI"))
    n_y, n_x = fits.getdata(product(built, layer), "SCI").shape
    engine = connect(built.run("db", "url").stdout.strip())
    checked, sizes = 0, set()
    with transaction(engine) as connection:
        for x, y in np.random.default_rng(11).uniform(-0.5, (n_x - 0.5, n_y - 0.5), size=(400, 2)):
            ra_deg, dec_deg = (float(axis) for axis in wcs.all_pix2world(x, y, 0))
            every = find_pixels(connection, ra_deg, dec_deg, layer=LayerName.parse(layer))
            [found] = [item for item in every if item.skycell == SKYCELL]
            assert (found.x_pix, found.y_pix) == (round(x), round(y))
            certain = _lit_by(wcs, chips, round(x), round(y))
            if certain is not None:
                checked += 1
                sizes.add(len(certain))
                assert {item.exposure for item in found.inputs} == {names[k] for k in certain}
                assert (found.science_e_per_s is None) == (not certain)
    engine.dispose()
    assert checked > 150
    assert {0, 1, 2} <= sizes


def test_pixel_on_the_command_line(built: CommandLine) -> None:
    layer = "wfc3_ir_f140w_coarse"
    with fits.open(product(built, layer)) as hdus:
        science, weight, wcs = hdus["SCI"].data, hdus["WHT"].data, WCS(hdus["SCI"].header)
        y, x = np.unravel_index(weight.argmax(), weight.shape)
        bits, exptimes_s = decode_bits(hdus["CTX"].data, x, y), hdus["HDRTAB"].data["EXPTIME"]
        ra_deg, dec_deg = wcs.all_pix2world(x, y, 0)
    position = (f"{ra_deg:.8f}", f"{dec_deg:.8f}")
    found = built.json("pixel", *position, "--layer", layer, "--skycell", SKYCELL)
    [shown] = found
    assert (shown["x_pix"], shown["y_pix"], shown["product"]) == (x, y, FILES[layer])
    assert (shown["science_e_per_s"], shown["weight_s"]) == (science[y, x], weight[y, x])
    assert len(shown["inputs"]) == len(bits)
    total_s = sum(exptimes_s[bit] for bit in bits)
    shares = [exptimes_s[bit] / total_s for bit in sorted(bits)]
    assert [item["weight_share"] for item in shown["inputs"]] == pytest.approx(shares)
    table = built.run("pixel", *position, "--layer", layer, "--box", 3).stdout
    assert all(item["exposure"] in table for item in shown["inputs"])
    csv = built.run("pixel", *position, "--layer", layer, "--skycell", SKYCELL, "--format", "csv").stdout
    assert len(csv.splitlines()) == 1 + len(bits)
    assert "no product holds" in built.run("pixel", 10, -10, expect=2).stderr


def test_contributions_add_up_to_the_context(built: CommandLine) -> None:
    for layer in ("wfc3_ir_f140w", "wfc3_ir_f125w_coarse"):
        with fits.open(product(built, layer)) as hdus:
            context, names = hdus["CTX"].data.astype(np.int64), list(hdus["HDRTAB"].data["ROOTNAME"])
        shares = []
        for bit, name in enumerate(names):
            rows = built.json("exposure", "contributions", name)
            [row] = [row for row in rows if row["product"] == FILES[layer]]
            assert row["n_pixels"] == ((context >> bit) & 1).sum()
            side_arcsec = 0.12 if layer.endswith("coarse") else 0.04
            assert row["area_arcsec2"] == pytest.approx(row["n_pixels"] * side_arcsec**2, rel=0.007)
            shares.append(row["weight_share"])
        assert sum(shares) == pytest.approx(1)


def test_flux_is_the_same_in_fine_and_coarse(built: CommandLine) -> None:
    """A sum over the same sky in both scales, though each was drizzled by itself."""
    fine = fits.getdata(product(built, "wfc3_ir_f140w"), "SCI")
    coarse = fits.getdata(product(built, "wfc3_ir_f140w_coarse"), "SCI")
    fine_wcs = WCS(fits.getheader(product(built, "wfc3_ir_f140w"), "SCI"))
    coarse_wcs = WCS(fits.getheader(product(built, "wfc3_ir_f140w_coarse"), "SCI"))
    covered = np.argwhere(np.isfinite(coarse))
    y0, x0 = np.round(covered.mean(axis=0)).astype(int) - 60
    block = coarse[y0 : y0 + 120, x0 : x0 + 120]
    ra_deg, dec_deg = coarse_wcs.all_pix2world(x0 - 0.5, y0 - 0.5, 0)
    corner = [round(float(axis) + 0.5) for axis in fine_wcs.all_world2pix(ra_deg, dec_deg, 0)]
    same_sky = fine[corner[1] : corner[1] + 360, corner[0] : corner[0] + 360]
    assert np.nansum(block) == pytest.approx(np.nansum(same_sky), rel=0.005)
    assert np.isfinite(block).mean() > 0.95


def test_every_good_pixel_gives_its_exposure_time_as_weight(built: CommandLine, exposures: Path) -> None:
    """Drizzle spreads a weight of one exposure time per good input pixel: the sum over WHT must hold it."""
    with fits.open(product(built, "wfc3_ir_f140w_coarse")) as hdus:
        weight, wcs = hdus["WHT"].data.astype(float), WCS(hdus["SCI"].header)
    expected = 0.0
    for row in built.json("provenance", FILES["wfc3_ir_f140w_coarse"]):
        chip, dq, exptime_s = chip_wcs(exposures / f"{row['exposure']}_flt.fits.gz")
        science = fits.getdata(exposures / f"{row['exposure']}_flt.fits.gz", "SCI")
        good = (dq & ~GOOD_BITS == 0) & np.isfinite(science)
        rows, columns = (axis.ravel() for axis in np.indices(dq.shape))
        x, y = wcs.all_world2pix(*chip.all_pix2world(columns, rows, 0), 0)
        inside = (x > -0.5) & (x < weight.shape[1] - 0.5) & (y > -0.5) & (y < weight.shape[0] - 0.5)
        expected += exptime_s * (good & inside.reshape(dq.shape)).sum()
    # pixels that straddle the border of the skycell count whole or not at all here
    assert weight.sum() == pytest.approx(expected, rel=1e-3)


def test_statistics_can_be_recomputed_from_the_file(built: CommandLine) -> None:
    for layer in LAYERS:
        with fits.open(product(built, layer)) as hdus:
            primary, weight, context = hdus[0].header, hdus["WHT"].data, hdus["CTX"].data
            table = hdus["HDRTAB"].data
        seen = weight > 0
        full = 7318 if layer.endswith("coarse") else 21954
        bits = np.stack([(context.astype(np.int64) >> k) & 1 for k in range(len(table))])
        n = bits.sum(axis=0)[seen]
        exptime_s = np.tensordot(table["EXPTIME"].astype(float), bits, axes=1)[seen]
        assert primary["NPIXFRAC"] == pytest.approx(seen.sum() / full**2, rel=1e-6)
        assert primary["MEANNEXP"] == pytest.approx(n.mean(), rel=1e-6)
        assert primary["MEDNEXP"] == np.median(n)
        assert primary["MEANEXPT"] == pytest.approx(exptime_s.mean(), rel=1e-5)
        assert primary["MEDEXPT"] == pytest.approx(np.median(exptime_s), rel=1e-6)
        assert primary["MEANWHT"] == pytest.approx(weight[seen].mean(dtype=float), rel=1e-5)
        assert primary["MEDWHT"] == pytest.approx(np.median(weight[seen]), rel=1e-6)
        (row,) = built.sql(
            "select coverage_fraction, mean_exptime_s, median_weight"
            " from mvm.current_product where product = %s",
            FILES[layer],
        )
        assert row == pytest.approx((primary["NPIXFRAC"], primary["MEANEXPT"], primary["MEDWHT"]), rel=1e-6)


@pytest.mark.parametrize("layer", ["wfc3_ir_f140w", "wfc3_ir_f125w_coarse"])
def test_statistics_by_outlines(built: CommandLine, exposures: Path, layer: str) -> None:
    """As the reference does it: the centre of each pixel is looked up on every chip, good or bad."""
    wcs = WCS(fits.getheader(product(built, layer), "SCI"))
    n_y, n_x = fits.getdata(product(built, layer), "SCI").shape
    y, x = np.mgrid[:n_y:3, :n_x:3]  # every ninth pixel
    sky = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    n_chips, exptime_s = np.zeros(x.size), np.zeros(x.size)
    for row in built.json("provenance", FILES[layer]):
        chip, dq, seconds = chip_wcs(exposures / f"{row['exposure']}_flt.fits.gz")
        near = np.flatnonzero(
            np.abs(chip.wcs_world2pix(*sky, 0) - np.array(dq.shape)[:, None] / 2).max(0) < 600
        )
        column, line = chip.all_world2pix(*(axis[near] for axis in sky), 0, quiet=True)
        inside = (np.abs(column - (dq.shape[1] - 1) / 2) < dq.shape[1] / 2) & (
            np.abs(line - (dq.shape[0] - 1) / 2) < dq.shape[0] / 2
        )
        n_chips[near[inside]] += 1
        exptime_s[near[inside]] += seconds
    covered = n_chips > 0
    (found,) = built.sql(
        "select footprint_n_pixels_covered, footprint_mean_exptime_s, footprint_median_exptime_s,"
        " footprint_mean_n_exposures, footprint_median_n_exposures, footprint_coverage_fraction"
        " from mvm.current_product where product = %s",
        FILES[layer],
    )
    assert found[0] == pytest.approx(9 * covered.sum(), rel=2e-3)
    assert found[1:5] == (
        pytest.approx(exptime_s[covered].mean(), rel=2e-3),
        pytest.approx(np.median(exptime_s[covered]), rel=1e-9),
        pytest.approx(n_chips[covered].mean(), rel=2e-3),
        np.median(n_chips[covered]),
    )
    assert found[5] == found[0] / (7318 if layer.endswith("coarse") else 21954) ** 2


def test_another_parameter_set_makes_another_product(built: CommandLine) -> None:
    layer = "wfc3_ir_f140w_coarse"
    (plan,) = built.json("layer", "plan", SKYCELL, layer, "--parameters", "hap", "--set", "kernel=point")
    assert (plan["parameter_set"], plan["status"]) == ("hap kernel=point", "stale")
    assert (plan["parameters"]["kernel"], plan["parameters"]["sky_zero"]) == ("point", "faintest")
    bad = built.run("layer", "build", SKYCELL, layer, "--set", "kernel=gaussian", expect=2)
    assert "kernel cannot be 'gaussian'" in " ".join(bad.stderr.split())
    assert "square or turbo or point" in " ".join(bad.stderr.split())
    unknown = built.run("parameters", "show", "nonesuch", expect=2)
    assert "hap, mvmdb" in unknown.stderr
    row = next(row for row in built.json("product", "list", SKYCELL) if row["layer"] == layer)
    assert row["parameter_set"] == "mvmdb"
    shown = built.json("parameters", "show", "mvmdb", SKYCELL, layer)
    assert {item["parameter"]: item["value"] for item in shown} == row["parameters"]


def test_products_hold_what_the_document_says(built: CommandLine) -> None:
    for layer in LAYERS:
        with fits.open(product(built, layer), checksum=True) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "WHT", "CTX", "HDRTAB"]
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)
            assert hdus[0].header["SCELLID"] == SKYCELL
            names = [row["exposure"] for row in built.json("provenance", FILES[layer])]
            assert list(hdus["HDRTAB"].data["ROOTNAME"]) == names
            blank = hdus["WHT"].data == 0
            assert np.isnan(hdus["SCI"].data[blank]).all()
            assert (hdus["CTX"].data[blank] == 0).all()
            assert (hdus["CTX"].data[~blank] != 0).all()


def test_provenance_goes_both_ways(built: CommandLine) -> None:
    forward = {
        (row["product"], row["exposure"])
        for layer in LAYERS
        for row in built.json("provenance", FILES[layer])
    }
    backward = {
        (row["product"], row["exposure"]) for name in F125W | F140W for row in built.json("provenance", name)
    }
    assert forward == backward
    assert {name for file, name in forward if "f125w" in file} == F125W
    assert {name for file, name in forward if "f140w" in file} == F140W
    used = built.sql("select distinct product from mvm.product_provenance where exposure = 'ib6o04tuq'")
    assert {file for (file,) in used} == {FILES["wfc3_ir_f125w"], FILES["wfc3_ir_f125w_coarse"]}


def test_rejected_exposures_are_known_with_their_reason_and_used_nowhere(built: CommandLine) -> None:
    excluded = {row["exposure"]: row for row in built.json("exposure", "list", "--excluded")}
    assert excluded["ib6o23rsq"]["exclusion"] == "spectroscopic"
    assert excluded["j6gp01lzq"]["exclusion"] == "moving_target"
    assert "MTFLAG" in excluded["j6gp01lzq"]["exclusion_detail"]
    assert built.sql("select count(*) from mvm.layer_member where exposure = any(%s)", list(excluded)) == [
        (0,)
    ]


def test_coverage_equals_the_footprints_of_the_files(built: CommandLine, exposures: Path) -> None:
    ra_deg, dec_deg = 53.0480, -27.7090
    expected = set()
    for path in exposures.glob("*_flt.fits.gz"):
        wcs, dq, _ = chip_wcs(path)
        x, y = wcs.all_world2pix(ra_deg, dec_deg, 0, quiet=True)
        if -0.5 < x < dq.shape[1] - 0.5 and -0.5 < y < dq.shape[0] - 0.5:
            expected.add(path.name[:9])
    assert len(expected) > 1
    assert {row["exposure"] for row in built.json("coverage", ra_deg, dec_deg)} == expected
    sexagesimal = built.json("coverage", "03:32:11.52", "-27:42:32.4")
    assert {row["exposure"] for row in sexagesimal} == expected


def test_depth_in_sql(built: CommandLine) -> None:
    rows = built.sql(
        "select skycell, exptime_s from mvm.layer_depth"
        " where filter = 'F140W' and scale = 'fine' and exptime_s > 800"
    )
    assert (SKYCELL, pytest.approx(4 * 202.932922, abs=1e-3)) in rows


def test_a_second_run_changes_nothing(built: CommandLine, exposures: Path) -> None:
    tables = ("exposure", "chip", "placement", "build", "product", "product_input", "ingest_failure")
    counts = " union all ".join(
        f"select '{name}', count(*), max(xmin::text::bigint) from mvm.{name}" for name in tables
    )
    before = built.sql(counts), file_facts(built.home / "products")
    again = built.json("ingest", exposures)
    assert {row["outcome"] for row in again} == {"unchanged"}
    assert {row["outcome"] for row in built.json("layer", "build", SKYCELL)} == {"current"}
    assert (built.sql(counts), file_facts(built.home / "products")) == before
