"""Filters as pictures show them: in order of wavelength, blue to red."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex

from mvmdb.records import ChipOutline, first_chips

_WAVELENGTH = re.compile(r"f[rq]?([0-9]{3,4})")
_NM_PER_UNIT = {"ir": 10.0}
"""Names of infrared filters count in 10 nm, all others in nm."""

# Strong, distinct and distinguishable without red or green (after P. Tol, "Colour Schemes", SRON 2021).
_RAINBOW = LinearSegmentedColormap.from_list(
    "filters",
    ["#882e72", "#1965b0", "#5289c7", "#4eb265", "#a6be54", "#f6c141", "#f1932d", "#dc050c", "#72190e"],
)


@dataclass(frozen=True)
class FilterGroup:
    """The chips of one detector and filter."""

    instrument: str
    detector: str
    filter: str
    colour: str
    outlines: tuple[ChipOutline, ...]

    @property
    def label(self) -> str:
        """Instrument, detector and filter as astronomers write them."""
        return f"{self.instrument}/{self.detector} {self.filter.replace('-', '+')}".upper()

    @property
    def n_exposures(self) -> int:
        """Number of exposures."""
        return len(first_chips(self.outlines))

    @property
    def exptime_s(self) -> float:
        """Sum of their exposure times."""
        return sum(item.exptime_s for item in first_chips(self.outlines))

    def sample(self, every: int) -> list[ChipOutline]:
        """Return all chips of every so many-th exposure, the first among them."""
        names = {item.exposure for item in first_chips(self.outlines)[::every]}
        return [item for item in self.outlines if item.exposure in names]


def group_by_filter(outlines: Sequence[ChipOutline]) -> list[FilterGroup]:
    """Return the chips by detector and filter, from the shortest wavelength to the longest."""
    found: dict[tuple[str, str, str], list[ChipOutline]] = {}
    for outline in outlines:
        found.setdefault((outline.instrument, outline.detector, outline.filter), []).append(outline)
    keys = sorted(found, key=lambda key: (nominal_wavelength_nm(key[1], key[2]), key))
    colours = _colours(len(keys))
    return [FilterGroup(*key, colour, tuple(found[key])) for key, colour in zip(keys, colours, strict=True)]


def nominal_wavelength_nm(detector: str, filter_name: str) -> float:
    """Return the wavelength that a filter's name tells; infinite for those without one, as ``clear``."""
    match = _WAVELENGTH.match(filter_name)
    return float(match.group(1)) * _NM_PER_UNIT.get(detector, 1.0) if match else float("inf")


def _colours(n: int) -> list[str]:
    """Return colours evenly spaced along the rainbow; few filters keep away from its dark ends."""
    margin = 0.12 if n < 6 else 0.0
    return [to_hex(_RAINBOW(place)) for place in np.linspace(margin, 1 - margin, n)] if n > 1 else ["#1965b0"]
