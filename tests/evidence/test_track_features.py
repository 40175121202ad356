"""The feature stream: known values, causality, and one code path for training and the gate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.evidence.track_features import FEATURES, FeatureStream
from perdure.tracking.tracker import Tracker
from perdure.types import Detections

SIZE = (200, 100)


def found(*boxes: tuple[float, float, float, float, float]) -> Detections:
    """Returns detections given as x_min, y_min, x_max, y_max, score."""
    table = np.array(boxes).reshape(-1, 5)
    return Detections(xyxy_px=table[:, :4], score=table[:, 4])


def streamed(frames: list[Detections]) -> list[np.ndarray]:
    """Returns the features of each frame."""
    tracker, stream = Tracker(), FeatureStream(image_size=SIZE)
    return [stream.step(tracker.update(frame)) for frame in frames]


def column(rows: np.ndarray, name: str) -> list[float]:
    return np.round(rows[:, FEATURES.index(name)], 4).tolist()


def random_frames(seed: int, num: int) -> list[Detections]:
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(num):
        walker = (20 + index, 30, 40 + index, 60, 0.9)
        noise = [(x, y, x + 8, y + 8, s) for x, y, s in rng.uniform([0, 0, 0], [190, 90, 0.5], (rng.integers(4), 3))]
        frames.append(found(walker, *noise) if rng.random() < 0.9 else found(*noise))
    return frames


def test_scores_hits_and_misses_are_counted() -> None:
    frames = [found((10, 10, 30, 50, 0.5)), found(), found((11, 10, 31, 50, 0.9)), found((12, 10, 32, 50, 0.7))]
    rows = np.concatenate(streamed(frames))
    assert column(rows, "age") == [1, 2, 3, 4]
    assert column(rows, "num_hits") == [1, 1, 2, 3]
    assert column(rows, "num_misses") == [0, 1, 1, 1]
    assert column(rows, "misses_in_row") == [0, 1, 0, 0]
    assert column(rows, "hit_2") == [0, 1, 0, 1]
    assert column(rows, "score_last") == [0.5, 0.5, 0.9, 0.7]
    assert column(rows, "score_max") == [0.5, 0.5, 0.9, 0.9]
    assert column(rows, "score_min") == [0.5, 0.5, 0.5, 0.5]
    assert column(rows, "score_mean") == [0.5, 0.5, 0.7, 0.7]


def test_other_detections_and_older_tracks_are_seen() -> None:
    first, second = (10.0, 10, 30, 50, 0.9), (12.0, 10, 32, 50, 0.4)
    rows = streamed([found(first), found(first, second)])[1]
    assert column(rows, "other_iou") == pytest.approx([18 / 22, 18 / 22], abs=1e-3)
    assert column(rows, "better_iou") == pytest.approx([0, 18 / 22], abs=1e-3)
    assert column(rows, "older_iou") == pytest.approx([0, 18 / 22], abs=1e-3)
    assert column(rows, "score_rank") == [0, 0.5]


def test_a_birth_where_something_died_knows_it() -> None:
    box = (10.0, 10, 30, 50, 0.9)
    frames = [found(box)] * 6 + [found()] * 6 + [found(box)]
    rows = streamed(frames)[-1]
    assert column(rows, "dead_distance") == [0.0]
    assert column(rows, "dead_hits") == pytest.approx([np.log1p(6)], abs=1e-3)


def test_the_future_changes_nothing_in_the_past() -> None:
    frames = random_frames(0, 40)
    other = [*frames[:25], *random_frames(1, 15)]
    for early, late in zip(streamed(frames)[:25], streamed(other)[:25], strict=True):
        assert np.array_equal(early, late)
    assert not np.array_equal(streamed(frames)[30], streamed(other)[30])


def test_a_stored_stream_goes_on_exactly() -> None:
    frames, tracker, stream = random_frames(2, 30), Tracker(), FeatureStream(image_size=SIZE)
    seen = [tracker.update(frame) for frame in frames]
    for tracks in seen[:20]:
        stream.step(tracks)
    other = FeatureStream.from_arrays(stream.to_arrays())
    rows = [stream.step(tracks) for tracks in seen[20:]]
    assert all(np.array_equal(a, other.step(b)) for a, b in zip(rows, seen[20:], strict=True))


def test_all_numbers_are_finite_and_named() -> None:
    rows = np.concatenate(streamed(random_frames(3, 60)))
    assert rows.shape[1] == len(FEATURES) == len(set(FEATURES))
    assert np.isfinite(rows).all()


def test_ranks_do_not_depend_on_the_scale_of_scores() -> None:
    """A detector whose scores are any rising function of another one's gives the same ranks."""
    frames = random_frames(4, 40)
    stretched = [replace(frame, score=np.exp(5 * frame.score) - 7) for frame in frames]
    places = [FEATURES.index(name) for name in ("rank_last", "rank_first", "rank_max", "rank_min")]
    rows, others = (np.concatenate(streamed(some))[:, places] for some in (frames, stretched))
    assert np.array_equal(rows, others)
    assert rows.std() > 0.5
