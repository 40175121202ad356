"""Draws a textured background, shaded spheres over it, and sensor noise over all.

The disc in the middle of a sphere shows the cue variable and nothing else: dark for low, bright for high values.
Where no object is seen the pixels are background and noise. Knows nothing of labels or detections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, UInt8

from perdure.world.config import WorldConfig
from perdure.world.placement import Paths

SCALES = ((5, 0.65), (9, 0.5), (18, 0.3), (40, 0.2))
"""Spline knots across the image and relative amplitude of each scale of texture."""
BASE_GREY = (75.0, 150.0)
"""Range of the mean of each colour channel; in the middle, so that objects can be darker or brighter."""
COLOUR_SHARE = 0.5
"""Amplitude of texture that differs between channels, relative to that which they share."""

DISC_GREY = (18.0, 237.0)
"""Grey level of the disc at the two ends of the cue range; noise of 4 grey levels stays inside 0 to 255."""
AMBIENT = 0.45
"""Share of light that reaches the side of a sphere turned away from the lamp."""
NUM_COLOURS = 96
"""Random colours that are tried for each object until one has the wanted contrast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the scene looks.

    Args:
        background: grey levels.
        colour: of each sphere in full light, grey levels.
        light: unit vector towards the lamp (x right, y down, z towards the camera).
    """

    background: Float[np.ndarray, "h w 3"]
    colour: Float[np.ndarray, "k 3"]
    light: Float[np.ndarray, " 3"]


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


def draw_background(
    rng: np.random.Generator, *, height_px: int, width_px: int, texture_grey: float
) -> Float[np.ndarray, "h w 3"]:
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


def draw_light(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """Returns the direction of the lamp: above the scene, somewhat behind the camera."""
    light = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.9, -0.3), 1.0])
    return light / np.linalg.norm(light)


def mean_shade(light: Float[np.ndarray, " 3"]) -> float:
    """Returns the mean brightness of a sphere as seen from the camera, in units of its colour.

    The lit part has a mean of (2/3) (sin a + (pi - a) cos a) / pi for an angle a between lamp and camera: the phase
    law of a diffuse sphere (Lambert, Photometria, 1760).
    """
    cosine = min(float(light[2]), 1.0)
    angle = math.acos(cosine)
    return AMBIENT + (1 - AMBIENT) * 2 / 3 * (math.sin(angle) + (math.pi - angle) * cosine) / math.pi


def draw_colours(
    rng: np.random.Generator,
    background: Float[np.ndarray, "h w 3"],
    paths: Paths,
    *,
    contrast_grey: Float[np.ndarray, " k"],
    shade: float,
) -> Float[np.ndarray, "k 3"]:
    """Returns a random colour per object that keeps its wanted distance from the background all along its way.

    Where none of the random colours has the distance, the most distant one is taken.
    """
    height, width = background.shape[:2]
    column = np.clip(paths.centre_px[..., 0].astype(int), 0, width - 1)
    row = np.clip(paths.centre_px[..., 1].astype(int), 0, height - 1)
    behind = background[row, column]
    candidates = rng.uniform(20.0, 255.0, (len(row), NUM_COLOURS, 3))
    difference = shade * candidates[:, :, None] - behind[:, None]
    distance = np.sqrt(np.square(difference).mean(-1)).min(-1)
    enough = distance >= contrast_grey[:, None]
    # The first colour that is far enough; the farthest where there is none.
    choice = np.where(enough.any(1), enough.argmax(1), distance.argmax(1))
    return candidates[np.arange(len(row)), choice]


def disc_grey(cue_variable: np.ndarray, cue_range: float) -> np.ndarray:
    """Returns the grey level of the disc: linear in the cue variable, constant beyond its range."""
    low, high = DISC_GREY
    return low + (high - low) * np.clip((cue_variable + cue_range) / (2 * cue_range), 0.0, 1.0)


def read_cue_variable(grey: float, cue_range: float) -> float:
    """Returns the cue variable that a grey level of the disc shows; the inverse of `disc_grey`."""
    low, high = DISC_GREY
    return (grey - low) / (high - low) * 2 * cue_range - cue_range


def render(
    rng: np.random.Generator,
    config: WorldConfig,
    *,
    paths: Paths,
    is_seen: Bool[np.ndarray, "k t"],
    cue_variable: Float[np.ndarray, "k t"],
    look: Look,
) -> UInt8[np.ndarray, "t h w 3"]:
    """Returns the frames of a clip."""
    shape = (config.num_frames, config.frame_height_px, config.frame_width_px, 3)
    frames = rng.standard_normal(shape, np.float32)
    frames *= np.float32(config.noise_grey)
    frames += look.background
    _draw_spheres(frames, config, paths=paths, is_seen=is_seen, cue_variable=cue_variable, look=look)
    frames += np.float32(0.5)
    np.clip(frames, 0.0, 255.0, out=frames)
    return frames.astype(np.uint8)


def _draw_spheres(
    frames: Float[np.ndarray, "t h w 3"],
    config: WorldConfig,
    *,
    paths: Paths,
    is_seen: Bool[np.ndarray, "k t"],
    cue_variable: Float[np.ndarray, "k t"],
    look: Look,
) -> None:
    """Blends every object that is seen into its frames; only pixels that a body touches are computed."""
    object_index, frame_index = np.nonzero(is_seen)
    if not len(object_index):
        return
    centre = paths.centre_px[object_index, frame_index].astype(np.float32)
    radius = (paths.side_px[object_index, frame_index] / 2).astype(np.float32)
    sphere, row, column = _touched_pixels(centre, radius, frames.shape[1:3])
    dx, dy = column + np.float32(0.5) - centre[sphere, 0], row + np.float32(0.5) - centre[sphere, 1]
    r = radius[sphere]
    distance = np.hypot(dx, dy)
    shade = _shade(dx / r, dy / r, look.light.astype(np.float32))
    pixel = shade[:, None] * look.colour.astype(np.float32)[object_index[sphere]]
    disc = disc_grey(cue_variable[object_index, frame_index], config.cue_range).astype(np.float32)[sphere]
    in_disc = np.clip(np.float32(config.disc_share) * r - distance + np.float32(0.5), 0.0, 1.0)
    pixel += in_disc[:, None] * (disc[:, None] - pixel)
    cover = np.clip(r - distance + np.float32(0.5), 0.0, 1.0)
    pixel -= look.background[row, column]
    frames[frame_index[sphere], row, column] += cover[:, None] * pixel


def _touched_pixels(
    centre: Float[np.ndarray, "n 2"], radius: Float[np.ndarray, " n"], image_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (sphere, row, column) of every pixel inside the image that a sphere may cover."""
    reach = int(np.ceil(2 * radius.max())) + 3
    low = np.floor(centre - radius[:, None] - 1).astype(int)
    step = np.arange(reach)
    column, row = low[:, :1] + step, low[:, 1:] + step
    height, width = image_shape
    dx2 = np.square(column + np.float32(0.5) - centre[:, :1])
    dy2 = np.square(row + np.float32(0.5) - centre[:, 1:])
    near = dx2[:, None, :] + dy2[:, :, None] < np.square(radius + np.float32(0.5))[:, None, None]
    near &= ((row >= 0) & (row < height))[:, :, None] & ((column >= 0) & (column < width))[:, None, :]
    sphere, row_step, column_step = np.nonzero(near)
    return sphere, row[sphere, row_step], column[sphere, column_step]


def _shade(x: np.ndarray, y: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Returns Lambert's law on a unit sphere plus ambient light."""
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    lit = np.maximum(x * light[0] + y * light[1] + z * light[2], 0)
    return np.float32(AMBIENT) + np.float32(1 - AMBIENT) * lit
