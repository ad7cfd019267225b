"""What is in the sky: stars and galaxies with ICRS positions and a flux in every band, made from a seed.

A galaxy is a sum of elliptical Gaussians. Colours run from 0 (blue) to 1 (red).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mvmdb.simulate.detectors import Passband
from mvmdb.sky.sphere import tangent_sky

Floats = NDArray[np.float64]

ELLIPTICAL = ((0.038, 0.020), (0.106, 0.077), (0.290, 0.191), (0.782, 0.333), (2.63, 0.379))
DISC = ((0.335, 0.118), (0.689, 0.400), (1.274, 0.482))
"""Width (in half-light radii) and share of light of the Gaussians that add up to an R^(1/4) and to an
exponential profile; least-squares fits, good to 3% and 1% of the light."""

_WAVELENGTH_ANGSTROM = (4700.0, 6000.0, 7700.0, 9000.0, 10500.0, 12500.0, 15400.0)
_BLUE_MAG = (0.25, 0.15, 0.00, -0.05, -0.08, -0.10, -0.15)
_RED_MAG = (2.30, 0.95, 0.00, -0.32, -0.55, -0.75, -1.00)
"""AB magnitude less that at 7700 Angstrom of the bluest and the reddest source."""

_SPIRAL_WINDING = 0.28
"""Tangent of the pitch angle of spiral arms."""


@dataclass(frozen=True, eq=False)
class Stars:
    """Point sources."""

    ra_deg: Floats
    dec_deg: Floats
    flux_e_s: Mapping[str, Floats]
    """By band (``acs/wfc/f775w``), electrons per second, shape ``(n,)``."""


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Elliptical Gaussians of light."""

    ra_deg: Floats
    dec_deg: Floats
    covariance_arcsec2: Floats
    """``(n, 2, 2)`` in (east, north)."""
    flux_e_s: Mapping[str, Floats]
    """By band, electrons per second, shape ``(n,)``."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A field of the sky as the telescope sees it."""

    stars: Stars
    galaxies: Gaussians
    sky_e_s_arcsec2: Mapping[str, float]
    """Uniform background by band, electrons per second and square arcsecond."""


@dataclass(frozen=True, eq=False)
class _Lights:
    """Gaussians on a tangent plane, before they are seen in any band."""

    east_arcsec: Floats
    north_arcsec: Floats
    covariance_arcsec2: Floats
    light: Floats
    """Flux at 7700 Angstrom in units of AB magnitude 0."""
    colour: Floats


def flux_e_s(ab_mag: ArrayLike, passband: Passband) -> Floats:
    """Return the electrons per second of AB magnitudes."""
    return np.asarray(10 ** (-0.4 * (np.asarray(ab_mag, dtype=float) - passband.zeropoint_ab_mag)))


def cluster_scene(
    *,
    ra_deg: float,
    dec_deg: float,
    radius_arcsec: float,
    passbands: Mapping[str, Passband],
    seed: int,
) -> Scene:
    """Return a cluster of galaxies with lensed arcs, before and behind it spirals, faint galaxies, stars.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS position of the cluster's centre, degrees.
    radius_arcsec
        Half the side of the square that is filled.
    passbands
        Passband of each band; the scene has a flux in each.
    seed
        The same seed makes the same scene.
    """
    rng = np.random.default_rng(seed)
    area_arcsec2 = (2 * radius_arcsec) ** 2
    galaxies = _joined(
        _cluster_members(rng),
        *(_spiral(rng, k, 0.5 * radius_arcsec) for k in range(7)),
        *(_arc(rng, k) for k in range(5)),
        _faint_galaxies(rng, round(0.07 * area_arcsec2), radius_arcsec),
    )
    stars = _field_stars(rng, round(0.0015 * area_arcsec2), radius_arcsec)
    return Scene(
        Stars(*_positions(stars, ra_deg, dec_deg), _fluxes(stars, passbands)),
        Gaussians(
            *_positions(galaxies, ra_deg, dec_deg), galaxies.covariance_arcsec2, _fluxes(galaxies, passbands)
        ),
        {band: passband.sky_e_s_arcsec2 for band, passband in passbands.items()},
    )


def _positions(lights: _Lights, ra_deg: float, dec_deg: float) -> tuple[Floats, Floats]:
    return tangent_sky(
        np.radians(lights.east_arcsec / 3600),
        np.radians(lights.north_arcsec / 3600),
        centre_ra_deg=ra_deg,
        centre_dec_deg=dec_deg,
    )


