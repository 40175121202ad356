"""Calibration sees tracks as the gate would: decided ones are out of sight, one of each class from a clip."""

from __future__ import annotations

import numpy as np
import pytest

from gate.small_model import HORIZON, windows_of
from perdure.calibration.exact import calibrate
from perdure.calibration.rates import DEFAULT_RATES, Rates
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.evaluation.calibrate import calibration_scores, decision_age, rule_for
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of

LOOSE = Rates(max_false_confirm=0.5, max_miss=0.5, delta=0.6)


@pytest.fixture(scope="module")
def tracks() -> TrackTable:
    """Returns 16 clips, so that loose rates can be proven."""
    parts = [windows_of(split) for split in ("train", "calibration")]
    return TrackTable.join([parts[0], parts[1]])


def run(rule: TruncatedSPRT, windows: TrackTable, evidence: np.ndarray) -> np.ndarray:
    outcome = run_rule(
        rule, TrackSequences(evidence=np.nan_to_num(evidence), is_hit=windows.is_hit, is_valid=windows.is_valid)
    )
    return outcome.age


def test_the_second_pass_hides_what_the_first_bounds_decide(model: PersistenceModel, tracks: TrackTable) -> None:
    def sampled(evidence: np.ndarray) -> CalibrationScores:
        return sample_one_per_clip(tracks.unit, tracks.is_persistent, evidence, np.random.default_rng(4))

    first = evidence_of(model, tracks)
    rule = calibrate(sampled(first), LOOSE, horizon=HORIZON, on_timeout="persistent")
    last_seen = tracks.frame[:, 0] + run(rule, tracks, first) - 1
    expected = sampled(evidence_of(model, tracks, shown_until=last_seen))
    found = calibration_scores(model, tracks, LOOSE, seed=4)
    np.testing.assert_allclose(found.persistent, expected.persistent, atol=1e-6)
    np.testing.assert_allclose(found.transient, expected.transient, atol=1e-6)
    in_sight = sampled(first)
    change = [
        np.nanmax(np.abs(one - other))
        for one, other in ((found.persistent, in_sight.persistent), (found.transient, in_sight.transient))
    ]
    assert max(change) > 0.01, "hiding changes nothing here, so nothing was tested"


def test_scores_hold_one_track_of_each_class_from_a_clip(model: PersistenceModel, tracks: TrackTable) -> None:
    scores = calibration_scores(model, tracks, LOOSE, seed=0)
    clips_with = [len(set(tracks.unit[tracks.is_persistent == label].tolist())) for label in (True, False)]
    assert [len(scores.persistent), len(scores.transient)] == clips_with
    assert scores.num_ages == HORIZON
    other = calibration_scores(model, tracks, LOOSE, seed=1)
    assert not np.array_equal(scores.persistent, other.persistent, equal_nan=True)


def test_progress_counts_both_passes(model: PersistenceModel, tracks: TrackTable) -> None:
    told: list[tuple[int, int]] = []
    calibration_scores(model, tracks, LOOSE, seed=0, on_progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {2 * len(tracks)}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 2 * len(tracks)


def test_too_few_tracks_are_refused(model: PersistenceModel, tracks: TrackTable) -> None:
    with pytest.raises(ValueError, match=r"got \d+ transient tracks from distinct clips, need at least 183"):
        calibration_scores(model, tracks, DEFAULT_RATES, seed=0)


def test_the_rule_takes_horizon_and_forced_label_from_the_model(model: PersistenceModel, tracks: TrackTable) -> None:
    scores = calibration_scores(model, tracks, LOOSE, seed=0)
    rule = rule_for(scores, model, LOOSE)
    assert (rule.horizon, rule.on_timeout) == (HORIZON, "persistent")
    assert rule == calibrate(scores, LOOSE, horizon=HORIZON, on_timeout="persistent")


@pytest.mark.parametrize("horizon", [5, 8, 12])
def test_decision_ages_are_those_of_the_rule(horizon: int) -> None:
    rng = np.random.default_rng(2)
    evidence = rng.normal(0, 1.2, (300, 8)).cumsum(axis=1)
    end = rng.integers(1, 12, 300)
    is_valid = np.arange(8) < end[:, None]
    evidence[~is_valid] = np.nan
    rule = TruncatedSPRT(upper=2.0, lower=-1.5, horizon=horizon)
    outcome = run_rule(rule, TrackSequences(evidence=np.nan_to_num(evidence), is_hit=is_valid, is_valid=is_valid))
    np.testing.assert_array_equal(decision_age(evidence, rule), outcome.age)
    assert outcome.is_deleted.any()
