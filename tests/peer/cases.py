"""What is compared: detectors, scales and places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mvmdb.names import LayerName, SkycellName
from mvmdb.sky.grid import PixelBox
from tests.peer import exposures

MakeFromFolder = Callable[[Path, Path], list[Path]]
MakeFromNothing = Callable[[Path], list[Path]]


@dataclass(frozen=True)
class PeerCase:
    """One layer to build on both sides; its box cuts through chips, so that their edges are met."""

    name: str
    skycell: str
    layer: str
    extent: PixelBox
    """In fine pixels."""
    make: MakeFromFolder | None = None
    """Makes the exposures from a folder of the shared data."""
    folder: str = ""
    simulate: MakeFromNothing | None = None
    """Makes the exposures from nothing."""

    def files(self, directory: Path) -> list[Path] | None:
        """Make the exposures; None where the shared data are absent."""
        directory.mkdir(parents=True, exist_ok=True)
        if self.simulate is not None:
            return self.simulate(directory)
        folder = exposures.shared_folder(self.folder)
        return None if folder is None or self.make is None else self.make(folder, directory)

    @property
    def skycell_name(self) -> SkycellName:
        """The skycell."""
        return SkycellName.parse(self.skycell)

    @property
    def layer_name(self) -> LayerName:
        """The layer."""
        return LayerName.parse(self.layer)


_GOODSS = {
    "skycell": "p0726x10y04",
    "extent": PixelBox(0, 6100, 3000, 9100),
    "make": exposures.real_wfc3_ir,
    "folder": "wfc3_ir_goodss",
}
_FIELD = {"skycell": "p1889x07y19", "extent": PixelBox(6300, 14300, 8700, 16700)}

CASES = (
    PeerCase("wfc3_ir_fine", layer="wfc3_ir_f125w", **_GOODSS),
    PeerCase("wfc3_ir_coarse", layer="wfc3_ir_f125w_coarse", **_GOODSS),
    PeerCase(
        "acs_hrc",
        "p0046x03y19",
        "acs_hrc_f555w",
        PixelBox(15000, 2500, 16200, 3600),
        exposures.real_acs_hrc,
        "acs_hrc_47tuc",
    ),
    PeerCase(
        "acs_wfc",
        "p0046x04y19",
        "acs_wfc_f606w",
        PixelBox(3000, 4000, 5800, 6800),
        exposures.filled_acs_wfc,
        "acs_wfc_47tuc_zero_pixels",
    ),
    PeerCase(
        "acs_wfc_simulated",
        layer="acs_wfc_f775w",
        simulate=partial(exposures.simulated, "acs/wfc", "F775W"),
        **_FIELD,
    ),
    PeerCase(
        "wfc3_uvis_simulated",
        layer="wfc3_uvis_f475w",
        simulate=partial(exposures.simulated, "wfc3/uvis", "F475W"),
        **_FIELD,
    ),
    PeerCase(
        "wfpc2",
        "p0391x13y05",
        "wfpc2_pc_f555w",
        PixelBox(8300, 1700, 11300, 4700),
        exposures.repeated_wfpc2,
        "wfpc2_omegacen",
    ),
    PeerCase(
        "wfpc2_coarse",
        "p0391x13y05",
        "wfpc2_pc_f555w_coarse",
        PixelBox(8300, 1700, 11300, 4700),
        exposures.repeated_wfpc2,
        "wfpc2_omegacen",
    ),
)
