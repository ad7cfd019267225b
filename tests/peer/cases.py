"""What is compared: detectors, scales and places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mvmdb.names import LayerName, SkycellName
from mvmdb.sky.grid import PixelBox
from tests.peer.exposures import filled_acs_wfc, real_acs_hrc, real_wfc3_ir, repeated_wfpc2, simulated


@dataclass(frozen=True)
class PeerCase:
    """One layer to build on both sides; its box cuts through chips, so that their edges are met."""

    name: str
    skycell: SkycellName
    layer: LayerName
    extent: PixelBox
    """In fine pixels."""
    make_exposures: Callable[[Path], list[Path]]
    """Writes the exposures to a directory; MissingExposuresError where the shared data are missing."""


def _case(
    name: str, place: tuple[str, PixelBox], layer: str, make_exposures: Callable[[Path], list[Path]]
) -> PeerCase:
    return PeerCase(name, SkycellName.parse(place[0]), LayerName.parse(layer), place[1], make_exposures)


_GOODSS = ("p0726x10y04", PixelBox(0, 6100, 3000, 9100))
_47TUC_HRC = ("p0046x03y19", PixelBox(15000, 2500, 16200, 3600))
_47TUC_WFC = ("p0046x04y19", PixelBox(3000, 4000, 5800, 6800))
_CLUSTER = ("p1889x07y19", PixelBox(6300, 14300, 8700, 16700))
_CLUSTER_CORE = ("p1889x07y19", PixelBox(7100, 15100, 7900, 15900))
_OMEGA_CEN = ("p0391x13y05", PixelBox(8300, 1700, 11300, 4700))
_SIMULATED_WFC = partial(simulated, "acs/wfc", "F775W")
_MANY_CHIPS = partial(simulated, "acs/wfc", "F775W", n_exposures=18, chip_pix=200)
_SIMULATED_UVIS = partial(simulated, "wfc3/uvis", "F475W")

CASES = (
    _case("wfc3_ir_fine", _GOODSS, "wfc3_ir_f125w", real_wfc3_ir),
    _case("wfc3_ir_coarse", _GOODSS, "wfc3_ir_f125w_coarse", real_wfc3_ir),
    _case("acs_hrc", _47TUC_HRC, "acs_hrc_f555w", real_acs_hrc),
    _case("acs_wfc", _47TUC_WFC, "acs_wfc_f606w", filled_acs_wfc),
    _case("acs_wfc_simulated", _CLUSTER, "acs_wfc_f775w", _SIMULATED_WFC),
    _case("wfc3_uvis_simulated", _CLUSTER, "wfc3_uvis_f475w", _SIMULATED_UVIS),
    _case("two_context_planes", _CLUSTER_CORE, "acs_wfc_f775w", _MANY_CHIPS),
    _case("wfpc2", _OMEGA_CEN, "wfpc2_pc_f555w", repeated_wfpc2),
    _case("wfpc2_coarse", _OMEGA_CEN, "wfpc2_pc_f555w_coarse", repeated_wfpc2),
)
