"""Tracks pasted together from textures: objects of any shape before any ground, for weights that are to see any camera.

Spheres on smooth grounds teach what spheres look like; people, cars and birds are none. Here an object is a soft
shape of random outline, aspect and texture, a transient one is gone after a few frames or was never there (a false
box on nothing), neighbours reach into the window, the ground drifts under it, and boxes jitter. Everything is drawn
from noise: no picture of anybody's is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import zoom
from scipy.special import expit

from perdure.evidence.track_geometry import HIT_COLUMN, NUM_GEOMETRY
from perdure.track_table import TrackTable
from perdure.training.config import CompositeConfig


def composite_windows(config: CompositeConfig, *, size_px: int, context: float, num_ages: int, seed: int) -> TrackTable:
    """Returns pasted tracks over their first frames, all of them as long as asked for.

    Args:
        config: their law.
        size_px: side of a crop.
        context: side of the window in units of the longer box side.
        num_ages: frames of each track.
        seed: scene i depends on (seed, i) alone.
    """
    num = config.num_scenes * config.tracks_per_scene
    crops = np.empty((num, num_ages, size_px, size_px, 3), np.uint8)
    geometry = np.zeros((num, num_ages, NUM_GEOMETRY), np.float32)
    is_hit, is_persistent = np.ones((num, num_ages), bool), np.empty(num, bool)
    for scene in range(config.num_scenes):
        rng = np.random.default_rng([seed, scene])
        hit_rate, false_rate = rng.uniform(*config.hit_probability), rng.uniform(*config.false_hit_probability)
        for row in range(scene * config.tracks_per_scene, (scene + 1) * config.tracks_per_scene):
            is_persistent[row] = rng.random() < config.persistent_share
            lifetime = num_ages if is_persistent[row] else int(rng.choice(config.transient_lifetimes))
            is_alive = np.arange(num_ages) < lifetime
            is_hit[row, 1:] = rng.random(num_ages - 1) < np.where(is_alive, hit_rate, false_rate)[1:]
            is_nothing = not is_persistent[row] and rng.random() < config.nothing_share
            is_seen = is_alive & ~np.array(is_nothing)
            crops[row] = _pictures(rng, config, is_seen, is_hit[row], box_px=size_px / context, size_px=size_px)
            geometry[row] = _numbers(rng, is_hit[row], is_alive)
    return TrackTable(
        crops=crops,
        geometry=geometry,
        is_hit=is_hit,
        is_valid=np.ones((num, num_ages), bool),
        is_persistent=is_persistent,
        group=np.arange(num) // config.tracks_per_scene,
    )


def _numbers(
    rng: np.random.Generator, is_hit: Bool[np.ndarray, " l"], is_alive: Bool[np.ndarray, " l"]
) -> Float[np.ndarray, "l g"]:
    """Returns geometry columns: a place and size anywhere, residuals that are larger on false hits."""
    numbers = np.zeros((len(is_hit), NUM_GEOMETRY), np.float32)
    numbers[:, :2] = rng.uniform(-0.45, 0.45, 2) + np.cumsum(rng.normal(0, 0.003, (len(is_hit), 2)), axis=0)
    numbers[:, 2:4] = rng.uniform(-2.0, 1.0) + rng.normal(0, 0.3, 2)
    spread = np.where(is_alive, 0.08, 0.25)[:, None]
    numbers[1:, 4:6] = (rng.normal(0, 1, (len(is_hit), 2)) * spread * is_hit[:, None])[1:]
    numbers[:, HIT_COLUMN], numbers[:, HIT_COLUMN + 1] = is_hit, ~is_hit
    return numbers


def _pictures(
    rng: np.random.Generator,
    config: CompositeConfig,
    is_seen: Bool[np.ndarray, " l"],
    is_hit: Bool[np.ndarray, " l"],
    *,
    box_px: float,
    size_px: int,
) -> np.ndarray:
    """Returns the crops of one track as uint8 (ages, size, size, 3)."""
    num_ages, margin = len(is_seen), 12
    wide = size_px + 2 * margin
    ground = rng.uniform(40, 215) + rng.normal(0, 25, 3) + rng.uniform(3, 30) * _texture(rng, wide)
    thing = _Thing.drawn(rng, config, box_px, ground.mean(axis=(0, 1)))
    other = _Thing.drawn(rng, config, box_px, ground.mean(axis=(0, 1)))
    has_other = rng.random() < config.neighbour_share
    other_at = rng.uniform(0.7, 1.3) * box_px * np.array([np.cos(turn := rng.uniform(0, 2 * np.pi)), np.sin(turn)])
    drift = rng.normal(0, 0.6, 2) * rng.integers(0, 2)
    noise = rng.uniform(1.0, 7.0)
    frames = np.empty((num_ages, size_px, size_px, 3), np.uint8)
    for age in range(num_ages):
        # A missed frame is cropped at the predicted place, which is off by more.
        offset = rng.normal(0, 0.6 if is_hit[age] else 1.2, 2)
        start = np.clip(np.round(margin + drift * age), 0, 2 * margin).astype(int)
        picture = ground[start[0] : start[0] + size_px, start[1] : start[1] + size_px].copy()
        if has_other and rng.random() < 0.8:
            other.paint(picture, other_at + rng.normal(0, 0.7, 2))
        if is_seen[age]:
            thing.paint(picture, offset)
        picture += rng.normal(0, noise, picture.shape)
        frames[age] = np.clip(picture, 0, 255)
    return frames


@dataclass(frozen=True, slots=True)
class _Thing:
    """A soft superellipse with a texture of its own."""

    half_px: Float[np.ndarray, " 2"]
    power: float
    texture: Float[np.ndarray, "h w 3"]
    softness: float

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, config: CompositeConfig, box_px: float, ground: Float[np.ndarray, " 3"]
    ) -> _Thing:
        low, high = np.log(config.aspect[0]), np.log(config.aspect[1])
        aspect = float(np.exp(rng.uniform(low, high)))
        longer = box_px * rng.uniform(0.8, 1.1) / 2
        half = longer * np.array([min(1.0, 1 / aspect), min(1.0, aspect)])
        direction = rng.normal(0, 1, 3) * 0.5 + rng.choice([-1.0, 1.0])
        colour = ground + rng.uniform(*config.contrast_grey) * direction / np.abs(direction).mean()
        size = int(np.ceil(box_px * 1.4))
        texture = colour + rng.uniform(2, 45) * _texture(rng, size)
        return cls(half, rng.uniform(1.6, 5.0), texture, rng.uniform(0.15, 0.6))

    def paint(self, picture: Float[np.ndarray, "h w 3"], offset: Float[np.ndarray, " 2"]) -> None:
        """Draws the thing about the middle of a picture, moved by an offset (rows, columns)."""
        size, extent = len(picture), len(self.texture)
        centre = size / 2 + offset
        first = np.round(centre - extent / 2).astype(int)
        low, high = np.maximum(first, 0), np.minimum(first + extent, size)
        if (low >= high).any():
            return
        rows = (np.arange(low[0], high[0]) + 0.5 - centre[0]) / self.half_px[0]
        columns = (np.arange(low[1], high[1]) + 0.5 - centre[1]) / self.half_px[1]
        radius = np.abs(rows)[:, None] ** self.power + np.abs(columns)[None, :] ** self.power
        alpha = expit((1.0 - radius) / self.softness)[..., None]
        part = (slice(low[0], high[0]), slice(low[1], high[1]))
        texture = self.texture[low[0] - first[0] : high[0] - first[0], low[1] - first[1] : high[1] - first[1]]
        picture[part] = (1 - alpha) * picture[part] + alpha * texture


def _texture(rng: np.random.Generator, size: int) -> Float[np.ndarray, "s s 3"]:
    """Returns smooth noise over several scales, each colour about N(0, 1), the colours mostly alike."""
    total = np.zeros((size, size, 3))
    weight = rng.dirichlet(np.ones(3))
    for share, cells in zip(weight, (3, 6, 14), strict=True):
        grey, colour = rng.normal(0, 1, (cells, cells, 1)), rng.normal(0, 0.35, (cells, cells, 3))
        total += np.sqrt(share) * zoom(grey + colour, (size / cells, size / cells, 1), order=1)[:size, :size]
    return total
