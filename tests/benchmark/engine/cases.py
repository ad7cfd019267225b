"""What is drawn: simulated exposures, and the layers that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from mvmdb.names import LayerName, SkycellName
from mvmdb.records import DrizzleParameters, LayerPlan
from mvmdb.simulate.exposure import simulate_programme
from mvmdb.simulate.planned import PlannedExposure
from mvmdb.simulate.scene import cluster_scene
from mvmdb.sky.grid import PixelBox, skycell_grid
from tests.peer.sides import make_plan

SKYCELL = SkycellName(1889, 7, 19)
SUBARRAY = PixelBox(2132, 10281, 12972, 21953)
"""That of multivisit_products.rst: 10840 x 11672 pixels."""
WHOLE = PixelBox(0, 0, 21954, 21954)
N_THREADS = 2
"""Of ours and of SWarp, where it is not one."""
_VISITS_ARCSEC = ((-90.0, -100.0), (95.0, -95.0), (-95.0, 105.0), (90.0, 100.0))
_DITHER_ARCSEC = 2.5


@dataclass(frozen=True)
class EngineCase:
    """Some exposures and the layer that is made of them."""

    name: str
    layer: LayerName
    extent: PixelBox
    detector: str
    filter: str
    n_visits: int
    n_dithers: int
    n_rounds: int = 3
    """How often the sides take turns, unless it is said otherwise."""
    has_all_sides: bool = False
    """Whether those take part that are measured on one case only."""

    def make_exposures(self, directory: Path) -> list[Path]:
        """Return the exposures, simulated with SIP, NPOL and D2IM where they are not there yet."""
        programme = self._programme()
        paths = [directory / planned.file_name for planned in programme]
        if not all(path.exists() for path in paths):
            directory.mkdir(parents=True, exist_ok=True)
            ra_deg, dec_deg = _centre_deg()
            scene = cluster_scene(
                ra_deg=ra_deg,
                dec_deg=dec_deg,
                radius_arcsec=60.0,
                passbands={programme[0].band: programme[0].passband},
                seed=1889,
            )
            simulate_programme(programme, scene, directory)
        return paths

    def plan_of(self, directory: Path) -> LayerPlan:
        """Return the plan of the layer of the exposures in a directory, made where they are not there yet."""
        plan = make_plan(SKYCELL, self.layer, self.extent, self.make_exposures(directory))
        mapping_error_pix = DrizzleParameters().mapping_error_pix
        return replace(plan, parameters=replace(plan.parameters, mapping_error_pix=mapping_error_pix))

    def _programme(self) -> list[PlannedExposure]:
        ra_deg, dec_deg = _centre_deg()
        letter = "j" if self.detector.startswith("acs") else "i"
        planned = []
        for visit in range(self.n_visits):
            east, north = _VISITS_ARCSEC[visit % len(_VISITS_ARCSEC)]
            for k in range(self.n_dithers):
                angle = 2 * np.pi * k / self.n_dithers
                x = east + _DITHER_ARCSEC * np.cos(angle)
                y = north + _DITHER_ARCSEC * np.sin(angle)
                planned.append(
                    PlannedExposure(
                        rootname=f"{letter}zb{visit:02d}{k:02d}bq",
                        detector_name=self.detector,
                        filter=self.filter,
                        exptime_s=450.0 + 50.0 * (k % 3),
                        start_mjd=53000.0 + 300.0 * visit + 0.02 * k,
                        ra_deg=ra_deg + x / 3600 / np.cos(np.radians(dec_deg)),
                        dec_deg=dec_deg + y / 3600,
                        orient_deg=4.0 + 31.0 * visit,
                    )
                )
        return planned


def n_input_pixels(plan: LayerPlan) -> int:
    """Return the number of input pixels of a plan; all chips of a case are of one size."""
    with fits.open(plan.inputs[0].file_path) as hdus:
        return int(np.prod(hdus[plan.inputs[0].hdu_index].shape)) * len(plan.inputs)


def _centre_deg() -> tuple[float, float]:
    """Return the middle of the document's subarray."""
    grid = skycell_grid(SKYCELL)
    ra_deg, dec_deg = grid.pixel_to_sky((SUBARRAY.x0 + SUBARRAY.x1) / 2, (SUBARRAY.y0 + SUBARRAY.y1) / 2)
    return float(ra_deg), float(dec_deg)


SUBARRAY_CASE = EngineCase(
    name="subarray",
    layer=LayerName.parse("acs_wfc_f775w"),
    extent=SUBARRAY,
    detector="acs/wfc",
    filter="F775W",
    n_visits=4,
    n_dithers=4,
    has_all_sides=True,
)
WHOLE_CASE = replace(SUBARRAY_CASE, name="full", extent=WHOLE, n_rounds=1, has_all_sides=False)
IR_FINE_CASE = EngineCase(
    "ir", LayerName.parse("wfc3_ir_f160w"), SUBARRAY, "wfc3/ir", "F160W", n_visits=4, n_dithers=16
)
IR_COARSE_CASE = replace(IR_FINE_CASE, name="ir_coarse", layer=LayerName.parse("wfc3_ir_f160w_coarse"))
CASES = {case.name: case for case in (SUBARRAY_CASE, WHOLE_CASE, IR_FINE_CASE, IR_COARSE_CASE)}

TITLES = {
    "subarray": "16 ACS/WFC exposures, 10840 x 11672 pixels",
    "full": "the same, whole skycell, 21954 x 21954 pixels",
    "ir": "64 WFC3/IR exposures, fine, 10840 x 11672 pixels",
    "ir_coarse": "64 WFC3/IR exposures, coarse",
}
