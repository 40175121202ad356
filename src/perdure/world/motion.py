"""How objects move in space: straight lines, circles, helices and throws, in metres and seconds.

Camera axes: x right, y down, z away from the camera. Knows nothing of pixels, other objects or labels.
"""

from __future__ import annotations

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
