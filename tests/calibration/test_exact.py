"""Bounds from calibration tracks: the right order statistics, ties, ends, storage, and messages that say what to do."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perdure.calibration.exact import calibrate, num_errors_allowed
from perdure.calibration.rates import DEFAULT_RATES, num_tracks_needed
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.stopping.rules import OnTimeout, TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.world_law import draw_tracks

NAN = np.nan
ONE_ERROR: dict[str, Any] = {"max_false_confirm": 0.5, "max_miss": 0.5, "delta": 0.25, "horizon": 3}
"""Allows 1 error among 7 tracks of a class: P(Binomial(7, 0.5) <= 1) = 8 / 128 <= delta / 2 < P(... <= 2)."""


def calibrated(
    data: CalibrationScores, *, horizon: int, on_timeout: OnTimeout = "persistent", **rates: float
) -> TruncatedSPRT:
    """Returns the bounds for the usual rates but those that are given."""
    return calibrate(data, replace(DEFAULT_RATES, **rates), horizon=horizon, on_timeout=on_timeout)


def scores(persistent: list[list[float]], transient: list[list[float]]) -> CalibrationScores:
    return CalibrationScores(persistent=np.array(persistent, dtype=float), transient=np.array(transient, dtype=float))


def seven(extremes: list[float], *, sign: float, end: float) -> list[list[float]]:
    """Returns 7 tracks that start at 0, pass an extreme at age 2 and are at `end` at age 3."""
    assert len(extremes) == 7
    return [[0.0, sign * value, end] for value in extremes]


def test_lower_bound_is_just_below_the_second_smallest_minimum() -> None:
    persistent = seven([5, 4, 3, 2, 1, 0.5, 0.25], sign=-1, end=9.0)
    transient = seven([1, 2, 3, 4, 5, 6, 7], sign=1, end=-9.0)
    rule = calibrated(scores(persistent, transient), **ONE_ERROR)
    assert rule.lower == math.nextafter(-4.0, -9)
    assert rule.upper == math.nextafter(6.0, 9)


def test_ties_at_a_bound_do_not_let_more_errors_in() -> None:
    """Four persistent tracks share the second smallest minimum: none of them may be at or below the bound."""
    persistent = seven([5, 4, 4, 4, 4, 0.5, 0.25], sign=-1, end=9.0)
    transient = seven([7, 6, 6, 6, 1, 1, 1], sign=1, end=-9.0)
    rule = calibrated(scores(persistent, transient), **ONE_ERROR)
    assert (np.array(persistent).min(axis=1) <= rule.lower).sum() == 1
    assert (np.array(transient).max(axis=1) >= rule.upper).sum() == 1


def test_what_a_transient_shows_after_its_rejection_does_not_count() -> None:
    persistent = seven([5, 4, 3, 2, 1, 0.5, 0.25], sign=-1, end=9.0)
    transient = [[0.0, -9.0, 8.0]] * 5 + [[1.0, -9.0, 8.0], [2.0, -9.0, 8.0]]
    assert calibrated(scores(persistent, transient), **ONE_ERROR).upper == math.nextafter(1.0, 9)


def test_a_transient_that_is_never_rejected_is_called_persistent_at_the_horizon() -> None:
    persistent = seven([5, 4, 3, 2, 1, 0.5, 0.25], sign=-1, end=9.0)
    transient = seven([1, 2, 3, 4, 5, 6, 7], sign=1, end=-9.0)
    transient[0] = transient[1] = [0.0, 0.0, -1.0]
    with pytest.raises(ValueError, match=r"got 2 of 7 transient tracks still undecided at the horizon.*allows 1"):
        calibrated(scores(persistent, transient), **ONE_ERROR)
    transient[1] = [0.0, 3.0, NAN]  # deleted while undecided: called transient, so its maximum counts
    assert calibrated(scores(persistent, transient), **ONE_ERROR).upper == math.nextafter(7.0, 9)


def test_a_persistent_track_that_ends_undecided_is_a_miss_whatever_the_bound() -> None:
    persistent = seven([5, 4, 3, 2, 1, 0.5, 0.25], sign=-1, end=9.0)
    transient = seven([1, 2, 3, 4, 5, 6, 7], sign=1, end=-9.0)
    persistent[6] = [0.0, 9.0, NAN]
    assert calibrated(scores(persistent, transient), **ONE_ERROR).lower == math.nextafter(-5.0, -9)
    persistent[5] = [0.0, 9.0, NAN]
    with pytest.raises(ValueError, match=r"got 2 of 7 persistent tracks that end .*max_miss allows 1; raise max_miss"):
        calibrated(scores(persistent, transient), **ONE_ERROR)


def test_with_timeout_transient_the_upper_bound_comes_first() -> None:
    """Persistent tracks that the upper bound confirms are safe from later lows; those it never confirms are lost."""
    transient = seven([1, 2, 3, 4, 5, 6, 7], sign=1, end=0.0)
    persistent = [[-1.0, 9.0, -8.0], [-2.0, 9.0, NAN], [-3.0, 9.0, 0.0], [-4.0, 9.0, 0.0]] + [[0.0, 9.0, 0.0]] * 3
    options = {**ONE_ERROR, "on_timeout": "transient"}
    rule = calibrated(scores(persistent, transient), **options)
    assert (rule.upper, rule.lower) == (math.nextafter(6.0, 9), math.nextafter(-3.0, -9))
    persistent[4] = [0.0, 5.0, 5.0]
    assert calibrated(scores(persistent, transient), **options).lower == math.nextafter(-4.0, -9)
    persistent[5] = [0.0, 5.0, NAN]
    with pytest.raises(ValueError, match=r"got 2 of 7 persistent tracks that end or reach the horizon"):
        calibrated(scores(persistent, transient), **options)


def test_a_rate_that_is_not_controlled_leaves_its_bound_open_and_its_half_of_delta_to_the_other() -> None:
    whole: dict[str, Any] = {**ONE_ERROR, "delta": ONE_ERROR["delta"] / 2}
    persistent, transient = [[0.0, 1.0, NAN]] * 7, seven([1, 2, 3, 4, 5, 6, 7], sign=1, end=0.0)
    rule = calibrated(scores(persistent, transient), **{**whole, "max_miss": None}, on_timeout="transient")
    assert (rule.upper, rule.lower) == (math.nextafter(6.0, 9), -math.inf)
    rule = calibrated(scores([[0.0, -1.0, 1.0]] * 7, transient), **{**whole, "max_false_confirm": None})
    assert (rule.upper, rule.lower) == (math.inf, math.nextafter(-1.0, -9))


@pytest.mark.parametrize("on_timeout", ["persistent", "transient"])
def test_bounds_that_meet_decide_at_birth_within_the_rates(on_timeout: OnTimeout) -> None:
    tracks = draw_tracks(4000, seed=5, cue=6.0)
    sample = CalibrationScores(
        persistent=tracks.evidence[tracks.is_persistent], transient=tracks.evidence[~tracks.is_persistent]
    )
    rule = calibrated(sample, max_false_confirm=0.2, max_miss=0.2, horizon=16, on_timeout=on_timeout)
    outcome = run_rule(rule, tracks.sequences())
    assert rule.upper == math.nextafter(rule.lower, math.inf)
    assert (outcome.age == 1).all()
    assert max(outcome.error_rates(tracks.is_persistent)) <= 0.2


@pytest.mark.parametrize("on_timeout", ["persistent", "transient"])
def test_on_its_own_tracks_a_calibrated_rule_makes_as_many_errors_as_allowed(on_timeout: OnTimeout) -> None:
    """The bounds are tight: loosening either by a hair would break the count, and the rule agrees with the count."""
    tracks = draw_tracks(4000, seed=6)
    persistent, transient = tracks.evidence[tracks.is_persistent], tracks.evidence[~tracks.is_persistent]
    rule = calibrated(CalibrationScores(persistent=persistent, transient=transient), horizon=16, on_timeout=on_timeout)
    outcome = run_rule(rule, tracks.sequences())
    wrong = outcome.is_persistent != tracks.is_persistent
    allowed = [num_errors_allowed(len(part), 0.02, 0.025) for part in (persistent, transient)]
    missed, false = int((wrong & tracks.is_persistent).sum()), int((wrong & ~tracks.is_persistent).sum())
    if on_timeout == "persistent":  # the lower bound was set as if nothing were confirmed before
        assert false == allowed[1]
        assert 0.3 * allowed[0] < missed <= allowed[0]
    else:
        assert missed == allowed[0]
        assert 0.3 * allowed[1] < false <= allowed[1]


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 72), (0.02, 183), (0.01, 368), (0.005, 736), (0.001, 3688)])
def test_smallest_numbers_of_tracks(rate: float, needed: int) -> None:
    assert num_tracks_needed(rate, 0.025) == needed
    assert num_errors_allowed(needed, rate, 0.025) == 0
    assert num_errors_allowed(needed - 1, rate, 0.025) == -1


def test_allowed_errors_are_the_largest_number_with_a_small_enough_tail() -> None:
    for num in (200, 500, 2000):
        allowed = num_errors_allowed(num, 0.02, 0.025)
        tail = [math.comb(num, k) * 0.02**k * 0.98 ** (num - k) for k in range(allowed + 2)]
        assert sum(tail[:-1]) <= 0.025 < sum(tail)


def test_too_few_tracks_say_how_many_are_needed() -> None:
    tracks = np.zeros((200, 4))
    with pytest.raises(
        ValueError,
        match=r"calibration: got 120 transient tracks from distinct clips, need at least 183 for max_false_confirm "
        r"0.02 at delta 0.05; add clips or raise max_false_confirm",
    ):
        calibrated(CalibrationScores(persistent=tracks, transient=tracks[:120]), horizon=4)
    with pytest.raises(ValueError, match=r"got 120 persistent tracks .*for max_miss 0.02.*raise max_miss"):
        calibrated(CalibrationScores(persistent=tracks[:120], transient=tracks), horizon=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 5}, "got horizon 5, expected 1 to 4"),
        ({"horizon": 4, "delta": 0.0}, "delta: got 0.0"),
        ({"horizon": 4, "max_miss": 1.0}, "max_miss: got 1.0, expected above 0 and below 1, or none"),
        ({"horizon": 4, "max_false_confirm": 0.0}, "max_false_confirm: got 0.0"),
    ],
)
def test_refuses_rates_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    tracks = np.zeros((400, 4))
    with pytest.raises(ValueError, match=message):
        calibrated(CalibrationScores(persistent=tracks, transient=tracks), **options)


def test_a_shorter_horizon_ignores_later_ages() -> None:
    persistent = seven([5, 4, 3, 2, 1, 0.5, 0.25], sign=-1, end=-99.0)
    transient = [[0.0, -99.0, 99.0]] * 7
    rule = calibrated(scores(persistent, transient), **{**ONE_ERROR, "horizon": 2})
    assert rule.lower == math.nextafter(-4.0, -9)
    assert rule.horizon == 2


def test_stored_scores_come_back_and_are_rounded_towards_caution() -> None:
    rng = np.random.default_rng(0)
    persistent, transient = rng.normal(2, 3, (300, 16)), rng.normal(-2, 3, (300, 16))
    transient[::3, 5:] = NAN
    original = CalibrationScores(persistent=persistent, transient=transient)
    stored = json.loads(json.dumps(original.to_dict(), allow_nan=False))
    back = CalibrationScores.from_dict(stored)
    assert back.to_dict() == stored
    np.testing.assert_array_equal(np.isnan(back.transient), np.isnan(transient))
    assert (back.persistent <= persistent).all()
    assert (back.persistent > persistent - 1.0001e-4).all()
    finite = ~np.isnan(transient)
    assert (back.transient[finite] >= transient[finite]).all()
    assert (back.transient[finite] < transient[finite] + 1.0001e-4).all()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.0, math.inf], r"CalibrationScores.transient row 1: got .*inf"),
        ([NAN, 0.0], r"CalibrationScores.transient row 1: got .*NaN only after"),
    ],
)
def test_scores_are_finite_up_to_the_end(row: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores([[0.0, 0.0]], [[0.0, 0.0], row])


def test_stored_scores_must_be_complete() -> None:
    with pytest.raises(ValueError, match="got no 'transient'"):
        CalibrationScores.from_dict({"num_ages": 2, "persistent": [[0.0]]})
    with pytest.raises(ValueError, match="row 0 has 3 scores, expected at most 2"):
        CalibrationScores.from_dict({"num_ages": 2, "persistent": [[0.0, 0.0, 0.0]], "transient": []})


def test_both_classes_have_the_same_ages(as_user: None) -> None:
    with pytest.raises(ValueError, match=r"got 2 ages of persistent tracks and 3 of transient ones"):
        CalibrationScores(persistent=np.zeros((1, 2)), transient=np.zeros((1, 3)))


def test_at_most_one_track_of_a_class_comes_from_a_clip() -> None:
    clip = np.repeat(np.arange(50), 4)
    is_persistent = np.tile([True, True, False, False], 50)
    is_persistent[clip == 0] = True
    evidence = np.arange(200.0)[:, None]
    sample = sample_one_per_clip(clip, is_persistent, evidence, np.random.default_rng(0))
    assert sorted(clip[sample.persistent[:, 0].astype(int)]) == list(range(50))
    assert sorted(clip[sample.transient[:, 0].astype(int)]) == list(range(1, 50))
    assert is_persistent[sample.persistent[:, 0].astype(int)].all()


def test_every_track_of_a_clip_is_equally_likely() -> None:
    rng, count = np.random.default_rng(1), np.zeros(3)
    for _ in range(600):
        sample = sample_one_per_clip(np.zeros(3, dtype=int), np.ones(3, dtype=bool), np.arange(3.0)[:, None], rng)
        count[int(sample.persistent[0, 0])] += 1
    assert (np.abs(count - 200) < 45).all()


def test_a_rule_agrees_with_the_count_when_tracks_end() -> None:
    """Transients deleted early: calibration and the run of the rule must treat their ends alike."""
    tracks = draw_tracks(4000, seed=7)
    misses, ended = np.zeros(4000), np.zeros(4000, dtype=bool)
    is_valid = np.ones_like(tracks.is_hit)
    for column in range(16):
        misses = np.where(tracks.is_hit[:, column], 0, misses + 1)
        ended |= misses >= 2
        is_valid[:, column] = ~ended
    evidence = np.where(is_valid, tracks.evidence, NAN)
    sample = CalibrationScores(persistent=evidence[tracks.is_persistent], transient=evidence[~tracks.is_persistent])
    rule = calibrated(sample, max_false_confirm=0.05, max_miss=0.15, horizon=16)
    outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=tracks.is_hit & is_valid, is_valid=is_valid))
    false = int((outcome.is_persistent & ~tracks.is_persistent).sum())
    assert outcome.is_deleted.sum() > 100
    assert false == num_errors_allowed(len(sample.transient), 0.05, 0.025)