def _fluxes(lights: _Lights, passbands: Mapping[str, Passband]) -> dict[str, Floats]:
    ab_mag = -2.5 * np.log10(lights.light)
    return {
        band: flux_e_s(ab_mag + _colour_mag(lights.colour, passband.pivot_angstrom), passband)
        for band, passband in passbands.items()
    }


def _colour_mag(colour: Floats, pivot_angstrom: float) -> Floats:
    blue, red = (np.interp(pivot_angstrom, _WAVELENGTH_ANGSTROM, mag) for mag in (_BLUE_MAG, _RED_MAG))
    return np.asarray(blue + (red - blue) * colour)


def _joined(*lights: _Lights) -> _Lights:
    return _Lights(
        np.concatenate([part.east_arcsec for part in lights]),
        np.concatenate([part.north_arcsec for part in lights]),
        np.concatenate([part.covariance_arcsec2 for part in lights]),
        np.concatenate([part.light for part in lights]),
        np.concatenate([part.colour for part in lights]),
    )


def _profiles(
    profile: tuple[tuple[float, float], ...],
    *,
    east_arcsec: ArrayLike,
    north_arcsec: ArrayLike,
    ab_mag: ArrayLike,
    radius_arcsec: ArrayLike,
    axis_ratio: ArrayLike,
    angle_rad: ArrayLike,
    colour: ArrayLike,
) -> _Lights:
    """Return the Gaussians of galaxies that share a profile; half-light radius along the major axis."""
    fields = np.broadcast_arrays(
        *(east_arcsec, north_arcsec, ab_mag, radius_arcsec, axis_ratio, angle_rad, colour)
    )
    east, north, mag, radius, ratio, angle, red = (np.atleast_1d(field).astype(float) for field in fields)
    shape = _ellipses(radius, ratio, angle)
    return _joined(
        *(_Lights(east, north, shape * width**2, 10 ** (-0.4 * mag) * share, red) for width, share in profile)
    )


def _ellipses(radius_arcsec: Floats, axis_ratio: Floats, angle_rad: Floats) -> Floats:
    """Return covariances of ellipses whose major axis stands at a position angle, shape ``(n, 2, 2)``."""
    major = np.stack([np.sin(angle_rad), np.cos(angle_rad)], axis=-1)
    minor = np.stack([np.cos(angle_rad), -np.sin(angle_rad)], axis=-1) * axis_ratio[:, None]
    axes = np.stack([major, minor], axis=-1) * radius_arcsec[:, None, None]
    return np.asarray(axes @ axes.transpose(0, 2, 1))


def _cluster_members(rng: np.random.Generator) -> _Lights:
    """Ellipticals, thick in the middle, with the brightest one and the light between them in the centre."""
    n = 170
    distance = 16.0 * np.sqrt((1 - 0.985 * rng.random(n)) ** -1.0 - 1)
    around = rng.uniform(0, 2 * np.pi, n)
    mag = 18.9 + 6.0 * rng.random(n) ** 0.6
    members = _profiles(
        ELLIPTICAL,
        east_arcsec=distance * np.sin(around),
        north_arcsec=0.75 * distance * np.cos(around),
        ab_mag=mag,
        radius_arcsec=1.5 * 10 ** (-0.17 * (mag - 18.9)) * rng.lognormal(0, 0.2, n),
        axis_ratio=rng.uniform(0.5, 1.0, n),
        angle_rad=rng.uniform(0, np.pi, n),
        colour=rng.normal(0.95, 0.04, n),
    )
    centre = {"east_arcsec": 0.0, "north_arcsec": 0.0, "angle_rad": 1.2}
    brightest = _profiles(ELLIPTICAL, **centre, ab_mag=17.0, radius_arcsec=5.0, axis_ratio=0.75, colour=1.0)
    between = _profiles(DISC, **centre, ab_mag=17.6, radius_arcsec=22.0, axis_ratio=0.6, colour=0.95)
    return _joined(members, brightest, between)


