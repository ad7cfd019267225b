"""The distortion of a chip as numbers: lookup tables, SIP polynomials and the linear part of its TAN WCS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mvmdb.sky.sphere import Floats

Pair = tuple[float, float]


@dataclass(frozen=True, eq=False)
class LookupTable:
    """Shifts of one pixel coordinate, bilinear between nodes; beyond its edge the edge counts."""

    shifts_pix: NDArray[np.float32]
    """``(ny, nx)``, pixels."""
    crpix: Pair
    """1-based node, x and y, that lies on ``crval``."""
    crval: Pair
    """1-based pixel position of that node."""
    cdelt: Pair
    """Distance between nodes, pixels."""

    def __call__(self, x_pix: Floats, y_pix: Floats) -> Floats:
        """Return the shifts at 0-based positions, pixels."""
        (i, u), (j, v) = self._node(x_pix, 0), self._node(y_pix, 1)
        i_next, j_next = (np.minimum(k + 1, n - 1) for k, n in ((i, self._n_nodes(0)), (j, self._n_nodes(1))))
        table = self.shifts_pix.astype(np.float64)
        lower = table[j, i] * (1 - u) + table[j, i_next] * u
        upper = table[j_next, i] * (1 - u) + table[j_next, i_next] * u
        shifts: Floats = lower * (1 - v) + upper * v
        return shifts

    def _n_nodes(self, axis: int) -> int:
        return int(self.shifts_pix.shape[1 - axis])

    def _node(self, position_pix: Floats, axis: int) -> tuple[NDArray[np.intp], Floats]:
        """Return the 0-based node before each position, and how far beyond it the position lies."""
        node = (position_pix + 1 - self.crval[axis]) / self.cdelt[axis] + self.crpix[axis] - 1
        # NaN is not clipped, and makes the shift NaN whatever node it is given
        node = np.clip(node, 0, self._n_nodes(axis) - 1)
        before = np.nan_to_num(np.floor(node)).astype(np.intp)
        return before, node - before


TablePair = tuple[LookupTable | None, LookupTable | None]


@dataclass(frozen=True, eq=False)
class SipPolynomials:
    """SIP: shifts of x (``a``) and of y (``b``), polynomials in the pixels from ``crpix``."""

    a: Floats
    """Coefficient of u^i v^j at ``[i, j]``; beyond i + j = order it is not used."""
    b: Floats
    crpix: Pair
    """1-based origin of the polynomials."""


@dataclass(frozen=True, eq=False)
class ChipDistortion:
    """From the pixels of a chip to the sky: D2IM, then SIP and NPOL side by side, then CD and TAN."""

    crpix: Pair
    """1-based pixel position of the tangent point."""
    crval_deg: Pair
    """Right ascension and declination of the tangent point, degrees."""
    cd_deg: Floats
    """``(2, 2)``: degrees per pixel."""
    lonpole_deg: float
    """Native longitude of the celestial pole; 180 puts north along the second axis."""
    sip: SipPolynomials | None = None
    npol: TablePair = (None, None)
    """Tables of the shifts of x and of y, added beside SIP (CPDIS, or NPOL)."""
    d2im: TablePair = (None, None)
    """Tables of the shifts of x and of y, added first (detector to image)."""

    def from_crpix(self, x_pix: Floats, y_pix: Floats) -> tuple[Floats, Floats]:
        """Return undistorted positions, pixels from ``crpix``, of 0-based positions on the chip."""
        x, y = _add_shifts(self.d2im, x_pix, y_pix, (x_pix, y_pix))
        moved = (x, y)
        if self.sip is not None:
            u, v = x + 1 - self.sip.crpix[0], y + 1 - self.sip.crpix[1]
            moved = x + _polynomial(self.sip.a, u, v), y + _polynomial(self.sip.b, u, v)
        x, y = _add_shifts(self.npol, x, y, moved)
        return x + 1 - self.crpix[0], y + 1 - self.crpix[1]


def _add_shifts(tables: TablePair, x: Floats, y: Floats, to: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Add the shifts of both tables at x, y to a pair of positions."""
    shifted_x, shifted_y = (
        position if table is None else position + table(x, y)
        for table, position in zip(tables, to, strict=True)
    )
    return shifted_x, shifted_y


def _polynomial(coefficients: Floats, u: Floats, v: Floats) -> Floats:
    """Return the sum of c[i, j] u^i v^j over i + j <= order."""
    order = len(coefficients) - 1
    total = np.zeros_like(u)
    for i in range(order, -1, -1):
        term = np.full_like(v, coefficients[i, order - i])
        for j in range(order - i - 1, -1, -1):
            term = term * v + coefficients[i, j]
        total = total * u + term
    return total
