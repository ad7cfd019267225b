"""The tessellation against the reference pipeline's table and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from mvmdb.errors import UnknownObjectError
from mvmdb.sky import tessellation
from mvmdb.sky.tessellation import projection_cell, projection_cells, rings
from tests.support.shared_data import shared_data
from tests.support.vectors import RINGS, cell_centres


def test_published_counts() -> None:
    assert len(rings()) == 46
    assert [ring.n_cells for ring in rings()] == list(RINGS)
    assert len(projection_cells()) == 2644
    assert len(projection_cells()) * tessellation.N_SKYCELLS_PER_SIDE**2 == 1_166_004


def test_equals_the_table_of_the_reference_pipeline() -> None:
    with fits.open(shared_data("grids/allsky_cells.fits")) as hdus:
        header, table = hdus[0].header, hdus[1].data
        assert header["SC_NXY"] == tessellation.N_SKYCELLS_PER_SIDE
        assert header["PC_SCALE"] == tessellation.FINE_SCALE_ARCSEC
        assert 2 * header["SC_OLAP"] == tessellation.SKYCELL_PIX - tessellation.SKYCELL_STEP_PIX
        assert set(table["XCELL"]) == set(table["YCELL"]) == {tessellation.PROJECTION_CELL_PIX}
        assert [ring.ring for ring in rings()] == table["ZONE"].tolist()
        assert [ring.first_cell for ring in rings()] == table["PROJCELL"].tolist()
        assert [ring.n_cells for ring in rings()] == table["NBAND"].tolist()
        assert [ring.dec_deg for ring in rings()] == table["DEC"].tolist()


def test_tangent_points() -> None:
    ra_deg, dec_deg = cell_centres()
    np.testing.assert_allclose([cell.ra_deg for cell in projection_cells()], ra_deg, rtol=0, atol=1e-12)
    assert [cell.dec_deg for cell in projection_cells()] == dec_deg.tolist()
    assert [cell.projection_cell for cell in projection_cells()] == list(range(2644))
    assert [cell.ring for cell in projection_cells()] == np.repeat(np.arange(46), RINGS).tolist()


@pytest.mark.parametrize(
    ("number", "ra_deg", "dec_deg"),
    [
        (1889, 180.0, 26.0),
        (81, 87.2727272727, -70.0),
        (2643, 0.0, 89.999999999997),
        (0, 0.0, -89.999999999997),
        (1970, 182.2784810127, 30.0),
        (498, 55.0, -38.0),
        (121, 138.4615384615, -66.0),
    ],
)
def test_worked_examples(number: int, ra_deg: float, dec_deg: float) -> None:
    cell = projection_cell(number)
    assert cell.ra_deg == pytest.approx(ra_deg, abs=1e-10)
    assert cell.dec_deg == dec_deg


def test_skycell_step_and_size_follow_from_the_cell() -> None:
    # drizzlepac: the step is a 21st of the cell, rounded; 256 pixels are added on either side.
    assert int(450287 / 21 + 0.5) == tessellation.SKYCELL_STEP_PIX
    assert int(450287 / 21 + 0.5) + 2 * 256 == tessellation.SKYCELL_PIX
    assert tessellation.PROJECTION_CELL_CRPIX == 450287 / 2 + 0.5


@pytest.mark.parametrize("number", [-1, 2644])
def test_cell_that_does_not_exist(number: int) -> None:
    with pytest.raises(UnknownObjectError, match=f"projection cell {number} does not exist") as caught:
        projection_cell(number)
    assert caught.value.hint == "cells run from 0 to 2643"


def test_definition_is_frozen() -> None:
    # A database remembers this hash and refuses a library that has another one: it never changes.
    assert tessellation.definition_sha256() == (
        "a8719b808d1e2fd258460cbeae7aead9d4595624a0236220b9da6cf33325ccab"
    )
