"""Neighbours by matrices and through a grid: what they say pair by pair, on few boxes and on many."""

from __future__ import annotations

import numpy as np
import pytest

from evidence.plain_features import plain_around_dead, plain_around_tracks, plain_kernel
from perdure.evidence import box_pairs, neighbourhood
from perdure.evidence.box_pairs import FAR
from perdure.evidence.neighbourhood import around_dead, around_tracks
from perdure.evidence.scene_memory import BoxRing, Kernels, SceneMemory
from perdure.types import TrackFrame


def boxes(rng: np.random.Generator, num: int, side_px: float) -> np.ndarray:
    """Returns boxes of many sizes in a square, one of them as large as all of it."""
    corner, size = rng.uniform(0, side_px, (num, 2)), rng.uniform(0.2, 40, (num, 2))
    size[0] = side_px
    return np.concatenate([corner, corner + size], axis=1)


def frame(rng: np.random.Generator, num: int, side_px: float) -> TrackFrame:
    is_hit = rng.random(num) < 0.7
    age = rng.integers(1, 20, num)
    return TrackFrame(
        frame_index=100, track_id=np.arange(num), age=age, is_hit=is_hit, xyxy_px=boxes(rng, num, side_px),
        score=rng.integers(1, 20, num) / 20 * is_hit, class_id=np.zeros(num, dtype=np.int64), cue=np.zeros(num),
        motion_residual=np.zeros((num, 2)), detection_index=np.where(is_hit, 0, -1),
        num_hits=np.minimum(rng.integers(1, 12, num), age), num_misses=np.where(is_hit, 0, 1),
        deleted_track_id=np.zeros(0, dtype=np.int64),
    )  # fmt: skip


@pytest.fixture(params=["all pairs", "grid"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has few boxes go through the grid as well, which is for many."""
    if request.param == "grid":
        for module in (box_pairs, neighbourhood):
            monkeypatch.setattr(module, "ALL_PAIRS", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("num", "side_px"), [(1, 50.0), (2, 9.0), (40, 300.0), (60, 4000.0)])
def test_neighbours_are_those_of_a_look_at_every_pair(num: int, side_px: float) -> None:
    rng = np.random.default_rng(num)
    tracks = frame(rng, num, side_px)
    last_score = np.where(tracks.is_hit, tracks.score, rng.integers(1, 20, num) / 20)
    rows = np.flatnonzero(rng.random(num) < 0.8)
    found = around_tracks(tracks, rows, last_score[rows])
    expected = np.array([plain_around_tracks(tracks, row, last_score[row]) for row in rows]).reshape(-1, 12).T
    assert np.allclose(found, expected, rtol=0, atol=1e-9)
    assert not np.allclose(found * (1 + 1e-3), expected, rtol=0, atol=1e-9) or not len(rows)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("num", "num_dead", "side_px"), [(3, 0, 50.0), (5, 1, 5000.0), (40, 60, 400.0), (60, 9, 9e4)])
def test_the_dead_are_found_however_far_they_are(num: int, num_dead: int, side_px: float) -> None:
    """Through a grid alone, what is further than 20 sides away would not be known at all."""
    rng = np.random.default_rng(num)
    own, birth = boxes(rng, num, side_px), rng.integers(60, 100, num)
    dead = np.column_stack(
        [boxes(rng, num_dead, side_px), rng.integers(1, 9, num_dead), np.sort(rng.integers(60, 100, num_dead))]
    ) if num_dead else np.zeros((0, 6))  # fmt: skip
    found = around_dead(own, birth, dead)
    expected = np.array([plain_around_dead(*one, dead) for one in zip(own, birth.tolist(), strict=True)]).T
    expected[0] = np.minimum(expected[0], FAR)
    assert np.allclose(found, expected, rtol=0, atol=1e-9)
    if num_dead == 60:
        assert len(np.unique(found[1])) > 3


def test_of_two_equally_near_the_first_counts(way: str) -> None:
    box = np.array([[10.0, 10, 20, 20]])
    dead = np.array([[10.0, 10, 20, 20, 5, 90], [10, 10, 20, 20, 9, 91]])
    assert around_dead(box, np.array([95]), dead)[1:3, 0].tolist() == [np.log1p(5), 5.0], way


def test_kernels_are_products_of_matrices_and_yet_exact() -> None:
    rng = np.random.default_rng(0)
    bandwidths = np.array([[0.08, 0.08, np.inf], [0.3, 0.1, 0.5]])
    rows, queries = rng.normal([50, -9, 0], [0.3, 0.3, 2], (30, 3)), rng.normal([50, -9, 0], [0.3, 0.3, 2], (7, 3))
    found = Kernels.on(rows, 1 / bandwidths[:, None] ** 2).at(queries)
    expected = [[[plain_kernel(q, r, b) for r in rows] for q in queries] for b in bandwidths]
    assert np.allclose(found, expected, rtol=1e-9, atol=0)
    assert found.max() > 0.1 and found.min() < 1e-12
    assert Kernels.on(rows[:0], 1 / bandwidths[:, None] ** 2).at(queries).shape == (2, 7, 0)


def test_survival_is_a_running_mean_track_by_track() -> None:
    scene, expected = SceneMemory(), 0.5
    for is_hit in ([], [True, False, False, True], [True]):
        for one in is_hit:
            expected += 0.03 * (one - expected)
        scene.survived(np.array(is_hit, dtype=bool))
        assert scene.survival == pytest.approx(expected, abs=1e-12)


def test_a_ring_keeps_the_latest() -> None:
    ring = BoxRing(1, capacity=3)
    for first in (0, 2, 3):
        ring.add(np.arange(first, first + 2.0)[:, None])
    assert ring.rows[:, 0].tolist() == [3, 3, 4]
    ring.add(np.arange(9.0)[:, None])
    assert ring.rows[:, 0].tolist() == [6, 7, 8]