def _spiral(rng: np.random.Generator, k: int, reach_arcsec: float) -> _Lights:
    """A tilted disc with a red bulge and two arms of blue knots; the first is large and near."""
    around = 2 * np.pi * (k / 7 + 0.06 * rng.random())
    distance = reach_arcsec * rng.uniform(0.5, 1.0)
    east, north = distance * np.sin(around), distance * np.cos(around)
    radius, mag = (6.5, 17.0) if k == 0 else (rng.uniform(1.6, 4.0), rng.uniform(17.9, 19.6))
    ratio, angle = rng.uniform(0.25, 0.95), rng.uniform(0, np.pi)
    place = {"east_arcsec": east, "north_arcsec": north, "angle_rad": angle}
    disc = _profiles(DISC, **place, ab_mag=mag + 0.7, radius_arcsec=radius, axis_ratio=ratio, colour=0.42)
    bulge = _profiles(
        ELLIPTICAL, **place, ab_mag=mag + 1.6, radius_arcsec=0.22 * radius, axis_ratio=0.8, colour=0.9
    )
    return _joined(disc, bulge, _arms(rng, (east, north), (radius, ratio, angle), mag + 1.3))


def _arms(
    rng: np.random.Generator,
    centre_arcsec: tuple[float, float],
    ellipse: tuple[float, float, float],
    ab_mag: float,
) -> _Lights:
    """Knots along two logarithmic spirals in the plane of a disc (radius, axis ratio, position angle)."""
    radius, ratio, angle = ellipse
    n = 150
    turn = rng.uniform(0, 2.2 * np.pi, n)
    distance = 0.45 * radius * np.exp(_SPIRAL_WINDING * turn) * rng.normal(1, 0.06, n)
    turn += np.pi * rng.integers(0, 2, n)
    along, across = distance * np.cos(turn), ratio * distance * np.sin(turn)
    light = np.exp(-0.5 * distance / radius) * rng.lognormal(0, 0.8, n)
    size = 0.05 * radius * rng.lognormal(0, 0.35, n)
    return _Lights(
        centre_arcsec[0] + along * math.sin(angle) + across * math.cos(angle),
        centre_arcsec[1] + along * math.cos(angle) - across * math.sin(angle),
        _ellipses(size, np.full(n, max(ratio, 0.4)), np.full(n, angle)),
        10 ** (-0.4 * ab_mag) * light / light.sum(),
        rng.uniform(-0.1, 0.2, n),
    )


def _arc(rng: np.random.Generator, k: int) -> _Lights:
    """A background galaxy drawn out by the cluster into a thin blue arc around its centre."""
    n = 60
    radius, width_rad = rng.uniform(9, 36), rng.uniform(0.25, 0.8)
    turn = 2 * np.pi * k / 5 + rng.uniform(0, 0.8) + width_rad * rng.uniform(-0.5, 0.5, n)
    light = rng.lognormal(0, 0.7, n)
    return _Lights(
        radius * np.sin(turn) + rng.normal(0, 0.03, n),
        0.85 * radius * np.cos(turn) + rng.normal(0, 0.03, n),
        _ellipses(np.full(n, 0.5), np.full(n, 0.2), turn + np.pi / 2),
        10 ** (-0.4 * rng.uniform(20.6, 22.0)) * light / light.sum(),
        np.full(n, rng.uniform(-0.05, 0.25)),
    )


def _faint_galaxies(rng: np.random.Generator, n: int, radius_arcsec: float) -> _Lights:
    """Small discs, ever more numerous towards the faint end."""
    mag = np.maximum(27.6 + np.log10(rng.random(n)) / 0.32, 21.0)
    return _profiles(
        DISC,
        east_arcsec=rng.uniform(-radius_arcsec, radius_arcsec, n),
        north_arcsec=rng.uniform(-radius_arcsec, radius_arcsec, n),
        ab_mag=mag,
        radius_arcsec=0.24 * 10 ** (-0.10 * (mag - 25.5)) * rng.lognormal(0, 0.35, n),
        axis_ratio=rng.uniform(0.25, 1.0, n),
        angle_rad=rng.uniform(0, np.pi, n),
        colour=rng.beta(1.2, 2.2, n),
    )


def _field_stars(rng: np.random.Generator, n: int, radius_arcsec: float) -> _Lights:
    """Stars of the Galaxy, the first three bright enough to show diffraction spikes."""
    mag = 17.8 + 7.5 * rng.random(n) ** 0.6
    mag[:3] = (15.6, 16.4, 17.0)[: mag[:3].size]
    reach = np.where(np.arange(n) < 3, 0.6, 1.0) * radius_arcsec
    return _Lights(
        reach * rng.uniform(-1, 1, n),
        reach * rng.uniform(-1, 1, n),
        np.zeros((n, 2, 2)),
        10 ** (-0.4 * mag),
        rng.uniform(0.1, 0.9, n),
    )
