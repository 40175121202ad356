"""The promise itself: over many calibrations the true rates break their limits no more often than delta allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from perdure.calibration.exact import calibrate
from perdure.calibration.halt_conditional import calibrate_halt_conditional
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.symmetric import learn_then_test, plug_in, symmetric_errors
from perdure.stopping.rules import OnTimeout, StoppingRule, TruncatedSPRT
from perdure.stopping.sequences import run_rule
from stopping.world_law import DrawnTracks, draw_tracks

LIMIT, DELTA = 0.02, 0.05
POOL = draw_tracks(4000, seed=11)
WRONG_EVIDENCE = 2 * POOL.evidence
"""Miscalibrated on purpose: the model is twice as sure as it should be."""


def violations(
    method: Callable[[CalibrationScores], StoppingRule],
    *,
    num_draws: int,
    num_each: int,
    pool: DrawnTracks = POOL,
    evidence: np.ndarray = WRONG_EVIDENCE,
) -> int:
    """Counts calibrations after which a true rate (that of the pool they are drawn from) is above the limit."""
    rng, broken = np.random.default_rng(12), 0
    persistent, transient = (np.flatnonzero(pool.is_persistent == label) for label in (True, False))
    sequences = pool.sequences(evidence)
    for _ in range(num_draws):
        sample = CalibrationScores(
            persistent=evidence[rng.choice(persistent, num_each)], transient=evidence[rng.choice(transient, num_each)]
        )
        rates = run_rule(method(sample), sequences).error_rates(pool.is_persistent)
        broken += max(rates) > LIMIT
    return broken


def test_calibration_keeps_its_promise_and_is_not_idle() -> None:
    """300 calibrations of 500 tracks a class: at most the 99 % quantile of Binomial(300, 0.05), but not never."""
    num_broken = violations(lambda sample: calibrate(sample, horizon=16), num_draws=300, num_each=500)
    assert 0 < num_broken <= binom.ppf(0.99, 300, DELTA)


def test_plug_in_bounds_break_it() -> None:
    num_broken = violations(lambda sample: plug_in(sample, horizon=16), num_draws=60, num_each=500)
    assert num_broken > 0.2 * 60


@pytest.mark.parametrize("on_timeout", ["persistent", "transient"])
def test_the_promise_holds_with_ties_and_for_both_timeouts(on_timeout: OnTimeout) -> None:
    """Evidence in steps of one nat puts many tracks exactly on every bound."""
    num_broken = violations(
        lambda sample: calibrate(sample, horizon=16, on_timeout=on_timeout),
        num_draws=100,
        num_each=500,
        evidence=np.round(WRONG_EVIDENCE),
    )
    assert num_broken <= binom.ppf(0.99, 100, DELTA)


def test_the_promise_does_not_depend_on_the_mixture() -> None:
    """Calibrated with equal numbers, used where one track in five is persistent."""
    pool = draw_tracks(4000, seed=13, share=0.2)
    num_broken = violations(
        lambda sample: calibrate(sample, horizon=16),
        num_draws=100,
        num_each=500,
        pool=pool,
        evidence=2 * pool.evidence,
    )
    assert num_broken <= binom.ppf(0.99, 100, DELTA)


def test_learn_then_test_keeps_it_too() -> None:
    num_broken = violations(lambda sample: learn_then_test(sample, horizon=16), num_draws=60, num_each=500)
    assert num_broken <= binom.ppf(0.99, 60, DELTA)


def worst_early_error(rule: StoppingRule, pool: DrawnTracks, evidence: np.ndarray) -> float:
    """Returns the largest P(wrong | decided at age t or before) over t, where at least 1 % of tracks are decided."""
    outcome = run_rule(rule, pool.sequences(evidence))
    wrong = outcome.is_persistent != pool.is_persistent
    early = [(outcome.age <= age) & ~outcome.is_forced for age in range(1, 16)]
    return max((float(wrong[decided].mean()) for decided in early if decided.mean() > 0.01), default=0.0)


def test_early_decisions_are_kept_right_too_where_rates_alone_are_not() -> None:
    evidence, rng = WRONG_EVIDENCE, np.random.default_rng(14)
    persistent, transient = (np.flatnonzero(POOL.is_persistent == label) for label in (True, False))
    num_conditional = num_marginal = 0
    for _ in range(40):
        sample = CalibrationScores(
            persistent=evidence[rng.choice(persistent, 2000)], transient=evidence[rng.choice(transient, 2000)]
        )
        rule = calibrate_halt_conditional(sample, max_error=0.05, horizon=16, rng=rng)
        assert np.isfinite(rule.bounds).any()
        num_conditional += worst_early_error(rule, POOL, evidence) > 0.05
        marginal = calibrate(sample, Rates(max_false_confirm=0.05, max_miss=0.05), horizon=16)
        num_marginal += worst_early_error(marginal, POOL, evidence) > 0.05
    assert num_conditional <= binom.ppf(0.99, 40, DELTA)
    assert num_marginal == 40


def test_the_search_for_bounds_per_age_may_be_lucky_but_the_proof_is_not() -> None:
    """Every decision here is wrong with probability 5.25 %, so any bound at all breaks a limit of 5 %.

    The search tries hundreds of bounds and often finds some that look right on its half of the tracks.
    """
    rng, broken = np.random.default_rng(15), 0
    for _ in range(60):
        size = rng.exponential(3, (1000, 16))
        sign = np.where(rng.random(1000) < 0.0525, -1.0, 1.0)[:, None]
        sample = CalibrationScores(persistent=(size * sign)[:500], transient=-(size * sign)[500:])
        rule = calibrate_halt_conditional(sample, max_error=0.05, delta=0.2, horizon=16, rng=rng)
        broken += bool(np.isfinite(rule.bounds).any())
    assert broken <= binom.ppf(0.99, 60, 0.2)


@pytest.mark.parametrize("on_timeout", ["persistent", "transient"])
def test_counted_errors_of_symmetric_bounds_equal_those_of_the_rule(on_timeout: OnTimeout) -> None:
    bounds = np.array([9.0, 4.0, 1.0, 0.3])
    for label in (True, False):
        rows = POOL.is_persistent == label
        counted = symmetric_errors(WRONG_EVIDENCE[rows], bounds, is_persistent=label, on_timeout=on_timeout)
        for bound, wrong in zip(bounds.tolist(), counted, strict=True):
            rule = TruncatedSPRT(upper=bound, lower=-bound, horizon=16, on_timeout=on_timeout)
            outcome = run_rule(rule, POOL.sequences(WRONG_EVIDENCE))
            np.testing.assert_array_equal(wrong, outcome.is_persistent[rows] != label)


def test_comparisons_refuse_what_they_cannot_do() -> None:
    few = CalibrationScores(persistent=np.zeros((100, 4)), transient=np.zeros((100, 4)))
    with pytest.raises(ValueError, match=r"learn then test: got 100 transient tracks .* need at least 149"):
        learn_then_test(few, horizon=4)
    same = CalibrationScores(persistent=np.full((400, 4), -1.0), transient=np.full((400, 4), 1.0))
    with pytest.raises(ValueError, match="not even the bound of 12 nats"):
        learn_then_test(same, horizon=4)
    with pytest.raises(ValueError, match="plug-in: got no bound"):
        plug_in(same, horizon=4)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="got 2 tracks, need at least 4"):
        tiny = CalibrationScores(persistent=np.zeros((1, 4)), transient=np.zeros((1, 4)))
        calibrate_halt_conditional(tiny, horizon=4, rng=rng)
    with pytest.raises(ValueError, match="max_error: got 0"):
        calibrate_halt_conditional(few, horizon=4, rng=rng, max_error=0.0)
