"""The demo, on its small field: every layer of the document's table, from one command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.io import fits
from PIL import Image

from tests.support.command_line import CommandLine
from tests.support.measure import file_facts

# Plate scales and file names as printed in the document's table of p1889x07y19.
TABLE = {
    "wfc3_uvis_f475w": (0.04, "hst_skycell-p1889x07y19_wfc3_uvis_f475w_all_drz.fits"),
    "wfc3_ir_f105w_coarse": (0.12, "hst_skycell-p1889x07y19_wfc3_ir_f105w_coarse-all_drz.fits"),
    "wfc3_ir_f105w": (0.04, "hst_skycell-p1889x07y19_wfc3_ir_f105w_all_drz.fits"),
    "wfc3_ir_f125w_coarse": (0.12, "hst_skycell-p1889x07y19_wfc3_ir_f125w_coarse-all_drz.fits"),
    "wfc3_ir_f125w": (0.04, "hst_skycell-p1889x07y19_wfc3_ir_f125w_all_drz.fits"),
    "wfc3_ir_f160w_coarse": (0.12, "hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits"),
    "wfc3_ir_f160w": (0.04, "hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits"),
    "acs_wfc_f850lp": (0.04, "hst_skycell-p1889x07y19_acs_wfc_f850lp_all_drc.fits"),
    "acs_wfc_f775w": (0.04, "hst_skycell-p1889x07y19_acs_wfc_f775w_all_drc.fits"),
}


@pytest.fixture(scope="module")
def shown(mvmdb: CommandLine) -> str:
    """What the demo says."""
    return mvmdb.run("demo", "--small").stdout


def test_the_nine_layers_of_the_document(mvmdb: CommandLine, shown: str) -> None:
    products = {row["layer"]: row for row in mvmdb.json("product", "list", "p1889x07y19")}
    assert {layer: row["product"] for layer, row in products.items()} == {k: v[1] for k, v in TABLE.items()}
    extents = {tuple(row[name] for name in ("x0", "y0", "x1", "y1")) for row in products.values()}
    assert len(extents) == 1
    for layer, (scale_arcsec, name) in TABLE.items():
        header = fits.getheader(products[layer]["file_path"], "SCI")
        assert header["CD2_2"] * 3600 == pytest.approx(scale_arcsec, rel=1e-12)
        assert (header["CRVAL1"], header["CRVAL2"]) == (180.0, 26.0)
        assert name in shown


def test_it_says_that_the_data_are_simulated(mvmdb: CommandLine, shown: str) -> None:
    assert "SIMULATED" in shown.splitlines()[0]
    for row in mvmdb.json("product", "list"):
        assert fits.getval(row["file_path"], "SIMULATE") is True
    for path in (mvmdb.home / "demo" / "exposures").glob("*.fits"):
        assert fits.getval(path, "SIMULATE") is True


def test_pictures_can_be_opened(mvmdb: CommandLine, shown: str) -> None:
    pictures = sorted((mvmdb.home / "demo" / "pictures").glob("*.png"))
    assert len(pictures) == len(TABLE) + 1
    for path in pictures:
        with Image.open(path) as picture:
            low, high = picture.convert("L").getextrema()
            assert high > low


def test_the_three_questions_have_answers(mvmdb: CommandLine, shown: str) -> None:
    """Every command that the demo proposes runs as printed and answers something."""
    ra, dec = re.search(r" coverage (\S+) (\S+)", shown).groups()
    assert mvmdb.json("coverage", ra, dec)
    product = re.search(r" provenance (\S+)", shown).group(1)
    assert mvmdb.json("provenance", product)
    query = re.search(r'psql .* -c "(.*)"', shown).group(1)
    assert mvmdb.sql(query.replace("2000", "500"))


def test_a_second_run_changes_nothing(mvmdb: CommandLine, shown: str) -> None:
    places = [mvmdb.home / "demo", mvmdb.home / "products"]
    before = [file_facts(place) for place in places]
    again = mvmdb.json("demo", "--small")
    assert {row["outcome"] for row in again["ingested"]} == {"unchanged"}
    assert {row["outcome"] for row in again["built"]} == {"current"}
    assert [file_facts(place) for place in places] == before


def test_it_does_not_mix_with_other_exposures(mvmdb: CommandLine, shown: str) -> None:
    """A real exposure in the skycell of the demo makes it refuse."""
    copy = mvmdb.home / "ib1234abq_flt.fits"
    source = next(path for path in (mvmdb.home / "demo" / "exposures").glob("*flt.fits"))
    copy.write_bytes(Path(source).read_bytes())
    fits.setval(copy, "ROOTNAME", value="ib1234abq")
    mvmdb.run("ingest", copy)
    refused = mvmdb.run("demo", "--small", expect=4)
    assert "ib1234abq" in refused.stderr
    assert "MVMDB_HOME" in refused.stderr
