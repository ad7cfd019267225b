"""One case on both sides, with the sky left in and with the peer's sky taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mvmdb.mosaic.weights import to_rate
from mvmdb.records import DrizzleParameters, LayerImage, LayerInput, LayerPlan
from tests.peer.cases import PeerCase
from tests.peer.comparison import Difference, Mosaic, compare
from tests.peer.sides import Levels, Peer, build_ours, make_plan, subtract_levels

DEFAULT_MAPPING_ERROR_PIX = DrizzleParameters().mapping_error_pix


@dataclass(frozen=True)
class SkyLevel:
    """The sky of one chip by both sides, e-/s per square arcsecond."""

    rootname: str
    chip: int
    peer: float
    ours: float | None
    """None where mvmdb did not match the sky, or cannot yet."""


@dataclass(frozen=True)
class Outcome:
    """What came of one comparison."""

    name: str
    difference: Difference
    default_mapping: Difference | None = None
    """With the mapping interpolated as it is by default."""
    levels: tuple[SkyLevel, ...] = ()
    sky_matched: str = ""
    """What mvmdb says it did when it was asked to match the sky."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What exceeds the agreement expected, in words; empty where all is well."""
        by_default = () if self.default_mapping is None else self.default_mapping.failures
        return (*self.difference.failures, *(f"mapping interpolated: {words}" for words in by_default))

    def as_json(self) -> dict[str, Any]:
        """Return everything in plain types."""
        found = asdict(self.difference) | {"failures": list(self.failures)}
        if self.default_mapping is not None:
            found["default_mapping"] = asdict(self.default_mapping)
        if self.levels:
            found["sky_levels_e_per_s_arcsec2"] = [asdict(level) for level in self.levels]
            found["sky_matched"] = self.sky_matched
        return found


def check_case(case: PeerCase, peer: Peer, directory: Path) -> Iterator[Outcome]:
    """Yield the comparison with the sky left in, then with the peer's matched sky taken out.

    Raises
    ------
    MissingExposuresError
        The shared data that the case needs are missing.
    """
    files = case.make_exposures(directory / "exposures")
    plan = make_plan(case.skycell, case.layer, case.extent, files)
    yield _check_as_it_is(case, plan, peer, directory)
    yield _check_sky(case, plan, peer, directory)


def _check_as_it_is(case: PeerCase, plan: LayerPlan, peer: Peer, directory: Path) -> Outcome:
    theirs, _ = peer.build(plan, directory / "peer", sky_match=False)
    exact = compare(_ours(plan), theirs)
    interpolated = _ours(_with(plan, mapping_error_pix=DEFAULT_MAPPING_ERROR_PIX))
    return Outcome(case.name, exact, compare(interpolated, theirs))


def _check_sky(case: PeerCase, plan: LayerPlan, peer: Peer, directory: Path) -> Outcome:
    """Compare the arithmetic at the levels that the peer found, and the levels themselves."""
    theirs, levels = peer.build(plan, directory / "peer_sky", sky_match=True)
    difference = compare(_ours(subtract_levels(plan, levels, directory / "subtracted")), theirs)
    matched, _ = build_ours(_with(plan, mapping_error_pix=DEFAULT_MAPPING_ERROR_PIX, sky="match"))
    return Outcome(
        f"{case.name}_sky",
        difference,
        levels=tuple(_levels(plan, levels, matched)),
        sky_matched=matched.preparation.sky,
    )


def _ours(plan: LayerPlan) -> Mosaic:
    return build_ours(plan)[1]


def _with(plan: LayerPlan, **changes: Any) -> LayerPlan:
    return replace(plan, parameters=replace(plan.parameters, sky_zero="faintest", **changes))


def _levels(plan: LayerPlan, levels: Levels, matched: LayerImage) -> Iterator[SkyLevel]:
    chips = {rootname: iter(found) for rootname, found in levels.items()}
    is_matched = matched.preparation.sky.startswith("match")
    for item, statistics in zip(plan.inputs, matched.inputs, strict=True):
        theirs = surface_brightness(item, next(chips[item.rootname]))
        ours = statistics.sky_e_per_s_arcsec2 if is_matched else None
        yield SkyLevel(item.rootname, item.chip, theirs, ours)


def surface_brightness(item: LayerInput, level: float) -> float:
    """Return a level in the unit of an input's pixels as e-/s per square arcsecond."""
    pixel = np.array([level], dtype=np.float32)
    (rate,) = to_rate(
        pixel, bunit=item.bunit, gain_e_per_dn=item.gain_e_per_dn, exptime_s=item.exptime_s
    ).tolist()
    return float(rate / item.pixel_scale_arcsec**2)
