"""Costs, thresholds and intervals of confirming tracks, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from perdure.bench.confirmation import (
    cap_threshold,
    cost_resamples,
    lower_limit,
    most_allowed,
    operating_point,
    running_best,
    safe_threshold,
    swept_point,
)


def test_numbers_after_the_end_and_unknown_ones_confirm_nothing() -> None:
    best = running_best(np.array([[1.0, np.nan, 3.0], [2.0, 9.0, 9.0]]), np.array([[1, 1, 1], [1, 0, 0]], bool))
    assert best.tolist() == [[1, 1, 3], [2, 2, 2]]


def test_a_miss_costs_one_more_than_the_last_age() -> None:
    best = np.array([[0.0, 2.0, 2.0], [0.0, 0.0, 1.0], [-1.0, -1.0, 1.5]])
    point = operating_point(best, np.array([True, True, False]), 1.5)
    assert (point.tpr, point.cost, point.false_confirm_rate) == (0.5, (2 + 4) / 2, 1.0)


def test_the_cap_is_kept_with_ties_and_no_confirmation_is_wasted() -> None:
    top = np.array([5.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    for cap, confirmed in ((0.1, 0), (0.2, 2), (0.35, 3), (1.0, 10)):
        assert (top >= cap_threshold(top, cap)).sum() == confirmed


def test_a_rule_without_numbers_is_never_confirmed_by_a_low_threshold() -> None:
    best = np.full((2, 3), -math.inf)
    assert swept_point(best, np.array([True, False]), 1.0).cost == 4


def test_resamples_agree_with_counting_every_copy() -> None:
    rng = np.random.default_rng(0)
    best = np.maximum.accumulate(rng.normal(size=(200, 4)), axis=1)
    truth, group = rng.random(200) < 0.4, rng.integers(5, size=200)
    drawn = rng.integers(5, size=(20, 5))
    costs = cost_resamples(best, truth, group, 0.1, drawn)
    for cost, groups in zip(costs, drawn, strict=True):
        rows = np.concatenate([np.flatnonzero(group == one) for one in groups])
        assert cost == pytest.approx(swept_point(best[rows], truth[rows], 0.1).cost)


def test_allowed_errors_are_those_that_do_not_prove_the_cap_broken() -> None:
    for num, cap in ((200, 0.01), (200, 0.1), (1000, 0.03)):
        allowed = most_allowed(num, cap, 0.95)
        # P(at least so many | rate = cap) is above 5 % for what is allowed and not for one more.
        assert binom.sf(allowed - 1, num, cap) > 0.05 >= binom.sf(allowed, num, cap)
        assert lower_limit(allowed, num) < cap <= lower_limit(allowed + 1, num)


def test_a_safe_threshold_is_that_of_the_worst_sequence_where_there_are_few() -> None:
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1, 2], 300)
    top = rng.normal(size=900) + (group == 2) * 1.5
    best, truth = top[:, None], np.zeros(900, bool)
    threshold = safe_threshold(best, truth, group, 0.03)
    assert threshold > cap_threshold(top, 0.03)
    for one in range(3):
        assert lower_limit(int((top[group == one] >= threshold).sum()), 300) <= 0.03
