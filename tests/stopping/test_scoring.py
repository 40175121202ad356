"""Track score and existence probability against their recursions, frame by frame."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perdure.stopping.rules import Observation
from perdure.stopping.scoring import IPDAExistence, TrackScore
from perdure.stopping.sequences import run_rule
from stopping.world_law import draw_tracks


def observe(hits: list[bool], cue_total: float = 0.0) -> Observation:
    history = sum(int(hit) << back for back, hit in enumerate(reversed(hits)))
    return Observation(
        evidence=np.zeros(1),
        age=np.array([len(hits)]),
        hit_history=np.array([history], dtype=np.uint64),
        cue_total=np.array([cue_total]),
        score=np.zeros(1),
        max_score=np.zeros(1),
        mean_score=np.zeros(1),
    )


def test_blackman_score_of_a_published_example() -> None:
    """MATLAB's trackScore example: 1.3 volume, 0.3 new targets, Pd 0.9, Pfa 1e-6; then a miss and a hit."""
    rule = TrackScore(
        hit_probability=0.9, false_alarm_probability=1e-6, initial_score=math.log(0.9 * 1.3 * 0.3 / 1e-6), lower=-99.0
    )
    assert rule.score(observe([True]))[0] == pytest.approx(12.7685, abs=1e-4)
    assert rule.score(observe([True, False]))[0] == pytest.approx(12.7685 + math.log(0.1 / (1 - 1e-6)), abs=1e-4)
    assert rule.score(observe([True, False, True], cue_total=0.5))[0] == pytest.approx(
        12.7685 + math.log(0.1) + math.log(0.9e6) + 0.5, abs=1e-4
    )


def existence_step(prior: float, likelihood_ratio: float, survival: float) -> float:
    """Bayes' rule after one step of survival."""
    predicted = survival * prior
    return likelihood_ratio * predicted / (likelihood_ratio * predicted + 1 - predicted)


def test_ipda_equals_its_recursion() -> None:
    rule = IPDAExistence(survival_probability=0.95, birth_probability=0.3)
    hits = [True, False, True, True, False]
    cue = 0.4
    expected = math.exp(cue) * 0.3 / (math.exp(cue) * 0.3 + 0.7)
    for hit in hits[1:]:
        ratio = 0.9 / 0.05 * math.exp(cue) if hit else 0.1 / 0.95
        expected = existence_step(expected, ratio, 0.95)
    assert rule.existence(observe(hits, cue_total=3 * cue))[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rule", [TrackScore(), IPDAExistence()])
def test_a_score_decides_at_its_bounds_themselves(rule: TrackScore | IPDAExistence) -> None:
    seen = observe([True, False, True])
    at = float((rule.score(seen) if isinstance(rule, TrackScore) else rule.existence(seen))[0])
    low, high = 0.9 * at, 1.05 * at
    confirmed, rejected = (
        replace(rule, lower=low, upper=at).decide(seen),
        replace(rule, lower=at, upper=high).decide(seen),
    )
    assert (bool(confirmed.is_decided[0]), bool(confirmed.is_persistent[0])) == (True, True)
    assert (bool(rejected.is_decided[0]), bool(rejected.is_persistent[0])) == (True, False)


def test_rows_of_different_ages_do_not_mix() -> None:
    rule = IPDAExistence()
    many = [observe([True]), observe([True, False]), observe([True] * 40)]
    together = Observation(
        **{
            name: np.concatenate([getattr(one, name) for one in many])
            for name in ("evidence", "age", "hit_history", "cue_total", "score", "max_score", "mean_score")
        }
    )
    np.testing.assert_array_equal(rule.existence(together), [rule.existence(one)[0] for one in many])


def test_without_decay_existence_is_the_track_score() -> None:
    ipda, score = IPDAExistence(survival_probability=1.0), TrackScore()
    seen = observe([True, True, False, True], cue_total=-0.7)
    odds = ipda.existence(seen)[0] / (1 - ipda.existence(seen)[0])
    assert math.log(odds) == pytest.approx(score.score(seen)[0], rel=1e-9)


def test_memoryless_clutter_costs_frames() -> None:
    """The naive score needs about 5.3 frames at 1 % total error (d = 1); the exact evidence needs 4.1."""
    tracks = draw_tracks(40_000, seed=4, num_ages=32)
    errors, frames = [], []
    for bound in np.arange(3.0, 8.0, 0.25):
        rule = TrackScore(hit_probability=0.905, false_alarm_probability=0.05, upper=bound, lower=-bound, horizon=32)
        outcome = run_rule(rule, tracks.sequences())
        errors.append(sum(outcome.error_rates(tracks.is_persistent)) / 2)
        frames.append(outcome.age.mean())
    assert np.interp(0.01, errors[::-1], frames[::-1]) == pytest.approx(5.3, abs=0.25)
