"""Textured backgrounds: smooth random colour at several scales. Knows nothing of objects."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

SCALES = ((5, 0.65), (9, 0.5), (18, 0.3), (40, 0.2))
"""Spline knots across the image and relative amplitude of each scale of texture."""
BASE_GREY = (75.0, 150.0)
"""Range of the mean of each colour channel; in the middle, so that objects can be darker or brighter."""
COLOUR_SHARE = 0.5
"""Amplitude of texture that differs between channels, relative to that which they share."""

Image = Float[np.ndarray, "h w 3"]


@lru_cache(maxsize=32)
def _interpolation(num_points: int, num_pixels: int) -> Float[np.ndarray, "pixels points"]:
    """Returns the matrix of a cubic B-spline over `num_points` knots at pixel centres.

    Rows are scaled so that independent knots of variance 1 give pixels of mean variance 1.
    """
    place = (np.arange(num_pixels) + 0.5) / num_pixels * (num_points - 3) + 1
    low = np.minimum(place.astype(int), num_points - 3)
    t = place - low
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1)
    matrix = np.zeros((num_pixels, num_points), np.float32)
    for tap in range(4):
        matrix[np.arange(num_pixels), low - 1 + tap] = weights[:, tap]
    matrix /= np.sqrt(np.square(matrix).sum(axis=1).mean())
    matrix.flags.writeable = False
    return matrix


def draw_background(rng: np.random.Generator, *, height_px: int, width_px: int, texture_grey: float) -> Image:
    """Returns a random background in grey levels, not yet rounded, well inside 0 to 255."""
    base = rng.uniform(*BASE_GREY, 3).astype(np.float32)
    texture = np.zeros((4, height_px, width_px), np.float32)
    for num_points, amplitude in SCALES:
        rows, columns = _interpolation(num_points, height_px), _interpolation(num_points, width_px)
        grid = rng.standard_normal((4, num_points, num_points), np.float32)
        texture += np.float32(amplitude) * (rows @ grid @ columns.T)
    mixed = texture[:1] + np.float32(COLOUR_SHARE) * texture[1:]
    image = base + np.float32(texture_grey) * np.moveaxis(mixed, 0, 2)
    return np.clip(image, 15.0, 225.0)
