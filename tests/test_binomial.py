"""The binomial distribution against SciPy, far into the tails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom, nbinom

from perdure.binomial import beta_cdf, beta_quantile, binomial_cdf, failures_before
from perdure.calibration.exact import num_errors_allowed


def test_shares_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        num, rate = int(rng.integers(1, 20_000)), float(10 ** rng.uniform(-4, -0.05))
        k = int(min(num, rng.poisson(num * rate)))
        assert binomial_cdf(k, num, rate) == pytest.approx(binom.cdf(k, num, rate), rel=1e-9, abs=1e-13)
    k, n = np.arange(6), np.array([5, 5, 5, 9, 9, 5])
    assert binomial_cdf(k, n, 0.3) == pytest.approx(binom.cdf(k, n, 0.3), rel=1e-12)


def test_quantiles_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        a, b = 10 ** rng.uniform(0, 4, 2)
        share = float(rng.choice([0.0005, 0.005, 0.025, 0.5, 0.975, 0.995]))
        found = beta_quantile(share, a, b)
        assert found == pytest.approx(beta.ppf(share, a, b), rel=1e-9)
        assert beta_cdf(found, a, b) == pytest.approx(share, rel=1e-8)


def test_errors_allowed_are_the_most_that_prove_the_rate() -> None:
    for num, rate, delta in ((59, 0.05, 0.05), (58, 0.05, 0.05), (1000, 0.02, 0.025), (5000, 0.2, 0.05), (3, 0.9, 0.5)):
        allowed = num_errors_allowed(num, rate, delta)
        assert binom.cdf(allowed, num, rate) <= delta < binom.cdf(allowed + 1, num, rate)


def test_waiting_for_successes_takes_as_long_as_scipy_says() -> None:
    for successes, share, sure in [(1, 0.5, 0.9), (10, 0.03, 0.999), (400, 0.31, 0.999), (2, 1.0, 0.5), (7, 0.9, 0.2)]:
        expected = int(nbinom.ppf(sure, successes, share))
        assert failures_before(successes, share, sure=sure) == expected
