"""Names of skycells, layers, products and exposures: the only place that knows their patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

from mvmdb.errors import NameFormatError

Scale = Literal["fine", "coarse"]
ProductSuffix = Literal["drz", "drc"]

N_PROJECTION_CELLS = 2644
N_SKYCELLS_PER_SIDE = 21

_SKYCELL = re.compile(r"(?:skycell-)?p([0-9]{4})x([0-9]{2})y([0-9]{2})")
_LAYER = re.compile(r"([a-z0-9]+)_([a-z0-9]+)_([a-z0-9-]+?)(_coarse)?")
_PRODUCT = re.compile(
    r"hst_skycell-(p[0-9]{4}x[0-9]{2}y[0-9]{2})_([a-z0-9]+_[a-z0-9]+_[a-z0-9-]+)_(coarse-)?([a-z0-9]+)_(drz|drc)\.fits"
)
_SELECTION = re.compile(r"[a-z0-9]{1,32}")
_ROOTNAME = re.compile(r"[a-z][a-z0-9]{8}")
_OBSERVATION = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,63}")


@dataclass(frozen=True, order=True)
class SkycellName:
    """One of the 21 x 21 skycells of a projection cell; ``x`` and ``y`` count from 1."""

    projection_cell: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not 0 <= self.projection_cell < N_PROJECTION_CELLS:
            raise NameFormatError(
                f"projection cell {self.projection_cell} does not exist",
                hint=f"projection cells run from p0000 to p{N_PROJECTION_CELLS - 1:04d}",
            )
        if not (1 <= self.x <= N_SKYCELLS_PER_SIDE and 1 <= self.y <= N_SKYCELLS_PER_SIDE):
            raise NameFormatError(
                f"skycell x{self.x:02d}y{self.y:02d} does not exist",
                hint=f"x and y run from 01 to {N_SKYCELLS_PER_SIDE}",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the skycell that ``p1889x07y19`` or ``skycell-p1889x07y19`` names.

        Raises
        ------
        NameFormatError
            The text is no such name, or no such skycell exists.
        """
        match = _SKYCELL.fullmatch(text.strip().lower())
        if match is None:
            raise NameFormatError(f"{text!r} is not a skycell name", hint="write it like p1889x07y19")
        return cls(*(int(group) for group in match.groups()))

    def __str__(self) -> str:
        return f"p{self.projection_cell:04d}x{self.x:02d}y{self.y:02d}"


@dataclass(frozen=True, order=True)
class LayerName:
    """Detector, filter and scale within a skycell: ``wfc3_ir_f160w_coarse``."""

    instrument: str
    detector: str
    filter: str
    scale: Scale = "fine"

    def __post_init__(self) -> None:
        if not _LAYER.fullmatch(str(self)) or self.scale not in ("fine", "coarse"):
            raise NameFormatError(f"{self} is not a layer name", hint="write it like wfc3_ir_f160w_coarse")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the layer a name like ``acs_wfc_f606w-pol0v`` or ``wfc3_ir_f160w_coarse`` stands for.

        Raises
        ------
        NameFormatError
            The text is no such name.
        """
        match = _LAYER.fullmatch(text.strip().lower())
        if match is None:
            raise NameFormatError(f"{text!r} is not a layer name", hint="write it like wfc3_ir_f160w_coarse")
        instrument, detector, filter_name, coarse = match.groups()
        return cls(instrument, detector, filter_name, "coarse" if coarse else "fine")

    def __str__(self) -> str:
        coarse = "_coarse" if self.scale == "coarse" else ""
        return f"{self.instrument}_{self.detector}_{self.filter}{coarse}"


@dataclass(frozen=True)
class ProductName:
    """File name of a layer: ``hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits``."""

    skycell: SkycellName
    layer: LayerName
    selection: str = "all"
    suffix: ProductSuffix = "drz"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a product's file name.

        Raises
        ------
        NameFormatError
            The text is not the file name of a product.
        """
        match = _PRODUCT.fullmatch(text)
        if match is None:
            raise NameFormatError(
                f"{text!r} is not a product name",
                hint="write it like hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits",
            )
        skycell, layer, coarse, selection, suffix = match.groups()
        layer_name = LayerName.parse(f"{layer}_coarse" if coarse else layer)
        return cls(SkycellName.parse(skycell), layer_name, selection, "drc" if suffix == "drc" else "drz")

    @property
    def stem(self) -> str:
        """The name without suffix and extension, as in the ROOTNAME keyword."""
        layer = self.layer
        coarse = "coarse-" if layer.scale == "coarse" else ""
        detector = f"{layer.instrument}_{layer.detector}_{layer.filter}"
        return f"hst_skycell-{self.skycell}_{detector}_{coarse}{self.selection}"

    def __str__(self) -> str:
        return f"{self.stem}_{self.suffix}.fits"


def parse_selection(text: str) -> str:
    """Return the name of a selection; letters and digits alone, so that names of products stay unambiguous.

    Raises
    ------
    NameFormatError
        The text is no such name.
    """
    name = text.strip().lower()
    if _SELECTION.fullmatch(name) is None:
        raise NameFormatError(
            f"{text!r} is not the name of a selection",
            hint="up to 32 letters and digits, like early or epoch2",
        )
    return name


def parse_rootname(text: str) -> str:
    """Return the lower-case nine-character root name (ipppssoot) of an exposure.

    Raises
    ------
    NameFormatError
        The text is no such name.
    """
    name = text.strip().lower()
    if _ROOTNAME.fullmatch(name) is None:
        raise NameFormatError(f"{text!r} is not a root name", hint="nine letters and digits, like ib6o03n9q")
    return name


def parse_observation_id(text: str) -> str:
    """Return the lower-case identifier of an observation of any telescope; root names are among them.

    Exposures that are known by a footprint alone may bear it; files always bear a root name.

    Raises
    ------
    NameFormatError
        The text is no such identifier.
    """
    name = text.strip().lower()
    if _OBSERVATION.fullmatch(name) is None:
        raise NameFormatError(
            f"{text!r} is not the identifier of an observation",
            hint="up to 64 letters, digits and any of . _ : + -, like ib6o03n9q",
        )
    return name


def is_rootname(name: str) -> bool:
    """Return whether an identifier is the root name of a Hubble exposure or association."""
    return _ROOTNAME.fullmatch(name) is not None
