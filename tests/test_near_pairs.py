"""Points in windows through a grid: every pair that there is, once, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure import near_pairs
from perdure.near_pairs import points_in_windows


def listed(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for windows, inside in points_in_windows(points, low, high):
        assert (np.diff(windows) >= 0).all(), "pairs of one window come together"
        pairs += zip(windows.tolist(), inside.tolist(), strict=True)
    return pairs


@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 40), st.sampled_from([1.0, 50.0, 1e5]))
def test_all_points_in_a_window_are_found(seed: int, num_points: int, num_windows: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, spread, (num_points, 2)).round(1)
    low = rng.uniform(-spread, spread, (num_windows, 2)).round(1)
    high = low + rng.uniform(0, spread, (num_windows, 2)).round(1)
    inside = ((points >= low[:, None]) & (points <= high[:, None])).all(axis=2)
    assert sorted(listed(points, low, high)) == [tuple(pair) for pair in np.argwhere(inside).tolist()]


def test_points_on_one_spot_are_found() -> None:
    points = np.full((5, 2), 7.0)
    assert listed(points, np.array([[7.0, 7.0], [8, 8]]), np.array([[7.0, 9.0], [9, 9]])) == [
        (0, at) for at in range(5)
    ]


def test_no_part_is_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs at once would not fit into memory where 10,000 tracks are crowded together."""
    monkeypatch.setattr(near_pairs, "MAX_PAIRS", 100)
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (400, 2))
    low = rng.uniform(0, 100, (50, 2))
    parts = list(points_in_windows(points, low, low + 30))
    assert len(parts) > 10
    for windows, _ in parts:
        assert len(windows) <= 100 or len(np.unique(windows)) == 1
    assert sum(len(windows) for windows, _ in parts) > 1000
