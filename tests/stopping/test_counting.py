"""Counting logics against literal ports of the libraries' counters, and against published error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, ScoredMOfN, SortLogic, hits_in, is_hit_streak
from perdure.stopping.rules import StoppingRule
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.world_law import draw_tracks

Decided = tuple[int, bool] | None


def run_one(rule: StoppingRule, hits: list[bool]) -> Decided:
    """Returns age and label that a rule decides for one track, None if only the horizon decides."""
    row = np.array([hits])
    outcome = run_rule(rule, TrackSequences(evidence=np.zeros(row.shape), is_hit=row, is_valid=np.ones_like(row)))
    if outcome.is_forced[0] or outcome.is_censored[0]:
        return None
    return int(outcome.age[0]), bool(outcome.is_persistent[0])


def sort_counter(hits: list[bool], *, min_hits: int = 3, max_age: int = 1) -> Decided:
    """Counters of sort.py: KalmanBoxTracker.predict and .update, then the two tests in Sort.update."""
    time_since_update = hit_streak = 0
    for age, hit in enumerate(hits, start=1):
        if age > 1:
            if time_since_update > 0:
                hit_streak = 0
            time_since_update += 1
            if hit:
                time_since_update = 0
                hit_streak += 1
        if time_since_update < 1 and hit_streak >= min_hits:
            return age, True
        if time_since_update > max_age:
            return age, False
    return None


def deep_sort_counter(hits: list[bool], n_init: int = 3) -> Decided:
    """Counters of deep_sort/track.py: hits = 1 at birth, mark_missed deletes a tentative track."""
    num_hits = 0
    for age, hit in enumerate(hits, start=1):
        num_hits += hit
        if not hit:
            return age, False
        if num_hits >= n_init:
            return age, True
    return None


histories = st.lists(st.booleans(), min_size=0, max_size=15).map(lambda tail: [True, *tail])


@given(histories, st.integers(1, 4), st.integers(0, 3))
def test_sort_equals_its_counters(hits: list[bool], min_hits: int, max_age: int) -> None:
    rule = SortLogic(min_hits=min_hits, max_age=max_age)
    assert run_one(rule, hits) == sort_counter(hits, min_hits=min_hits, max_age=max_age)


def test_sort_needs_four_hits_from_birth_or_three_after_a_miss() -> None:
    assert run_one(SortLogic(), [True] * 4) == (4, True)
    assert run_one(SortLogic(), [True, False, True, True, True]) == (5, True)
    assert run_one(SortLogic(), [True, True, False, False]) == (4, False)
    assert run_one(SortLogic(), [True, False, True, False, True, False]) is None


@given(histories, st.integers(1, 5))
def test_deep_sort_equals_its_counters(hits: list[bool], n_init: int) -> None:
    assert run_one(DeepSortLogic(n_init=n_init), hits) == deep_sort_counter(hits, n_init)


@pytest.mark.parametrize(("second", "label"), [(True, True), (False, False)])
def test_byte_track_decides_on_the_second_frame(second: bool, label: bool) -> None:
    assert run_one(ByteTrackLogic(), [True]) is None
    assert run_one(ByteTrackLogic(), [True, second, True]) == (2, label)


@given(histories, st.integers(1, 5), st.integers(0, 4))
def test_m_of_n_counts_from_birth(hits: list[bool], num_hits: int, extra: int) -> None:
    num_frames = num_hits + extra
    expected: Decided = None
    for age in range(1, len(hits) + 1):
        if sum(hits[:age]) >= num_hits:
            expected = (age, True)
        elif sum(hits[:age]) + num_frames - age < num_hits:
            expected = (age, False)
        if expected is not None:
            break
    assert run_one(ScoredMOfN(window="first", num_hits=num_hits, num_frames=num_frames), hits) == expected


def test_m_of_n_confirms_on_the_last_hit_needed_and_gives_up_when_it_is_out_of_reach() -> None:
    rule = ScoredMOfN(window="first", num_hits=3, num_frames=5)
    assert run_one(rule, [True, False, True, False, True, True]) == (5, True)
    assert run_one(rule, [True, False, True, False, False, True]) == (5, False)
    assert run_one(rule, [True, False, False, False, True, True]) == (4, False)


def test_deep_sort_confirms_on_the_third_hit_in_a_row() -> None:
    assert run_one(DeepSortLogic(), [True] * 5) == (3, True)
    assert run_one(DeepSortLogic(), [True, True, False, True]) == (3, False)


def test_histories_of_64_frames_are_counted_to_the_last_bit() -> None:
    full = np.array([2**64 - 1, 1 << 63, 0], dtype=np.uint64)
    assert hits_in(full, 64).tolist() == [64, 1, 0]
    assert hits_in(full, 63).tolist() == [63, 0, 0]
    assert hits_in(full, 0).tolist() == [0, 0, 0]
    assert hits_in(full, 99).tolist() == [64, 1, 0]
    assert is_hit_streak(full, 64).tolist() == [True, False, False]


TABLE_B = {
    "2/2": {1.0: (0.685, 0.0, 2.00), 0.9: (0.620, 0.096, 2.00), 0.7: (0.493, 0.286, 2.00)},
    "3/3": {1.0: (0.351, 0.0, 2.84), 0.9: (0.288, 0.183, 2.76), 0.7: (0.182, 0.488, 2.60)},
    "sort": {1.0: (0.018, 0.0, 4.06), 0.9: (0.015, 0.030, 4.31), 0.7: (0.009, 0.276, 4.65)},
    "4/4": {1.0: (0.018, 0.0, 3.52), 0.9: (0.014, 0.260, 3.32), 0.7: (0.009, 0.633, 2.95)},
    "4/5": {1.0: (0.035, 0.0, 4.02), 0.9: (0.029, 0.049, 4.09), 0.7: (0.019, 0.321, 4.07)},
    "4/6": {1.0: (0.052, 0.0, 4.52), 0.9: (0.043, 0.008, 4.63), 0.7: (0.029, 0.143, 4.83)},
    "5/8": {1.0: (0.008, 0.0, 5.59), 0.9: (0.007, 0.002, 5.76), 0.7: (0.004, 0.106, 6.11)},
}
"""False confirm, miss and mean frame, by rule and detection probability; clutter 0.05."""


@pytest.mark.parametrize("detection", [1.0, 0.9, 0.7])
def test_error_rates_of_counting_logics(detection: float) -> None:
    tracks = draw_tracks(40_000, seed=3, detection=detection, cue=0.0, num_ages=32)
    rules: dict[str, StoppingRule] = {
        "2/2": ByteTrackLogic(horizon=32),
        "3/3": DeepSortLogic(horizon=32),
        "sort": SortLogic(horizon=32),
    }
    for name in ("4/4", "4/5", "4/6", "5/8"):
        num_hits, num_frames = name.split("/")
        rules[name] = ScoredMOfN(window="first", num_hits=int(num_hits), num_frames=int(num_frames), horizon=32)
    for name, rule in rules.items():
        outcome = run_rule(rule, tracks.sequences())
        false_confirm, miss = outcome.error_rates(tracks.is_persistent)
        expected = TABLE_B[name][detection]
        # Four standard errors of 20,000 tracks a class, and the rounding of the table.
        for rate, wanted in ((false_confirm, expected[0]), (miss, expected[1])):
            assert abs(rate - wanted) < 4 * (wanted * (1 - wanted) / 20_000) ** 0.5 + 0.001, (name, rate, wanted)
        assert outcome.age.mean() == pytest.approx(expected[2], abs=0.03), name
