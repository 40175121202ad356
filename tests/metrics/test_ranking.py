"""The area under the curve against all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perdure.metrics.calibration_error import area_under_curve


def test_the_area_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half() -> None:
    rng = np.random.default_rng(5)
    score, is_positive = rng.integers(0, 6, 60).astype(np.float64), rng.random(60) < 0.4
    pairs = list(itertools.product(score[is_positive], score[~is_positive]))
    wins = sum(1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs)
    assert area_under_curve(score, is_positive) == pytest.approx(wins / len(pairs))


def test_a_score_that_ranks_every_positive_highest_has_area_one() -> None:
    assert area_under_curve(np.array([1.0, 5.0, 2.0, 6.0]), np.array([False, True, False, True])) == 1.0
