"""Finds ways for all objects of a scene so that they never come close to each other or leave the image.

The number, birth, size and motion family of the objects are given and never change here: only the ways are drawn
again until they fit. Knows nothing of labels, so no label can depend on what was accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from perdure.world.config import MOTION_FAMILIES, WorldConfig
from perdure.world.motion import (
    PinholeCamera,
    circular_offsets,
    helical_offsets,
    linear_offsets,
    parabolic_offsets,
    random_axes,
)

CROP_CONTEXT = 2.5
"""Side of a crop window in box sides, as in the crops that the gate sees."""
BORDER_PX = 1.0
"""Least distance between a body and the border of the image."""
NUM_PROPOSALS = 64
"""Ways that are drawn at once for one object."""
MAX_ATTEMPTS = 400
"""Scenes that are tried before the configuration is called too tight."""
APEX_SHARE = (0.15, 0.85)
"""When a thrown object is highest, as a share of its time from birth to the end of the clip."""
DEPTH_SPEED_M_S = 1.2
"""Largest speed towards or away from the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where K objects are in the image on all T frames.

    Args:
        centre_px: (x, y) of the middle.
        side_px: side of the square box, the diameter of the sphere.
    """

    centre_px: Float[np.ndarray, "k t 2"]
    side_px: Float[np.ndarray, "k t"]

    @property
    def xyxy_px(self) -> Float[np.ndarray, "k t 4"]:
        """Exact boxes."""
        half = self.side_px[..., None] / 2
        return np.concatenate([self.centre_px - half, self.centre_px + half], axis=-1)

    def take(self, rows: np.ndarray) -> Paths:
        """Returns some of the paths."""
        return Paths(centre_px=self.centre_px[rows], side_px=self.side_px[rows])


def camera_of(config: WorldConfig) -> PinholeCamera:
    """Returns the camera of a world."""
    return PinholeCamera(
        focal_length_px=config.focal_length_px, width_px=config.frame_width_px, height_px=config.frame_height_px
    )


def place_objects(
    rng: np.random.Generator,
    config: WorldConfig,
    *,
    family: Int[np.ndarray, " k"],
    birth_frame: Int[np.ndarray, " k"],
    side_px: Float[np.ndarray, " k"],
) -> Paths:
    """Returns a way for each object; from the birth of the later one on, any two are well separated.

    Args:
        rng: source of randomness.
        config: the world.
        family: index into `MOTION_FAMILIES`.
        birth_frame: first frame of each object.
        side_px: box side at birth.

    Raises:
        ValueError: the image is too small for so many objects of this size.
    """
    num = len(family)
    for _ in range(MAX_ATTEMPTS):
        placed: Paths | None = None
        for k in range(num):
            kind, birth, side = int(family[k]), int(birth_frame[k]), float(side_px[k])
            proposals = propose_paths(rng, config, family=kind, birth_frame=birth, side_px=side)
            fits = _inside(proposals, config, birth)
            if placed is not None:
                fits &= _separated(proposals, placed, config, np.maximum(birth_frame[:k], birth))
            rows = np.flatnonzero(fits)[:1]
            if not len(rows):
                break
            placed = _joined(placed, proposals.take(rows))
        else:
            if placed is not None:
                return placed
    raise ValueError(
        f"max_objects: found no room for {num} objects of {side_px.min():.0f} to {side_px.max():.0f} px in a frame of "
        f"{config.frame_width_px} x {config.frame_height_px} px; lower max_objects, box_side_px or the speeds"
    )


def propose_paths(
    rng: np.random.Generator, config: WorldConfig, *, family: int, birth_frame: int, side_px: float
) -> Paths:
    """Returns random ways of one object of a given motion family, size and birth; nothing is checked yet."""
    num, camera = NUM_PROPOSALS, camera_of(config)
    time_s = (np.arange(config.num_frames) - birth_frame) / config.frame_rate_hz
    margin = side_px / 2 + BORDER_PX
    size_px = np.array([config.frame_width_px, config.frame_height_px], dtype=np.float64)
    centre_px = rng.uniform(margin, size_px - margin, (num, 2))
    depth_m = rng.uniform(*config.depth_m, num)
    metres_per_px = depth_m / config.focal_length_px
    speed_m_s = rng.uniform(*config.speed_px_s, num) * metres_per_px
    angle = rng.uniform(0, 2 * np.pi, num)
    depth_speed = rng.uniform(-DEPTH_SPEED_M_S, DEPTH_SPEED_M_S, num)
    velocity = np.stack([speed_m_s * np.cos(angle), speed_m_s * np.sin(angle), depth_speed], axis=1)
    name = MOTION_FAMILIES[family]
    if name == "linear":
        offsets = linear_offsets(time_s, velocity)
    elif name == "parabolic":
        offsets = parabolic_offsets(time_s, velocity, rng.uniform(*APEX_SHARE, num) * time_s[-1])
    else:
        axes = random_axes(rng, num)
        offsets = circular_offsets(
            time_s,
            radius_m=rng.uniform(*config.orbit_radius_px, num) * metres_per_px,
            rate_rad_s=rng.uniform(*config.orbit_rate_rad_s, num) * rng.choice([-1.0, 1.0], num),
            phase_rad=rng.uniform(0, 2 * np.pi, num),
            axes=axes,
        )
        if name == "helical":
            offsets = helical_offsets(offsets, time_s, drift_m_s=speed_m_s, axes=axes)
    position_m = camera.unproject(centre_px, depth_m)[:, None] + offsets
    # Before birth nothing is seen; keeping the distance positive there keeps every box finite.
    position_m[..., 2] = np.maximum(position_m[..., 2], 0.25 * config.depth_m[0])
    diameter_m = side_px * metres_per_px
    return Paths(centre_px=camera.project(position_m), side_px=camera.side_px(diameter_m[:, None], position_m[..., 2]))


def separation_px(first_side_px: np.ndarray, second_side_px: np.ndarray, clearance_px: float) -> np.ndarray:
    """Returns the least distance of two centres, along x or y, so that no crop window meets the other's body."""
    larger = np.maximum(first_side_px, second_side_px)
    smaller = np.minimum(first_side_px, second_side_px)
    return (CROP_CONTEXT * larger + smaller) / 2 + clearance_px


def _inside(paths: Paths, config: WorldConfig, birth_frame: int) -> np.ndarray:
    """Returns which ways stay inside the image from birth on."""
    half = paths.side_px[:, birth_frame:, None] / 2 + BORDER_PX
    centre = paths.centre_px[:, birth_frame:]
    size_px = np.array([config.frame_width_px, config.frame_height_px], dtype=np.float64)
    fits: np.ndarray = (centre >= half) & (centre <= size_px - half)
    return np.all(fits, axis=(1, 2))


def _separated(proposals: Paths, placed: Paths, config: WorldConfig, both_from: Int[np.ndarray, " j"]) -> np.ndarray:
    """Returns which ways keep clear of all placed objects while both exist or could."""
    distance = np.abs(proposals.centre_px[:, None] - placed.centre_px[None]).max(axis=-1)
    least = separation_px(proposals.side_px[:, None], placed.side_px[None], config.clearance_px)
    is_early = np.arange(config.num_frames) < both_from[:, None]
    clear: np.ndarray = (distance >= least) | is_early
    return np.all(clear, axis=(1, 2))


def _joined(placed: Paths | None, new: Paths) -> Paths:
    if placed is None:
        return new
    return Paths(
        centre_px=np.concatenate([placed.centre_px, new.centre_px]),
        side_px=np.concatenate([placed.side_px, new.side_px]),
    )
