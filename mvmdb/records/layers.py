"""What the database plans: parameters, inputs in drizzle order, and the recipe that follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Literal

from mvmdb.errors import MissingFileError
from mvmdb.names import LayerName, ProductName, SkycellName
from mvmdb.records.exposures import Bunit
from mvmdb.sky.grid import PixelBox, TanGrid, box_at_scale, skycell_grid

Kernel = Literal["square", "turbo", "point"]
Weighting = Literal["exptime"]
SkyMethod = Literal["none", "match"]
SkyZero = Literal["mean", "faintest"]
Equalisation = Literal["none", "photflam"]


@dataclass(frozen=True)
class DrizzleParameters:
    """Everything besides the inputs and the grid that decides the pixels of a layer."""

    kernel: Kernel = "square"
    pixfrac: float = 1.0
    weighting: Weighting = "exptime"
    good_bits: int = 0
    """DQ bits that do not reject a pixel."""
    mapping_error_pix: float = 1e-3
    """Largest error allowed when the distortion is interpolated; 0 evaluates it at every pixel."""
    sky: SkyMethod = "none"
    """``match``: the backgrounds of the exposures are made equal where they overlap."""
    sky_zero: SkyZero = "mean"
    """Which level is left in a matched group: the mean of its exposures, or that of the faintest."""
    equalise: Equalisation = "none"
    """``photflam``: each chip is scaled by its inverse sensitivity to that of the layer."""
    error: bool = False
    """Whether the variance of the inputs is propagated into an ERR extension."""


_GENERATION = "mvmdb engine 7"
"""The number goes up when a change of ours changes pixels."""
REFERENCE_ENGINE = f"{_GENERATION}, drizzle {version('drizzle')}"
COMPILED_ENGINE = f"{_GENERATION}, compiled kernel"
ENGINE = COMPILED_ENGINE
"""What draws layers; part of every recipe. The same where the compiled module is missing: no layer can be
drawn there, and what others draw is not stale for it."""


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
    selection_rule: Mapping[str, Any] | None = None
    """What the selection asks for, as ``mvm.selection_rule`` answers; None for ``all``."""

    @property
    def selection_words(self) -> str | None:
        """The rule in one line, like ``until 2012-01-01T00:00:00Z, without 2 exposures``; else None."""
        if self.selection_rule is None:
            return None
        without = self.selection_rule.get("without", ())
        words = [f"{name} {value}" for name, value in self.selection_rule.items() if name != "without"]
        return ", ".join([*words, *([f"without {len(without)} exposures"] if without else [])]) or "none"

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
        # Products of ``all`` keep the recipe that they had before there were others.
        rule = {} if self.selection_rule is None else {"selection_rule": dict(self.selection_rule)}
        return {
            **rule,
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
