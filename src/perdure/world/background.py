"""Textured backgrounds: smooth random colour at several scales. Knows nothing of objects."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

SCALES = ((3, 0.7), (7, 0.5), (16, 0.4), (34, 0.3))
"""Grid points across the image and relative amplitude of each scale of texture."""
BASE_GREY = (75.0, 150.0)
"""Range of the mean of each colour channel; in the middle, so that objects can be darker or brighter."""
COLOUR_SHARE = 0.5
"""Amplitude of texture that differs between channels, relative to that which they share."""

Image = Float[np.ndarray, "h w 3"]


@lru_cache(maxsize=32)
def _interpolation(num_points: int, num_pixels: int) -> Float[np.ndarray, "pixels points"]:
    """Returns the matrix that interpolates grid values smoothly (cosine weights) at pixel centres."""
    place = (np.arange(num_pixels) + 0.5) / num_pixels * (num_points - 1)
    low = np.minimum(place.astype(int), num_points - 2)
    weight = 0.5 - 0.5 * np.cos(np.pi * (place - low))
    matrix = np.zeros((num_pixels, num_points), np.float32)
    matrix[np.arange(num_pixels), low] = 1 - weight
    matrix[np.arange(num_pixels), low + 1] = weight
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
