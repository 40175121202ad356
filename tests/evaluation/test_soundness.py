"""The scale of the evidence: exact evidence passes, exaggerated evidence is told from it."""

from __future__ import annotations

import numpy as np
import pytest

from gate.small_model import HORIZON, OPERATION
from perdure.bench.law_tracks import draw_tracks
from perdure.data.dataset import ClipDataset
from perdure.evaluation.soundness import seeing_evidence, soundness_rows
from perdure.optima.dynamic_program import TrackLaw
from perdure.track_table import TrackTable
from perdure.world.config import WorldConfig


@pytest.fixture(scope="module")
def exact(small_set: ClipDataset) -> np.ndarray:
    return seeing_evidence(small_set, "test", operation=OPERATION, num_ages=HORIZON)


def test_exact_evidence_is_sound_and_exaggeration_is_not() -> None:
    law = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, cue_strength=0.5, horizon=6)
    tracks = draw_tracks(law, 60_000, np.random.default_rng(0))
    sound, loud = (
        soundness_rows(factor * tracks.evidence, tracks.is_persistent, tracks.evidence) for factor in (1.0, 2.0)
    )
    assert max(sound["expected_calibration_error"]) < 0.02 < max(loud["expected_calibration_error"])
    for mean, error in list(zip(sound["martingale_mean"], sound["martingale_standard_error"], strict=True))[:3]:
        assert abs(mean - 1) < 4 * error + 1e-9
    assert loud["martingale_mean"][1] > 1.1
    assert sound["mean_distance"] == 0
    assert loud["mean_distance"] == pytest.approx(np.abs(tracks.evidence)[np.abs(tracks.evidence) < 7].mean())
    assert all(
        good < bad for good, bad in zip(sound["negative_log_likelihood"], loud["negative_log_likelihood"], strict=True)
    )


def test_certain_classes_are_infinitely_sure(windows: TrackTable, exact: np.ndarray) -> None:
    assert exact.shape == windows.is_valid.shape
    np.testing.assert_array_equal(np.isnan(exact), ~windows.is_valid)
    assert not (exact[~windows.is_persistent] == np.inf).any()
    assert not (exact[windows.is_persistent] == -np.inf).any()
    assert (exact[windows.is_persistent][:, 3:] == np.inf).all()
    ends = exact[~windows.is_persistent][:, 3]
    assert (ends[~np.isnan(ends)] == -np.inf).all()


def test_open_classes_have_the_evidence_of_cue_and_survival(small_set: ClipDataset, exact: np.ndarray) -> None:
    """At birth everything is the cue; an object that has lived twice has outlived a third of all transients."""
    row = 0
    for clip_id in small_set.split("test"):
        truth = small_set.clip(clip_id).truth
        assert truth is not None
        order = np.argsort(truth.birth_frame, kind="stable")
        found = sorted(exact[row : row + truth.num_objects, 0].tolist())
        cues = sorted(truth.cue[k, truth.birth_frame[k]] for k in order)
        np.testing.assert_allclose(found, cues, atol=1e-6)
        second = exact[row : row + truth.num_objects, 1]
        alive = [k for k in order if truth.is_alive[k, truth.birth_frame[k] + 1]]
        sums = [truth.cue[k, truth.birth_frame[k] : truth.birth_frame[k] + 2].sum() - np.log(2 / 3) for k in alive]
        np.testing.assert_allclose(sorted(second[np.isfinite(second)]), sorted(sums), atol=1e-6)
        row += truth.num_objects
    assert row == len(exact)


def test_worlds_with_disturbances_have_no_exact_evidence() -> None:
    assert WorldConfig().is_exact
    for name in ("clutter_per_frame", "occluded_share", "burst_share"):
        assert not WorldConfig(**{name: 0.1}).is_exact
