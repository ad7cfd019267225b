"""The demo's programme against the table of layers and the subarray in the document."""

from itertools import pairwise

import numpy as np

from mvmdb.names import LayerName
from mvmdb.simulate.field import DEMO_SKYCELL, demo_centre_deg, demo_programme, demo_scene
from mvmdb.sky.grid import PixelBox, skycell_grid
from tests.support.scenes import chip_wcs

# multivisit_products.rst, "SkyCell Layers" and "SkyCell Subarray Specification".
LAYERS = {
    "wfc3_uvis_f475w",
    *("wfc3_ir_f105w_coarse", "wfc3_ir_f105w", "wfc3_ir_f125w_coarse", "wfc3_ir_f125w"),
    *("wfc3_ir_f160w_coarse", "wfc3_ir_f160w", "acs_wfc_f850lp", "acs_wfc_f775w"),
}
SUBARRAY = PixelBox(2132, 10281, 2132 + 10840, 10281 + 11672)


def layers(programme):
    found = set()
    for planned in programme:
        instrument, detector, filter_name = planned.band.split("/")
        scales = ("fine", "coarse") if detector == "ir" else ("fine",)
        found |= {str(LayerName(instrument, detector, filter_name, scale)) for scale in scales}
    return found


def extent(planned):
    """Return the box of fine skycell pixels that holds the outlines of all chips."""
    detector = planned.detector
    boxes = []
    for index, chip in enumerate(detector.chips):
        pointing = {"ra_deg": planned.ra_deg, "dec_deg": planned.dec_deg, "orient_deg": planned.orient_deg}
        wcs = chip_wcs(detector, index, **pointing)
        y, x = np.meshgrid(np.linspace(0, chip.n_y_pix - 1, 9), np.linspace(0, chip.n_x_pix - 1, 9))
        x_pix, y_pix = skycell_grid(DEMO_SKYCELL).sky_to_pixel(*wcs.all_pix2world(x, y, 0))
        boxes.append(
            PixelBox(*(int(v) for v in (x_pix.min(), y_pix.min(), x_pix.max() + 1, y_pix.max() + 1)))
        )
    return PixelBox.around(boxes)


def test_programme_makes_the_layers_of_the_document():
    assert layers(demo_programme()) == LAYERS
    assert layers(demo_programme(small=True)) == LAYERS


def test_file_types_are_those_of_the_document():
    """ACS layers are named drc, made of FLC files; all WFC3 layers drz, made of FLT."""
    for planned in demo_programme():
        assert planned.file_name.endswith("_flc.fits" if planned.band.startswith("acs") else "_flt.fits")


def test_field_is_compact_and_lies_within_the_subarray_of_the_document():
    boxes = [extent(planned) for planned in demo_programme()]
    union = PixelBox.around(boxes)
    assert union.intersection(SUBARRAY) == union
    assert 5000 < union.width < 6500
    assert 5000 < union.height < 6500


def test_small_field_lies_around_the_same_centre():
    union = PixelBox.around(extent(planned) for planned in demo_programme(small=True))
    x_pix, y_pix = skycell_grid(DEMO_SKYCELL).sky_to_pixel(*demo_centre_deg())
    assert union.x0 < x_pix < union.x1 < union.x0 + 1800
    assert union.y0 < y_pix < union.y1 < union.y0 + 1800


def test_programme_spans_years_rolls_and_visits():
    programme = demo_programme()
    rootnames = [planned.rootname for planned in programme]
    assert len(set(rootnames)) == len(rootnames) == 21
    assert len({planned.orient_deg for planned in programme}) >= 5
    years = {int(1858.877 + planned.start_mjd / 365.25) for planned in programme}
    assert min(years) == 2002
    assert max(years) == 2021
    # In every visit one exposure follows another.
    for first, second in pairwise(programme):
        assert first.end_mjd < second.start_mjd


def test_one_visit_has_a_poorer_solution_with_a_true_error():
    poorer = [planned for planned in demo_programme() if "GAIA" not in planned.wcsname]
    assert {planned.rootname[:6] for planned in poorer} == {"jzsm03"}
    assert all(np.hypot(*planned.wcs_error_arcsec) > 0.02 for planned in poorer)


def test_scene_reaches_every_exposure_in_every_band():
    programme = demo_programme()
    scene = demo_scene(programme)
    assert set(scene.sky_e_s_arcsec2) == {planned.band for planned in programme}
    grid = skycell_grid(DEMO_SKYCELL)
    x_pix, y_pix = grid.sky_to_pixel(scene.galaxies.ra_deg, scene.galaxies.dec_deg)
    for planned in programme:
        box = extent(planned)
        for x0, y0 in ((box.x0, box.y0), (box.x1 - 700, box.y1 - 700)):
            inside = (abs(x_pix - x0 - 350) < 350) & (abs(y_pix - y0 - 350) < 350)
            assert inside.sum() > 20
