"""Whole tracks at once see what the gate sees: a track that is deleted or decided is out of sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate.small_model import HORIZON, LIFETIME, windows_of
from perdure.data.dataset import ClipDataset
from perdure.evidence.track_geometry import SCORE_COLUMN
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import TruncatedSPRT
from perdure.training.offline import (
    NEVER,
    evidence_of,
    lifetime_evidence,
    scene_chunks,
    standardised_geometry,
    visible_until,
)
from perdure.training.windows import clip_windows

RULE = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=HORIZON)


def test_evidence_with_decided_tracks_hidden_is_that_of_the_gate(dataset: ClipDataset, model: PersistenceModel) -> None:
    num_compared, changed = 0, 0
    for clip_id in dataset.split("test"):
        clip = dataset.clip(clip_id)
        assert clip.truth is not None
        gate, live, ages = PersistenceGate(model, RULE), {}, {}
        for frame, found, owner in zip(clip.frames, clip.detections, clip.truth.detection_owner, strict=True):
            result = gate.observe(frame, gate.link(found, owner=owner))
            live |= {
                (track.track_id, track.age): track.evidence
                for track in result.tracks
                if track.track_id in result.encoded_track_ids
            }
            ages |= {item.track_id: item.age for item in result.decisions}
        windows = clip_windows([clip], operation=model.operation, num_ages=HORIZON)
        shown_until = windows.frame[:, 0] + np.array([ages[track] for track in range(len(windows))]) - 1
        hidden, seen = evidence_of(model, windows, shown_until=shown_until), evidence_of(model, windows)
        for (track, age), value in live.items():
            assert hidden[track, age - 1] == pytest.approx(value, abs=1e-3)
            num_compared += 1
            changed += abs(seen[track, age - 1] - value) > 1e-3
    assert num_compared > 40
    assert changed > 3, "hiding changes nothing here, so nothing was tested"


def test_tracks_are_visible_until_they_end_within_the_windows() -> None:
    windows = windows_of("test")
    is_valid = np.zeros_like(windows.is_valid)
    is_valid[:, :3] = True
    np.testing.assert_array_equal(visible_until(replace(windows, is_valid=is_valid)), windows.frame[:, 0] + 2)
    assert (visible_until(replace(windows, is_valid=np.ones_like(is_valid))) == NEVER).all()


def test_evidence_is_nan_after_the_end_and_only_there(model: PersistenceModel) -> None:
    windows = windows_of("test")
    told: list[tuple[int, int]] = []
    evidence = evidence_of(model, windows, on_progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(np.isnan(evidence), ~windows.is_valid)
    assert told == [(len(windows), len(windows))]


def test_scenes_are_never_torn_apart(model: PersistenceModel) -> None:
    windows = windows_of("test")
    chunks = list(scene_chunks(windows, size=2))
    assert [sorted(set(windows.unit[rows].tolist())) for rows in chunks] == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(np.concatenate(chunks), np.arange(len(windows)))
    shuffled = windows.take(np.random.default_rng(1).permutation(len(windows)))
    assert all(len(set(shuffled.unit[rows].tolist())) == 2 for rows in scene_chunks(shuffled, size=2))


def test_scenes_run_together_do_not_see_each_other(model: PersistenceModel) -> None:
    windows = windows_of("test")
    together = evidence_of(model, windows)
    for scene in range(6):
        rows = np.flatnonzero(windows.unit == scene)
        np.testing.assert_allclose(evidence_of(model, windows.take(rows)), together[rows], atol=1e-3)


def test_lifetime_evidence_is_that_of_the_law() -> None:
    windows = windows_of("test")
    expected = np.where(windows.is_valid, LIFETIME.evidence(windows.is_hit), 0.0)
    np.testing.assert_array_equal(lifetime_evidence(windows, LIFETIME), expected)


def test_scores_are_standardised_on_hits_and_zero_on_misses() -> None:
    windows = windows_of("test")
    geometry = standardised_geometry(windows, (0.5, 0.1))
    score = geometry[..., SCORE_COLUMN]
    expected = np.clip((windows.geometry[..., SCORE_COLUMN] - 0.5) / 0.1, -4, 4)
    np.testing.assert_allclose(score[windows.is_hit], expected[windows.is_hit], atol=1e-5)
    assert not score[~windows.is_hit].any()
    rest = np.delete(geometry, SCORE_COLUMN, axis=2)
    np.testing.assert_array_equal(rest, np.delete(windows.geometry, SCORE_COLUMN, axis=2))
