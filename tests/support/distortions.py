"""Chips with distortions of any kind, far stronger than real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from mvmdb.sky.distortion import ChipDistortion, LookupTable, Pair, SipPolynomials, TablePair


def random_table(random: np.random.Generator, step_pix: float = 16.0) -> LookupTable:
    """Return a table of some nodes, with shifts of some tenths of a pixel."""
    n_y, n_x = random.integers(1, 8, 2)
    start, step = random.uniform(-3, 3, 2), step_pix * random.uniform(0.7, 1.5, 2)
    return LookupTable(
        random.uniform(-0.3, 0.3, (n_y, n_x)).astype(np.float32), (0.5, 1.0), tuple(start), tuple(step)
    )


def random_tables(random: np.random.Generator) -> TablePair:
    """Return a pair of tables: on common nodes, each on its own, one alone, or none."""
    first, second = random_table(random), random_table(random)
    alike = LookupTable(-first.shifts_pix, first.crpix, first.crval, first.cdelt)
    pairs: tuple[TablePair, ...] = (
        (first, alike),
        (first, second),
        (first, None),
        (None, second),
        (None, None),
    )
    return pairs[random.integers(len(pairs))]


def random_sip(random: np.random.Generator, crpix: Pair, reach_pix: float = 64.0) -> SipPolynomials | None:
    """Return polynomials of different orders that shift by a pixel or two within reach, or none."""
    orders = random.integers(0, 7, 2)
    if orders.sum() == 0:
        return None
    a, b = (_coefficients(random, int(order), reach_pix) for order in orders)
    return SipPolynomials(a, b, (crpix[0] + 0.25, crpix[1] - 3))


def _coefficients(random: np.random.Generator, order: int, reach_pix: float) -> np.ndarray:
    i, j = np.indices((order + 1, order + 1))
    in_use = random.uniform(-0.3, 0.3, i.shape) / reach_pix ** (i + j)
    return np.where(i + j <= order, in_use, 7.0)  # what lies beyond the order is not used


def random_distortion(
    seed: int, crval_deg: Pair = (150.0, 2.0), *, scale_arcsec: float = 0.05, **changes: Any
) -> ChipDistortion:
    """Return a chip of any roll, with SIP and tables of any kind."""
    random = np.random.default_rng(seed)
    crpix = tuple(random.uniform(10, 60, 2))
    roll = random.uniform(0, 2 * np.pi)
    cosine, sine, stretch = np.cos(roll), np.sin(roll), random.uniform(0.9, 1.1)
    parts: dict[str, Any] = {
        "crpix": crpix,
        "crval_deg": crval_deg,
        "cd_deg": scale_arcsec / 3600 * np.array([[-cosine, sine], [sine, cosine * stretch]]),
        "lonpole_deg": 180.0,
        "sip": random_sip(random, crpix),
        "npol": random_tables(random),
        "d2im": random_tables(random),
    }
    return ChipDistortion(**{**parts, **changes})
