"""How objects move in space, straight, on circles, helices and throws, and where a pinhole camera sees them.

Camera axes: x right, y down, z away from the camera. Knows nothing of other objects or labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

GRAVITY_M_S2 = 9.81
"""Acceleration of a thrown object, along +y."""

Offsets = Float[np.ndarray, "n t 3"]


def linear_offsets(time_s: Float[np.ndarray, " t"], velocity_m_s: Float[np.ndarray, "n 3"]) -> Offsets:
    """Returns the way travelled since time 0 at constant velocity."""
    return velocity_m_s[:, None, :] * time_s[None, :, None]


def circular_offsets(
    time_s: Float[np.ndarray, " t"],
    *,
    radius_m: Float[np.ndarray, " n"],
    rate_rad_s: Float[np.ndarray, " n"],
    phase_rad: Float[np.ndarray, " n"],
    axes: Float[np.ndarray, "n 3 3"],
) -> Offsets:
    """Returns the way travelled since time 0 on a circle in the plane of the first two axes (rows, orthonormal)."""
    angle = phase_rad[:, None] + rate_rad_s[:, None] * time_s
    along = np.stack([np.cos(angle) - np.cos(phase_rad)[:, None], np.sin(angle) - np.sin(phase_rad)[:, None]], axis=-1)
    return (radius_m[:, None, None] * along) @ axes[:, :2]


def helical_offsets(
    circle_m: Offsets, time_s: Float[np.ndarray, " t"], *, drift_m_s: Float[np.ndarray, " n"], axes: np.ndarray
) -> Offsets:
    """Returns a circle that moves along its own axis (the third one) at constant speed."""
    return circle_m + linear_offsets(time_s, drift_m_s[:, None] * axes[:, 2])


def parabolic_offsets(
    time_s: Float[np.ndarray, " t"], velocity_m_s: Float[np.ndarray, "n 3"], apex_s: Float[np.ndarray, " n"]
) -> Offsets:
    """Returns the flight of a thrown object that is highest at `apex_s`; the vertical velocity follows from it."""
    fall = GRAVITY_M_S2 * (0.5 * time_s**2 - apex_s[:, None] * time_s)
    offsets = linear_offsets(time_s, velocity_m_s * np.array([1.0, 0.0, 1.0]))
    offsets[..., 1] = fall
    return offsets


def random_axes(rng: np.random.Generator, num: int) -> Float[np.ndarray, "n 3 3"]:
    """Returns random right-handed orthonormal axes as rows, uniform over all orientations."""
    first, second = rng.standard_normal((2, num, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second -= (first * second).sum(1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera at the origin that looks along +z; its axis goes through the middle of the image."""

    focal_length_px: float
    width_px: int
    height_px: int

    @property
    def principal_point_px(self) -> Float[np.ndarray, " 2"]:
        """Where the optical axis meets the image."""
        return np.array([self.width_px / 2, self.height_px / 2])

    def project(self, position_m: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Returns pixel positions (x, y) of points in front of the camera."""
        return position_m[..., :2] * (self.focal_length_px / position_m[..., 2:]) + self.principal_point_px

    def unproject(
        self, centre_px: Float[np.ndarray, "*n 2"], depth_m: Float[np.ndarray, "*n"]
    ) -> Float[np.ndarray, "*n 3"]:
        """Returns the points that are seen at `centre_px` at a distance of `depth_m` along the axis."""
        across = (centre_px - self.principal_point_px) * (depth_m / self.focal_length_px)[..., None]
        return np.concatenate([across, depth_m[..., None]], axis=-1)

    def side_px(self, diameter_m: Float[np.ndarray, "*n"], depth_m: Float[np.ndarray, "*m"]) -> np.ndarray:
        """Returns how large a sphere appears; its slight stretching away from the axis is left out."""
        return diameter_m * self.focal_length_px / depth_m
