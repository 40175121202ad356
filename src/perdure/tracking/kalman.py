"""A constant-velocity Kalman filter on (centre_x, centre_y, width, height), vectorised over tracks.

The four coordinates are independent under this model, so each has a 2x2 covariance of its own (kept as three numbers)
and no matrix is ever inverted. All noise is a share of the box size, so the filter behaves alike at every scale.
Knows nothing about detections, ids or association. Unit of time: one frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MIN_SIDE_PX = 1.0
"""A predicted box never shrinks below this."""
_ACCELERATION_SHARE = np.array([0.25, 0.5, 1.0])
"""What one frame of unit white acceleration adds to the variance of position, the covariance, that of velocity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KalmanConfig:
    """Noise of the box filter, each as a share of the longer box side."""

    measurement_noise: float = 0.08
    """Standard deviation of a detected coordinate."""
    measurement_noise_px: float = 0.5
    """Added to the above: even the smallest box is not measured more exactly than this."""
    acceleration_noise: float = 0.05
    """Standard deviation of the change of velocity per frame."""
    initial_speed: float = 0.4
    """Standard deviation of the unknown velocity at birth, per frame."""
    initial_speed_px: float = 2.0
    """Added to the above, in pixels per frame."""
    size_change: float = 0.1
    """How much less width and height move than the centre: factor on the speed and acceleration noise of the size."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name}: got {value}, expected a finite number >= 0")
        if self.measurement_noise + self.measurement_noise_px == 0:
            raise ValueError("measurement_noise: got 0 with measurement_noise_px 0, expected one of them above 0")


@dataclass(slots=True, kw_only=True)
class BoxStates:
    """The filter state of n boxes.

    Args:
        position: (centre_x, centre_y, width, height) in pixels.
        velocity: the same per frame.
        covariance: variance of position, covariance of the two, variance of velocity, per coordinate.
    """

    position: Float[np.ndarray, "n 4"]
    velocity: Float[np.ndarray, "n 4"]
    covariance: Float[np.ndarray, "n 4 3"]


def _scale_px(states: BoxStates) -> Float[np.ndarray, "n 1"]:
    return np.maximum(np.maximum(states.position[:, 2:3], states.position[:, 3:]), MIN_SIDE_PX)


def _axis_factor(config: KalmanConfig) -> Float[np.ndarray, " 4"]:
    return np.array([1.0, 1.0, config.size_change, config.size_change])


def _measurement_variance(scale_px: Float[np.ndarray, "n 1"], config: KalmanConfig) -> Float[np.ndarray, "n 1"]:
    return (config.measurement_noise * scale_px + config.measurement_noise_px) ** 2


def born(cxcywh_px: Float[np.ndarray, "n 4"], config: KalmanConfig) -> BoxStates:
    """Returns the states of boxes seen for the first time: velocity zero, and uncertain."""
    position = np.array(cxcywh_px, dtype=np.float64)
    states = BoxStates(position=position, velocity=np.zeros_like(position), covariance=np.zeros((*position.shape, 3)))
    scale_px = _scale_px(states)
    states.covariance[..., 0] = _measurement_variance(scale_px, config)
    speed_px = (config.initial_speed * scale_px + config.initial_speed_px) * _axis_factor(config)
    states.covariance[..., 2] = speed_px**2
    return states


def _moved_with_camera(states: BoxStates, camera_motion: Float[np.ndarray, "2 3"]) -> BoxStates:
    """Returns the states in the picture that an affine camera motion makes of theirs; sizes scale with its area."""
    linear, shift = camera_motion[:, :2], camera_motion[:, 2]
    scale = np.sqrt(abs(np.linalg.det(linear)))
    position, velocity = states.position * scale, states.velocity * scale
    position[:, :2] = states.position[:, :2] @ linear.T + shift
    velocity[:, :2] = states.velocity[:, :2] @ linear.T
    return BoxStates(position=position, velocity=velocity, covariance=states.covariance)


def predicted(
    states: BoxStates, config: KalmanConfig, camera_motion: Float[np.ndarray, "2 3"] | None = None
) -> BoxStates:
    """Returns the states one frame later, moved with the camera where its motion is known."""
    if camera_motion is not None:
        states = _moved_with_camera(states, camera_motion)
    position = states.position + states.velocity
    position[:, 2:] = np.maximum(position[:, 2:], MIN_SIDE_PX)
    acceleration = (config.acceleration_noise * _scale_px(states) * _axis_factor(config)) ** 2
    _, cov_pv, var_v = (states.covariance[..., k] for k in range(3))
    covariance = states.covariance + acceleration[..., None] * _ACCELERATION_SHARE
    covariance[..., 0] += 2 * cov_pv + var_v
    covariance[..., 1] += var_v
    return BoxStates(position=position, velocity=states.velocity, covariance=covariance)


def corrected(states: BoxStates, cxcywh_px: Float[np.ndarray, "n 4"], config: KalmanConfig) -> BoxStates:
    """Returns the predicted states after each has seen its measured box."""
    var_p, cov_pv, var_v = (states.covariance[..., k] for k in range(3))
    innovation_variance = var_p + _measurement_variance(_scale_px(states), config)
    gain_p, gain_v = var_p / innovation_variance, cov_pv / innovation_variance
    innovation = cxcywh_px - states.position
    position = states.position + gain_p * innovation
    position[:, 2:] = np.maximum(position[:, 2:], MIN_SIDE_PX)
    covariance = states.covariance.copy()
    covariance[..., :2] *= (1 - gain_p)[..., None]
    covariance[..., 2] = var_v - gain_v * cov_pv
    return BoxStates(position=position, velocity=states.velocity + gain_v * innovation, covariance=covariance)
