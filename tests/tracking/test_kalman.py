"""The box filter against a textbook Kalman filter with full matrices, and its behaviour at every scale."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.tracking.kalman import KalmanConfig, born, corrected, predicted

CONFIG = KalmanConfig()


def test_equals_a_textbook_filter_with_matrices() -> None:
    rng = np.random.default_rng(5)
    truth = np.array([100.0, 80.0, 20.0, 30.0])
    states = born(truth[None], CONFIG)
    transition, observe = np.array([[1.0, 1], [0, 1]]), np.array([[1.0, 0]])
    mean = [np.array([truth[k], 0.0]) for k in range(4)]
    covariance = [np.diag(states.covariance[0, k, [0, 2]]) for k in range(4)]
    for step in range(8):
        # Size 30 is the longer side: all noise is a share of the current longer side.
        side = max(mean[2][0], mean[3][0])
        states = predicted(states, CONFIG)
        for k in range(4):
            mean[k] = transition @ mean[k]
            factor = 1.0 if k < 2 else CONFIG.size_change
            gain = np.array([[0.5], [1.0]]) * CONFIG.acceleration_noise * side * factor
            covariance[k] = transition @ covariance[k] @ transition.T + gain @ gain.T
        if step % 3 == 2:
            continue
        measured = truth + rng.normal(0, 1, 4)
        noise = (CONFIG.measurement_noise * max(mean[2][0], mean[3][0]) + CONFIG.measurement_noise_px) ** 2
        states = corrected(states, measured[None], CONFIG)
        for k in range(4):
            kalman_gain = covariance[k] @ observe.T / (observe @ covariance[k] @ observe.T + noise)
            mean[k] = mean[k] + (kalman_gain * (measured[k] - mean[k][0]))[:, 0]
            covariance[k] = (np.eye(2) - kalman_gain @ observe) @ covariance[k]
        np.testing.assert_allclose(states.position[0], [m[0] for m in mean])
        np.testing.assert_allclose(states.velocity[0], [m[1] for m in mean], atol=1e-12)
        np.testing.assert_allclose(states.covariance[0, :, 1], [c[0, 1] for c in covariance])
        np.testing.assert_allclose(states.covariance[0, :, 2], [c[1, 1] for c in covariance])


def test_rows_do_not_touch_each_other() -> None:
    boxes = np.array([[10.0, 10, 5, 5], [200, 90, 40, 60]])
    seen = boxes + 2.0
    both = corrected(predicted(born(boxes, CONFIG), CONFIG), seen, CONFIG)
    alone = corrected(predicted(born(boxes[1:], CONFIG), CONFIG), seen[1:], CONFIG)
    np.testing.assert_array_equal(both.position[1:], alone.position)
    np.testing.assert_array_equal(both.covariance[1:], alone.covariance)


def test_a_shrinking_box_never_vanishes() -> None:
    states = born(np.array([[50.0, 50, 20, 20]]), CONFIG)
    for side in (16, 11, 7, 4, 2):
        states = corrected(predicted(states, CONFIG), np.array([[50.0, 50, side, side]]), CONFIG)
    for _ in range(50):
        states = predicted(states, CONFIG)
    assert (states.position[:, 2:] >= 1).all()


def test_input_boxes_are_not_changed() -> None:
    boxes = np.array([[50.0, 50, 20, 20]])
    predicted(born(boxes, CONFIG), CONFIG).position += 5
    assert boxes.tolist() == [[50, 50, 20, 20]]


@pytest.mark.parametrize("name", ["measurement_noise", "initial_speed", "size_change"])
def test_bad_noise_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: got -1.0, expected a finite number >= 0"):
        KalmanConfig(**{name: -1.0})
