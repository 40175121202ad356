"""The motion families obey their laws in metres and seconds."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.world.motion import (
    GRAVITY_M_S2,
    circular_offsets,
    helical_offsets,
    linear_offsets,
    parabolic_offsets,
    random_axes,
)

TIME_S = (np.arange(32) - 5) / 30.0
STEP_S = 1 / 30.0
NUM = 7


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def circle(rng: np.random.Generator, axes: np.ndarray, radius: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return circular_offsets(
        TIME_S, radius_m=radius, rate_rad_s=rate, phase_rad=rng.uniform(0, 2 * np.pi, NUM), axes=axes
    )


def test_all_start_at_no_offset_at_time_zero(rng: np.random.Generator) -> None:
    axes, radius, rate = random_axes(rng, NUM), rng.uniform(0.2, 1, NUM), rng.uniform(1, 6, NUM)
    velocity = rng.standard_normal((NUM, 3))
    round_way = circle(rng, axes, radius, rate)
    ways = [
        linear_offsets(TIME_S, velocity),
        round_way,
        helical_offsets(round_way, TIME_S, drift_m_s=rng.uniform(0.1, 1, NUM), axes=axes),
        parabolic_offsets(TIME_S, velocity, rng.uniform(0.1, 0.8, NUM)),
    ]
    for offsets in ways:
        assert offsets.shape == (NUM, 32, 3)
        np.testing.assert_allclose(offsets[:, 5], 0.0, atol=1e-12)


def test_line_has_constant_velocity(rng: np.random.Generator) -> None:
    velocity = rng.standard_normal((NUM, 3))
    step = np.diff(linear_offsets(TIME_S, velocity), axis=1) / STEP_S
    np.testing.assert_allclose(step, np.broadcast_to(velocity[:, None], step.shape), atol=1e-9)


def test_circle_keeps_radius_plane_and_speed(rng: np.random.Generator) -> None:
    axes, radius, rate = random_axes(rng, NUM), rng.uniform(0.2, 1, NUM), rng.uniform(-6, 6, NUM)
    offsets = circle(rng, axes, radius, rate)
    assert np.abs(np.einsum("ntc,nc->nt", offsets, axes[:, 2])).max() < 1e-12
    chord = np.linalg.norm(np.diff(offsets, axis=1), axis=2)
    expected = 2 * radius * np.abs(np.sin(rate * STEP_S / 2))
    np.testing.assert_allclose(chord, np.broadcast_to(expected[:, None], chord.shape), atol=1e-12)


def test_helix_is_a_circle_that_drifts_along_its_axis(rng: np.random.Generator) -> None:
    axes, radius, rate = random_axes(rng, NUM), rng.uniform(0.2, 1, NUM), rng.uniform(1, 6, NUM)
    drift = rng.uniform(0.1, 2, NUM)
    round_way = circle(rng, axes, radius, rate)
    along = np.einsum("ntc,nc->nt", helical_offsets(round_way, TIME_S, drift_m_s=drift, axes=axes), axes[:, 2])
    np.testing.assert_allclose(along, drift[:, None] * TIME_S, atol=1e-12)


def test_throw_falls_with_gravity_and_is_highest_at_its_apex(rng: np.random.Generator) -> None:
    apex = rng.uniform(0.1, 0.8, NUM)
    offsets = parabolic_offsets(TIME_S, rng.standard_normal((NUM, 3)), apex)
    acceleration = np.diff(offsets, n=2, axis=1) / STEP_S**2
    expected = np.broadcast_to([0.0, GRAVITY_M_S2, 0.0], acceleration.shape)
    np.testing.assert_allclose(acceleration, expected, atol=1e-8)
    # y points down: the highest point has the smallest y.
    highest = TIME_S[offsets[..., 1].argmin(axis=1)]
    assert np.abs(highest - apex).max() <= STEP_S / 2 + 1e-9


def test_axes_are_right_handed_and_orthonormal(rng: np.random.Generator) -> None:
    axes = random_axes(rng, 50)
    np.testing.assert_allclose(axes @ axes.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(axes), 1.0)
