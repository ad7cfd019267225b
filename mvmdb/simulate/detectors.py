"""What the simulator knows of each detector: chips, distortion, passbands, noise and bad pixels.

The figures are those of published calibrations, rounded; the instruments are not modelled further.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mvmdb.errors import UnknownObjectError

Polynomial = Mapping[tuple[int, int], float]
"""SIP coefficients by the powers of x and y."""


@dataclass(frozen=True)
class Passband:
    """One filter on one detector."""

    filter: str
    pivot_angstrom: float
    zeropoint_ab_mag: float
    """AB magnitude of 1 e-/s."""
    sky_e_s_arcsec2: float
    """Typical sky: zodiacal light, and thermal background in the infrared."""
    psf_fwhm_arcsec: float

    @property
    def photflam(self) -> float:
        """Inverse sensitivity, erg/s/cm2/Angstrom per e-/s (Oke's AB definition)."""
        return float(10 ** (-0.4 * (self.zeropoint_ab_mag + 2.408)) / self.pivot_angstrom**2)


@dataclass(frozen=True)
class Chip:
    """One detector chip and the polynomial part of its distortion."""

    ccdchip: int
    """CCDCHIP keyword."""
    n_x_pix: int
    n_y_pix: int
    side: int
    """-1 below, 1 above, 0 on the centre of the detector."""
    linear_arcsec: tuple[tuple[float, float], tuple[float, float]]
    """From pixels to the undistorted frame: the linear part of the distortion, with its skew."""
    sip_order: int
    sip_a: Polynomial
    sip_b: Polynomial
    d2im_pix: float = 0.0
    """Largest detector-to-image correction; 0: the detector has no such table."""
    npol_pix: float = 0.0
    """Largest non-polynomial correction; 0: the detector has no such table."""

    @property
    def crpix(self) -> tuple[float, float]:
        """Reference pixel, FITS convention."""
        return float((self.n_x_pix + 1) // 2), float((self.n_y_pix + 1) // 2)


@dataclass(frozen=True)
class Artifacts:
    """How often and how strongly a detector's pixels go wrong."""

    cosmic_ray_per_pixel_s: float
    """Fraction of the pixels hit in one second."""
    hot_fraction: float = 0.0
    warm_fraction: float = 0.0
    bad_column_fraction: float = 0.0
    bad_pixel_fraction: float = 0.0
    n_blobs: int = 0


@dataclass(frozen=True)
class Detector:
    """One detector with its chips in the order of their EXTVER."""

    instrument: str
    detector: str
    rootname_letter: str
    chips: tuple[Chip, ...]
    chip_gap_arcsec: float
    scale_arcsec: float
    """Linear pixel scale to which the photometry refers (IDCSCALE)."""
    v3_minus_orient_deg: float
    """PA_V3 less the position angle of the y axis."""
    counts_per_s: bool
    """Pixels are rates (BUNIT ELECTRONS/S), not electrons."""
    read_noise_e: float
    dark_e_s: float
    full_well_e: float | None
    """Pixels saturate at this many electrons; None where the ramp fit recovers them."""
    artifacts: Artifacts
    passbands: tuple[Passband, ...]
    idc_theta_deg: float = 0.0

    @property
    def name(self) -> str:
        """``acs/wfc``, as in log messages and plans."""
        return f"{self.instrument}/{self.detector}".lower()

    def passband(self, filter_name: str) -> Passband:
        """Return a filter of this detector.

        Raises
        ------
        UnknownObjectError
            The simulator does not know the filter.
        """
        known = {passband.filter: passband for passband in self.passbands}
        if filter_name.upper() not in known:
            raise UnknownObjectError(
                f"{self.name} has no simulated filter {filter_name}", hint=f"one of {', '.join(known)}"
            )
        return known[filter_name.upper()]

    def cropped(self, side_pix: int) -> Detector:
        """Return a detector of small chips, ``side_pix`` on a side, for quick tests.

        The distortion about the reference pixel and the gap between the chips stay.
        """
        chips = tuple(
            replace(chip, n_x_pix=min(side_pix, chip.n_x_pix), n_y_pix=min(side_pix, chip.n_y_pix))
            for chip in self.chips
        )
        return replace(self, chips=chips)


def _polynomial(*rows: str) -> Polynomial:
    """Return coefficients from rows ``p: value value ...``: x to the power p, y rising until the order."""
    found: dict[tuple[int, int], float] = {}
    for row in rows:
        x_power, values = row.split(":")
        # Terms of total degree 0 and 1 belong to CRPIX and CD, so each row starts where degree 2 does.
        first = max(2 - int(x_power), 0)
        found |= {(int(x_power), first + k): float(value) for k, value in enumerate(values.split())}
    return MappingProxyType(found)


_WFC_LOWER = Chip(
    ccdchip=2,
    n_x_pix=4096,
    n_y_pix=2048,
    side=-1,
    linear_arcsec=((0.04983, 0.00196), (0.00149, 0.05027)),
    sip_order=5,
    sip_a=_polynomial(
        "0: 2.16e-6 7.7e-12 2.5e-14 1.9e-18",
        "1: -5.20e-6 -5.25e-10 -1.4e-14 -3.8e-18",
        "2: 8.55e-6 -2.75e-11 3.6e-14 2.1e-18",
        "3: -4.93e-10 1.7e-15 3.1e-18",
        "4: 2.3e-14 -3.6e-18",
        "5: 3.9e-18",
    ),
    sip_b=_polynomial(
        "0: -7.21e-6 -4.25e-10 -1.8e-14 5.1e-18",
        "1: 6.19e-6 -7.3e-11 6.6e-15 1.3e-17",
        "2: -1.75e-6 -5.24e-10 -3.8e-14 2.6e-18",
        "3: 1.02e-10 -2.6e-15 2.8e-19",
        "4: -1.8e-14 3.7e-18",
        "5: -3.5e-18",
    ),
    d2im_pix=0.065,
    npol_pix=0.032,
)
_WFC_UPPER = replace(
    _WFC_LOWER,
    ccdchip=1,
    side=1,
    linear_arcsec=((0.04922, 0.00227), (0.00213, 0.04858)),
    sip_a=_polynomial(
        "0: 2.26e-6 7.9e-11 1.3e-13 -9.1e-18",
        "1: -7.54e-6 -5.11e-10 -5.0e-15 1.0e-17",
        "2: 8.52e-6 -1.22e-10 1.0e-13 -3.9e-18",
        "3: -4.94e-10 3.9e-14 -6.9e-18",
        "4: 1.8e-14 4.4e-18",
        "5: 5.8e-18",
    ),
    sip_b=_polynomial(
        "0: -9.81e-6 -4.19e-10 -1.4e-13 8.6e-18",
        "1: 6.44e-6 -4.3e-11 1.3e-14 -1.3e-17",
        "2: -2.96e-6 -4.19e-10 -1.1e-13 8.3e-19",
        "3: 1.14e-10 -3.8e-14 8.0e-18",
        "4: -1.7e-14 -5.4e-18",
        "5: -5.6e-18",
    ),
    d2im_pix=0.11,
)

_UVIS_LOWER = Chip(
    ccdchip=2,
    n_x_pix=4096,
    n_y_pix=2051,
    side=-1,
    linear_arcsec=((0.03978, 0.00018), (0.00234, 0.03984)),
    sip_order=4,
    sip_a=_polynomial(
        "0: 9.7e-8 1.8e-11 -1.6e-14",
        "1: -3.01e-6 1.5e-11 1.1e-14",
        "2: 2.93e-6 -1.3e-11 -1.7e-14",
        "3: 3.1e-11 6.7e-15",
        "4: -7.5e-15",
    ),
    sip_b=_polynomial(
        "0: -3.12e-6 1.5e-11 1.7e-14",
        "1: 2.81e-6 -5.1e-12 8.7e-15",
        "2: -5.8e-8 1.0e-11 1.9e-14",
        "3: 1.8e-13 -6.7e-16",
        "4: 2.8e-15",
    ),
    d2im_pix=0.049,
    npol_pix=0.062,
)
_UVIS_UPPER = replace(
    _UVIS_LOWER,
    ccdchip=1,
    side=1,
    linear_arcsec=((0.03954, 0.00013), (0.00258, 0.03937)),
    sip_a=_polynomial(
        "0: -1.6e-8 -1.1e-13 6.3e-15",
        "1: -2.89e-6 1.7e-11 1.3e-14",
        "2: 2.88e-6 -5.1e-12 4.0e-16",
        "3: 2.5e-11 9.4e-16",
        "4: -1.1e-15",
    ),
    sip_b=_polynomial(
        "0: -2.88e-6 4.1e-11 -2.2e-14",
        "1: 2.83e-6 -4.1e-12 -5.2e-15",
        "2: -8.5e-10 9.8e-13 -6.5e-15",
        "3: 1.1e-11 -3.2e-15",
        "4: -2.3e-15",
    ),
    d2im_pix=0.062,
    npol_pix=0.051,
)

_IR = Chip(
    ccdchip=1,
    n_x_pix=1014,
    n_y_pix=1014,
    side=0,
    linear_arcsec=((0.13541, 0.00078), (-0.00042, 0.12095)),
    sip_order=4,
    sip_a=_polynomial(
        "0: 5.4e-8 3.6e-11 -2.0e-13",
        "1: 2.446e-5 6.0e-11 6.2e-13",
        "2: -1.98e-7 1.1e-10 -2.1e-14",
        "3: -1.5e-10 5.6e-13",
        "4: -3.4e-13",
    ),
    sip_b=_polynomial(
        "0: 3.002e-5 -1.7e-10 7.7e-13",
        "1: -1.75e-7 4.3e-11 -9.1e-14",
        "2: 6.98e-6 -2.6e-10 -7.0e-14",
        "3: 5.3e-11 1.0e-13",
        "4: -6.1e-13",
    ),
)

ACS_WFC = Detector(
    instrument="ACS",
    detector="WFC",
    rootname_letter="j",
    chips=(_WFC_LOWER, _WFC_UPPER),
    chip_gap_arcsec=2.6,
    scale_arcsec=0.05,
    v3_minus_orient_deg=182.3,
    counts_per_s=False,
    read_noise_e=4.2,
    dark_e_s=0.006,
    full_well_e=80000.0,
    artifacts=Artifacts(
        2.0e-5, hot_fraction=0.004, warm_fraction=0.008, bad_column_fraction=0.002, bad_pixel_fraction=2e-4
    ),
    passbands=(
        Passband("F606W", 5921.0, 26.49, 46.0, 0.090),
        Passband("F775W", 7693.0, 25.66, 31.0, 0.094),
        Passband("F814W", 8046.0, 25.94, 38.0, 0.095),
        Passband("F850LP", 9031.0, 24.86, 17.0, 0.102),
    ),
)

WFC3_UVIS = Detector(
    instrument="WFC3",
    detector="UVIS",
    rootname_letter="i",
    chips=(_UVIS_LOWER, _UVIS_UPPER),
    chip_gap_arcsec=1.2,
    scale_arcsec=0.03962,
    v3_minus_orient_deg=315.3,
    counts_per_s=False,
    read_noise_e=3.1,
    dark_e_s=0.002,
    full_well_e=67000.0,
    artifacts=Artifacts(
        1.6e-5, hot_fraction=0.003, warm_fraction=0.003, bad_column_fraction=0.001, bad_pixel_fraction=2e-4
    ),
    passbands=(
        Passband("F475W", 4773.0, 25.69, 17.0, 0.075),
        Passband("F606W", 5889.0, 26.08, 26.0, 0.074),
        Passband("F814W", 8039.0, 25.12, 18.0, 0.080),
    ),
    idc_theta_deg=45.0,
)

WFC3_IR = Detector(
    instrument="WFC3",
    detector="IR",
    rootname_letter="i",
    chips=(_IR,),
    chip_gap_arcsec=0.0,
    scale_arcsec=0.12825,
    v3_minus_orient_deg=315.3,
    counts_per_s=True,
    read_noise_e=14.0,
    dark_e_s=0.048,
    full_well_e=None,
    artifacts=Artifacts(2.0e-5, hot_fraction=0.004, bad_pixel_fraction=0.012, n_blobs=22),
    passbands=(
        Passband("F105W", 10552.0, 26.27, 45.0, 0.128),
        Passband("F125W", 12486.0, 26.23, 33.0, 0.135),
        Passband("F140W", 13923.0, 26.45, 44.0, 0.141),
        Passband("F160W", 15369.0, 25.95, 36.0, 0.150),
    ),
    idc_theta_deg=45.0,
)

_DETECTORS = {detector.name: detector for detector in (ACS_WFC, WFC3_UVIS, WFC3_IR)}


def find_detector(name: str) -> Detector:
    """Return the detector called ``acs/wfc``, ``wfc3/uvis`` or ``wfc3/ir``.

    Raises
    ------
    UnknownObjectError
        The simulator does not know the detector.
    """
    if name.lower() not in _DETECTORS:
        raise UnknownObjectError(f"no simulated detector {name}", hint=f"one of {', '.join(_DETECTORS)}")
    return _DETECTORS[name.lower()]
