"""The values that travel between rooms: what a file says, what the database plans, what a build made.

All are frozen; files, catalog and mosaic know these and not each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mvmdb.errors import MissingFileError
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.sky.binning import binned_grid
from mvmdb.sky.footprint import SkyRing
from mvmdb.sky.grid import PixelBox, TanGrid, box_at_scale, skycell_grid

Bunit = Literal["ELECTRONS", "ELECTRONS/S", "COUNTS", "COUNTS/S"]
Kernel = Literal["square", "turbo", "point"]
Weighting = Literal["exptime"]
SkyMethod = Literal["none", "match"]
SkyZero = Literal["mean", "faintest"]
Equalisation = Literal["none", "photflam"]


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


@dataclass(frozen=True)
class DrizzleParameters:
    """Everything besides the inputs and the grid that decides the pixels of a layer."""

    kernel: Kernel = "square"
    pixfrac: float = 1.0
    weighting: Weighting = "exptime"
    good_bits: int = 0
    """DQ bits that do not reject a pixel."""
    mapping_error_pix: float = 1e-3
    """Largest error allowed when the distortion is interpolated; 0 evaluates every pixel."""
    sky: SkyMethod = "none"
    """``match``: the backgrounds of the exposures are made equal where they overlap."""
    sky_zero: SkyZero = "mean"
    """Which level is left in a matched group: the mean of its exposures, or that of the faintest."""
    equalise: Equalisation = "none"
    """``photflam``: each chip is scaled by its inverse sensitivity to that of the layer."""
    error: bool = False
    """Whether the variance of the inputs is propagated into an ERR extension."""


ENGINE = f"mvmdb engine 2, drizzle {version('drizzle')}"
"""Part of every recipe; the number goes up when a change of ours changes pixels."""


@dataclass(frozen=True)
class ChipFile:
    """Where the pixels of a chip lie, and what their numbers mean."""

    path: str
    hdu_index: int
    pixel_scale_arcsec: float
    bunit: Bunit
    gain_e_per_dn: float


@dataclass(frozen=True)
class LayerInput:
    """One chip of one exposure, at its place in the drizzle order of a layer.

    What only a file tells is None while the exposure is known by its footprint alone.
    """

    context_index: int
    """0-based: bit ``context_index % 32`` of context plane ``context_index // 32``."""
    exposure_id: int
    rootname: str
    revision: int
    chip: int
    hdu_index: int | None
    file_path: str | None
    file_sha256: str
    """Hash of the file, or of the footprint's row."""
    exptime_s: float
    start_mjd: float
    end_mjd: float
    wcsname: str | None
    pixel_scale_arcsec: float | None
    bunit: Bunit | None
    gain_e_per_dn: float | None
    photflam: float | None
    """erg/s/cm2/Angstrom per e-/s; None where the header has no calibration."""

    @property
    def has_file(self) -> bool:
        """Whether more is known than a footprint."""
        return self.file_path is not None

    @property
    def file(self) -> ChipFile:
        """What the pixels are read from.

        Raises
        ------
        MissingFileError
            The exposure is known by its footprint alone.
        """
        path, hdu_index, scale_arcsec = self.file_path, self.hdu_index, self.pixel_scale_arcsec
        bunit, gain_e_per_dn = self.bunit, self.gain_e_per_dn
        if (
            path is None
            or hdu_index is None
            or scale_arcsec is None
            or bunit is None
            or gain_e_per_dn is None
        ):
            raise MissingFileError(f"{self.rootname} has no file yet", (self.rootname,))
        return ChipFile(path, hdu_index, scale_arcsec, bunit, gain_e_per_dn)

    @property
    def context_plane(self) -> int:
        """0-based plane of the context image."""
        return self.context_index // 32

    @property
    def context_bit(self) -> int:
        """Bit within the plane, 0 the lowest."""
        return self.context_index % 32


@dataclass(frozen=True)
class ExcludedExposure:
    """An exposure that would be in a layer but for a finding."""

    exposure: str
    code: str
    detail: str


