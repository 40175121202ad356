"""The rule that takes the place of "three in a row": less evidence the longer the streak, none from some length on."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.stopping.rules import Observation
from perdure.stopping.streak import LifetimeBound, StreakRule, bound_like, streak_of


def seen(history: int, evidence: float, age: int = 8) -> Observation:
    """Returns one track with the given hits, the latest one in the lowest bit."""
    one, zero = np.ones(1), np.zeros(1)
    return Observation(
        evidence=np.array([evidence]),
        age=np.array([age]),
        hit_history=np.array([history], dtype=np.uint64),
        cue_total=zero,
        score=one,
        max_score=one,
        mean_score=one,
    )


@pytest.mark.parametrize(
    ("history", "least"),
    [(0b1, 0.9), (0b11, 0.9), (0b1011, 0.9), (0b111, -0.1), (0b10111, -0.1), (0b1111, -1.1), (0b11111, -1.1)],
)
def test_each_detection_in_a_row_from_the_third_on_asks_for_a_nat_less(history: int, least: float) -> None:
    rule = StreakRule(bound=0.9, streak=3, horizon=16, on_timeout="transient")
    assert rule.decide(seen(history, least + 1e-9)).is_persistent.tolist() == [True]
    assert rule.decide(seen(history, least - 1e-3)).is_decided.tolist() == [False]


@pytest.mark.parametrize(("history", "least"), [(0b11, 0.9), (0b111, -0.5), (0b1111, -1.1), (0b1011, 0.9)])
def test_three_in_a_row_are_believed_down_to_a_floor(history: int, least: float) -> None:
    rule = StreakRule(bound=0.9, streak=3, floor=-0.5, horizon=16, on_timeout="transient")
    assert rule.decide(seen(history, least + 1e-9)).is_persistent.tolist() == [True]
    assert rule.decide(seen(history, least - 1e-3)).is_decided.tolist() == [False]


def test_a_track_is_never_reported_where_nothing_was_detected() -> None:
    rule = StreakRule(bound=0.9, streak=3, horizon=16, on_timeout="transient")
    assert not rule.decide(seen(0b1110, 5.0)).is_decided.any()


def test_what_is_undecided_at_the_horizon_is_transient() -> None:
    verdict = StreakRule(bound=0.9, streak=3, horizon=8, on_timeout="transient").decide(seen(0b101, 0.0))
    assert verdict.is_decided.all() and verdict.is_forced.all() and not verdict.is_persistent.any()


@pytest.mark.parametrize(
    ("num_hits", "streak", "is_passed"), [(5, 5, True), (9, 4, False), (10, 1, True), (4, 4, False)]
)
def test_a_long_streak_or_many_detections_confirm_alone(num_hits: int, streak: int, is_passed: bool) -> None:
    found = bound_like(3).is_passed(np.array([num_hits]), streak=np.array([streak]), is_decided=np.array([False]))
    assert found.tolist() == [is_passed]


@pytest.mark.parametrize("name", ["three hits", "3", ""])
def test_an_operating_point_that_there_is_not_is_named_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=f"like: got '{name}', expected one of two in a row, three in a row, five in"):
        streak_of(name)


def test_bounds_that_would_confirm_everything_are_refused() -> None:
    with pytest.raises(ValueError, match="num_hits: got 1, expected at least 2"):
        LifetimeBound(num_hits=1)
    with pytest.raises(ValueError, match="streak: got 1, expected at least 2"):
        StreakRule(bound=0.0, streak=1)
