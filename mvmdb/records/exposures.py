"""What files and tables say of exposures: what the catalogue keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mvmdb.sky.footprint import SkyRing

Bunit = Literal["ELECTRONS", "ELECTRONS/S", "COUNTS", "COUNTS/S"]


@dataclass(frozen=True)
class Finding:
    """What speaks against an exposure in a mosaic: a stable code and the keyword that says so.

    Whether it excludes the exposure is for the rules in the database to decide.
    """

    code: str
    detail: str


@dataclass(frozen=True)
class ChipFacts:
    """One SCI extension of an exposure, from its header alone."""

    chip: int
    """EXTVER of the SCI extension."""
    hdu_index: int
    """0-based position of the SCI extension in the file."""
    n_x_pix: int
    n_y_pix: int
    footprint: SkyRing
    """Outline of the pixel edges through the full distortion, to 0.1 pixel."""
    pixel_scale_arcsec: float
    """Undistorted linear pixel scale to which the photometry refers (IDCSCALE)."""
    bunit: Bunit
    gain_e_per_dn: float
    """Electrons per unit of the pixels: 1 unless BUNIT is COUNTS."""
    photflam: float | None
    """erg/s/cm2/Angstrom per e-/s; None where the header has no calibration."""
    photplam_angstrom: float | None
    wcsname: str | None


@dataclass(frozen=True)
class ExposureFacts:
    """One exposure file, from its headers alone: what the catalogue keeps."""

    rootname: str
    file_path: str
    file_sha256: str
    """Hash of the uncompressed FITS bytes, so that gzip changes nothing."""
    file_size_bytes: int
    """Size of the uncompressed FITS bytes."""
    file_type: str
    """``flt``, ``flc``, ``c0m``, ...: what follows the last underscore of the file name."""
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    end_mjd: float
    target_name: str
    proposal_id: int | None
    wcsname: str | None
    findings: tuple[Finding, ...]
    """What speaks against it, the most telling first."""
    chips: tuple[ChipFacts, ...]
    """Empty only where the WCS is useless and a finding tells why."""

    @property
    def visit(self) -> str:
        """Program and observation set, the first six characters of the root name."""
        return self.rootname[:6]


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """One row of a table of footprints: an exposure, or one chip of it, before any file is local."""

    line: int
    """Last line of the row in a CSV file; else its number in the table, from 1."""
    rootname: str
    """Root name, or the identifier that another telescope's archive uses."""
    chip: int | None
    """EXTVER where each chip has a row of its own; None where the row holds all chips."""
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    end_mjd: float
    target_name: str
    proposal_id: int | None
    wcsname: str | None
    findings: tuple[Finding, ...]
    """What speaks against it, as far as the table tells."""
    footprint: tuple[SkyRing, ...]
    """One polygon per chip."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row of a table of footprints that was refused."""

    line: int
    """As in :class:`FootprintRow`."""
    identifier: str
    """As the table has it; empty where it has none."""
    rootname: str | None
    """What the identifier stands for, where it is well formed."""
    is_chip: bool
    """Whether the row is one chip of an exposure, which is incomplete without it."""
    reason: str


@dataclass(frozen=True)
class FootprintChunk:
    """What came of some rows of a table of footprints."""

    file_path: str
    rows: tuple[FootprintRow, ...]
    rejected: tuple[RejectedRow, ...]
    read_fraction: float
    """How much of the file has been read with them, 0 to 1."""
