"""Whole tracks through a rule: ends, censoring, and the same answers as asking frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.stopping.rules import Observation, TruncatedSPRT, Verdict
from perdure.stopping.scoring import TrackScore
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.world_law import draw_tracks

RULE = TruncatedSPRT(upper=2.0, lower=-2.0, horizon=4)


def sequences(evidence: list[list[float]], num_valid: list[int]) -> TrackSequences:
    values = np.array(evidence)
    is_valid = np.arange(values.shape[1]) < np.array(num_valid)[:, None]
    return TrackSequences(evidence=values, is_hit=is_valid.copy(), is_valid=is_valid)


def test_deleted_forced_censored_and_decided() -> None:
    nan = np.nan
    rows = [[0, 3, 0, 0], [0, 0, nan, nan], [0, 0, 0, 0], [0, -3, nan, nan], [0, 0, 0, -2]]
    outcome = run_rule(RULE, sequences(rows, [4, 2, 4, 2, 4]))
    assert outcome.age.tolist() == [2, 3, 4, 2, 4]
    assert outcome.is_persistent.tolist() == [True, False, True, False, False]
    assert outcome.is_forced.tolist() == [False, False, True, False, False]
    assert outcome.is_deleted.tolist() == [False, True, False, False, False]
    assert not outcome.is_censored.any()


def test_what_is_undecided_when_the_sequences_end_is_censored_and_left_out_of_rates() -> None:
    outcome = run_rule(RULE, sequences([[0.0, 0.0], [0.0, 2.0], [0.0, -2.0]], [2, 2, 2]))
    assert outcome.is_censored.tolist() == [True, False, False]
    assert outcome.age.tolist() == [2, 2, 2]
    assert outcome.error_rates(np.array([True, False, True])) == (1.0, 1.0)
    false_confirm, miss = outcome.error_rates(np.array([False, True, True]))
    assert np.isnan(false_confirm)
    assert miss == 0.5


class Recorder:
    """Asks for everything and decides at age 3."""

    horizon = 3

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def decide(self, observation: Observation) -> Verdict:
        self.seen.append(observation)
        everything = np.full(len(observation), len(self.seen) == 3)
        return Verdict(everything, everything, everything)


def test_rules_see_history_cue_and_score_as_the_gate_shows_them() -> None:
    hits = np.array([[True, False, True]])
    recorder = Recorder()
    run_rule(
        recorder,
        TrackSequences(
            evidence=np.array([[0.0, 1.0, 2.0]]),
            is_hit=hits,
            is_valid=np.ones_like(hits),
            cue=np.array([[0.5, 9.0, 0.25]]),
            score=np.array([[0.9, 0.0, 0.8]]),
        ),
    )
    assert [int(seen.hit_history[0]) for seen in recorder.seen] == [0b1, 0b10, 0b101]
    assert [float(seen.cue_total[0]) for seen in recorder.seen] == [0.5, 0.5, 0.75]
    assert [float(seen.score[0]) for seen in recorder.seen] == [0.9, 0.0, 0.8]
    assert [int(seen.age[0]) for seen in recorder.seen] == [1, 2, 3]


def test_equals_asking_track_by_track() -> None:
    tracks = draw_tracks(200, seed=0)
    whole = run_rule(TrackScore(), tracks.sequences())
    for row in range(200):
        alone = TrackSequences(
            evidence=tracks.evidence[[row]],
            is_hit=tracks.is_hit[[row]],
            is_valid=np.ones((1, 16), dtype=bool),
            cue=tracks.cue[[row]],
        )
        one = run_rule(TrackScore(), alone)
        assert one.age[0] == whole.age[row]
        assert one.is_persistent[0] == whole.is_persistent[row]


@pytest.mark.parametrize(
    ("is_valid", "row"), [([[True, True], [False, True]], 1), ([[True, False, True]], 0), ([[False]], 0)]
)
def test_a_track_exists_from_birth_to_its_end(is_valid: list[list[bool]], row: int) -> None:
    valid = np.array(is_valid)
    with pytest.raises(ValueError, match=f"is_valid row {row}: expected true from birth"):
        TrackSequences(evidence=np.zeros(valid.shape), is_hit=valid, is_valid=valid)


def test_shapes_must_agree(as_user: None) -> None:
    ones = np.ones((2, 3), dtype=bool)
    with pytest.raises(ValueError, match=r"TrackSequences.cue: got shape \(2, 2\), expected \(2, 3\)"):
        TrackSequences(evidence=np.zeros((2, 3)), is_hit=ones, is_valid=ones, cue=np.zeros((2, 2)))
