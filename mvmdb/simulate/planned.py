"""One exposure as an observer plans it: instrument set-up, time and pointing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mvmdb.names import parse_rootname
from mvmdb.simulate.detectors import Detector, Passband, find_detector


@dataclass(frozen=True)
class PlannedExposure:
    """Everything that decides one simulated file, besides the sky and the seed of the noise.

    Raises
    ------
    NameFormatError
        The root name is not well formed.
    """

    rootname: str
    detector_name: str
    """``acs/wfc``, ``wfc3/uvis`` or ``wfc3/ir``."""
    filter: str
    exptime_s: float
    start_mjd: float
    ra_deg: float
    """ICRS position of the centre of the detector."""
    dec_deg: float
    orient_deg: float
    """Position angle of the detector's y axis, from north through east."""
    file_type: Literal["flt", "flc"] = "flt"
    target_name: str = "SIMULATED-FIELD"
    proposal_id: int = 99001
    alignment: str = "FIT_SVM_GAIAeDR3"
    """End of WCSNAME: what the astrometric solution is said to rest on."""
    wcs_error_arcsec: tuple[float, float] = (0.0, 0.0)
    """How far the header's positions lie east and north of the true ones."""
    crop_pix: int | None = None
    """Side of the chips in a quick test; None: full size."""

    def __post_init__(self) -> None:
        parse_rootname(self.rootname)

    @property
    def file_name(self) -> str:
        """``jzsm01a1q_flc.fits``."""
        return f"{self.rootname}_{self.file_type}.fits"

    @property
    def end_mjd(self) -> float:
        """End of the exposure."""
        return self.start_mjd + self.exptime_s / 86400

    @property
    def detector(self) -> Detector:
        """The detector, with the chips of this exposure."""
        detector = find_detector(self.detector_name)
        return detector if self.crop_pix is None else detector.cropped(self.crop_pix)

    @property
    def passband(self) -> Passband:
        """The filter on its detector."""
        return self.detector.passband(self.filter)

    @property
    def band(self) -> str:
        """``acs/wfc/f775w``: the key of a scene's fluxes."""
        return f"{self.detector.name}/{self.passband.filter.lower()}"

    @property
    def wcsname(self) -> str:
        """Name of the astrometric solution."""
        return f"IDC_sim00001{self.detector.rootname_letter}-{self.alignment}"
