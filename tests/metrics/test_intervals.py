"""Intervals against their defining equations, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from perdure.metrics.intervals import binomial_interval, bootstrap_interval


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 10), (10, 10), (17, 900)])
def test_clopper_pearson_ends_have_the_right_tails(hits: int, trials: int) -> None:
    low, high = binomial_interval(hits, trials)
    if hits:
        assert binom.sf(hits - 1, trials, low) == pytest.approx(0.025)
    else:
        assert low == 0
    if hits < trials:
        assert binom.cdf(hits, trials, high) == pytest.approx(0.025)
    else:
        assert high == 1


def test_covers_at_least_as_often_as_promised() -> None:
    for share in (0.02, 0.3):
        covered = sum(
            binom.pmf(k, 100, share)
            for k in range(101)
            if binomial_interval(k, 100, 0.9)[0] <= share <= binomial_interval(k, 100, 0.9)[1]
        )
        assert covered >= 0.9


def test_nothing_tried_says_nothing() -> None:
    assert binomial_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3, 2), "num_hits: got 3 of 2 trials"), ((-1, 2), "num_hits: got -1"), ((1, 2, 1.0), "confidence: got 1.0")],
)
def test_refuses_impossible_counts(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        binomial_interval(*arguments)


def test_bootstrap_of_a_mean_is_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap_interval(
        400, lambda drawn: values[drawn].mean(axis=1), rng=np.random.default_rng(1), num_resamples=4000
    )
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_bootstrap_leaves_out_resamples_without_a_value() -> None:
    low, high = bootstrap_interval(
        2, lambda drawn: np.where(drawn[:, 0] == 0, np.nan, 7.0), rng=np.random.default_rng(0)
    )
    assert (low, high) == (7.0, 7.0)


def test_bootstrap_needs_a_clip() -> None:
    with pytest.raises(ValueError, match="bootstrap: got no units"):
        bootstrap_interval(0, lambda drawn: drawn[:, 0].astype(float), rng=np.random.default_rng(0))