@dataclass(frozen=True)
class LayerPlan:
    """What a build will do: decided by the database, carried out without it."""

    skycell: SkycellName
    layer: LayerName
    selection: str
    product_name: ProductName
    extent: PixelBox
    """Common subarray of the skycell, in its fine pixels."""
    inputs: tuple[LayerInput, ...]
    parameters: DrizzleParameters
    parameter_set: str
    """Named set the parameters come from; the recipe has the values."""
    engine: str
    """Name and version of everything that computes pixels, e.g. ``mvmdb 0.1.0, drizzle 3.0.0``."""
    excluded: tuple[ExcludedExposure, ...] = ()
    """What the layer is built without, in order of time; not in the recipe, for it makes no pixel."""
    parameter_overrides: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that replace those of the set."""

    @property
    def parameter_choice(self) -> str:
        """The set and what replaces single values of it, like ``mvmdb pixfrac=0.8``."""
        replaced = (f"{name}={value}" for name, value in self.parameter_overrides.items())
        return " ".join([self.parameter_set, *replaced])

    @property
    def box(self) -> PixelBox:
        """The subarray in pixels of the layer's own scale."""
        return box_at_scale(self.extent, self.layer.scale)

    @property
    def grid(self) -> TanGrid:
        """The grid of the product."""
        return skycell_grid(self.skycell, self.layer.scale).subarray(self.box)

    @property
    def rootnames_without_file(self) -> tuple[str, ...]:
        """Exposures that are known by their footprints alone, in drizzle order."""
        return tuple(dict.fromkeys(item.rootname for item in self.inputs if not item.has_file))

    @property
    def n_context_planes(self) -> int:
        """Planes of 32 inputs each, at least 1."""
        return max(1, -(-len(self.inputs) // 32))

    @property
    def output_bytes(self) -> int:
        """Size of SCI, WHT, ERR if it is asked for, and CTX in the file, without headers."""
        return self.box.n_pixels * 4 * (2 + self.parameters.error + self.n_context_planes)

    def recipe(self) -> dict[str, Any]:
        """Return everything that determines the pixels, in plain JSON types."""
        return {
            "skycell": str(self.skycell),
            "layer": str(self.layer),
            "selection": self.selection,
            "extent": asdict(self.extent),
            "inputs": [[i.rootname, i.chip, i.file_sha256] for i in self.inputs],
            "parameters": asdict(self.parameters),
            "engine": self.engine,
        }

    def recipe_sha256(self) -> str:
        """Return the hash of the recipe: equal hashes mean equal pixels."""
        return hashlib.sha256(json.dumps(self.recipe(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class LayerStatistics:
    """The MVM statistics of a layer, from its arrays; pixels with positive weight count as observed."""

    n_pixels_observed: int
    coverage_fraction: float
    """NPIXFRAC: observed fraction of the full skycell, not of the subarray."""
    mean_exptime_s: float
    median_exptime_s: float
    mean_n_exposures: float
    """MEANNEXP: mean number of inputs (chips) per observed pixel."""
    median_n_exposures: float
    mean_weight: float
    median_weight: float


@dataclass(frozen=True)
class InputStatistics:
    """What one input gave to a layer."""

    context_index: int
    n_pixels_contributed: int
    """Output pixels in which the input has positive weight."""
    sky_e_per_s_arcsec2: float = 0.0
    """Background subtracted from the input, after its scaling, e-/s per square arcsecond."""
    sky_group: int = 0
    """Number of the group of overlapping exposures within which the backgrounds were made equal, from 1;
    0 where nothing was matched."""
    flux_scale: float = 1.0
    """Factor by which the rates of the input were multiplied."""


@dataclass(frozen=True)
class FootprintStatistics:
    """The MVM statistics of a layer by the outlines of its chips, as the reference defines them."""

    n_pixels_covered: int
    """Pixels whose centre lies in the outline of at least one input."""
    coverage_fraction: float
    """Covered fraction of the full skycell."""
    mean_exptime_s: float
    median_exptime_s: float
    mean_n_exposures: float
    """Mean number of inputs (chips) per covered pixel."""
    median_n_exposures: float


@dataclass(frozen=True)
class Preparation:
    """What was done to the rates of a layer before they were drizzled, as header and database state it."""

    sky: str = "none"
    """``none``, ``match to mean``, ``match to faintest``, or ``none:`` and why nothing could be matched."""
    n_sky_groups: int = 0
    """Groups of exposures that overlap, directly or through others; levels of different groups are not
    comparable."""
    equalisation: str = "none"
    """``none``, ``photflam``, or ``none:`` and why nothing could be equalised."""
    photflam: float | None = None
    """Inverse sensitivity of the layer after equalisation, erg/s/cm2/Angstrom per e-/s."""


@dataclass(frozen=True, eq=False)
class LayerImage:
    """The arrays of a layer on its subarray."""

    science: NDArray[np.float32]
    """``(ny, nx)``, e-/s per output pixel, NaN where the weight is 0."""
    weight: NDArray[np.float32]
    """``(ny, nx)``, exposure time times the ratio of output to input pixel area, s."""
    context: NDArray[np.int32]
    """``(n_planes, ny, nx)``: bit k of plane p is set where input 32 p + k contributed."""
    statistics: LayerStatistics
    inputs: tuple[InputStatistics, ...] = field(default_factory=tuple)
    error: NDArray[np.float32] | None = None
    """``(ny, nx)``, standard deviation of ``science`` from the propagated variance, NaN where the weight is
    0; None where it was not asked for. Resampling correlates neighbours, which it does not say."""
    preparation: Preparation = Preparation()
    footprints: FootprintStatistics | None = None


@dataclass(frozen=True)
class PublishedFile:
    """A product file as it stands on disk."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, eq=False)
class ChipOutline:
    """One chip that reaches a skycell: what a map draws and a depth map adds up."""

    exposure: str
    chip: int | None
    """EXTVER of the SCI extension; None where only the footprint is known."""
    instrument: str
    detector: str
    filter: str
    exptime_s: float
    start_mjd: float
    vertices_pix: NDArray[np.float64]
    """Shape ``(n, 2)``, x and y in 0-based fine pixels of the skycell, not closed; may leave the skycell."""


def first_chips(outlines: Sequence[ChipOutline]) -> tuple[ChipOutline, ...]:
    """Return one outline per exposure, its first, in the given order."""
    found: dict[str, ChipOutline] = {}
    for outline in outlines:
        found.setdefault(outline.exposure, outline)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class DepthMap:
    """How deep a skycell, or one layer of it, has been observed, from footprints alone."""

    skycell: SkycellName
    layer: LayerName | None
    """The layer that was counted; None counts everything that reaches the skycell."""
    box: PixelBox
    """The part of the skycell that is mapped, in its fine pixels."""
    bin_pix: int
    """Side of a bin, fine pixels."""
    exptime_s: NDArray[np.float64]
    """Mean over each bin of the exposure time of the chips there, ``(ny, nx)``."""
    n_chips: NDArray[np.float64]
    """Mean over each bin of the number of chips there, ``(ny, nx)``."""
    outlines: tuple[ChipOutline, ...]
    """What was counted, in order of time."""

    @property
    def grid(self) -> TanGrid:
        """The grid of the bins."""
        return binned_grid(skycell_grid(self.skycell).subarray(self.box), self.bin_pix)

    @property
    def exposures(self) -> tuple[ChipOutline, ...]:
        """The first chip of each exposure, in order of time."""
        return first_chips(self.outlines)


@dataclass(frozen=True, eq=False)
class SkyDepth:
    """How many exposures lie where on the whole sky, in HEALPix cells."""

    healpix_order: int
    cell: NDArray[np.int64]
    """Numbers of the cells that hold exposures, nested scheme."""
    n_exposures: NDArray[np.int64]
    exptime_s: NDArray[np.float64]
    """Sum of the exposure times in each cell."""
