"""Pixel mappings with known geometry."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from mvmdb.sky.grid import PixelBox

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AffineMapping:
    """Rotate, skew, mirror and scale about the origin, then shift: positions of pixel centres, 0-based."""

    scale: float = 1.0
    angle_rad: float = 0.0
    skew: float = 0.0
    mirrored: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    matrix: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        cos, sin = np.cos(self.angle_rad), np.sin(self.angle_rad)
        rotation = np.array([[cos, -sin], [sin, cos]])
        skewing = np.array([[1.0, self.skew], [0.0, -1.0 if self.mirrored else 1.0]])
        object.__setattr__(self, "matrix", self.scale * rotation @ skewing)

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        (xx, xy), (yx, yy) = self.matrix
        return xx * x + xy * y + self.shift[0], yx * x + yy * y + self.shift[1]

    @property
    def pixel_area(self) -> float:
        """Area of one input pixel, in output pixels."""
        return float(abs(np.linalg.det(self.matrix)))

    def centred_on(self, x_out: float, y_out: float, shape: tuple[int, int]) -> AffineMapping:
        """Return the mapping shifted so that the middle of the input frame falls on a position."""
        middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
        x_shift, y_shift = np.array([x_out, y_out]) - self.matrix @ middle
        return AffineMapping(self.scale, self.angle_rad, self.skew, self.mirrored, (x_shift, y_shift))

    def outline(self, shape: tuple[int, int]) -> shapely.Polygon:
        """Return the outline of the input frame's pixel edges on the output frame."""
        return self.pixel_outlines(np.array([[0.0, 0.0, shape[1], shape[0]]]) - 0.5)[0]

    def pixel_outlines(self, boxes: Floats) -> NDArray[np.object_]:
        """Return the images of boxes ``(n, 4)`` of x0, y0, x1, y1 in continuous pixel coordinates."""
        x0, y0, x1, y1 = np.asarray(boxes, dtype=float).T
        corners = np.stack([self(x0, y0), self(x1, y0), self(x1, y1), self(x0, y1)])
        return shapely.polygons(np.moveaxis(corners, 2, 0))


def overlap_areas(outline: shapely.Polygon, shape: tuple[int, int]) -> Floats:
    """Return the exact area of a polygon within each pixel of an output frame ``(ny, nx)``."""
    y, x = np.indices(shape)
    pixels = shapely.box(x - 0.5, y - 0.5, x + 0.5, y + 0.5)
    return np.asarray(shapely.area(shapely.intersection(pixels, outline)))


def box_of(shape: tuple[int, int]) -> PixelBox:
    """Return the box of a whole array ``(ny, nx)``."""
    return PixelBox(0, 0, shape[1], shape[0])
