"""The methods that calibration is compared with, against loops that try bounds one by one."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom

from perdure.calibration.halt_conditional import calibrate_halt_conditional
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.symmetric import BOUND_GRID, learn_then_test, plug_in
from perdure.stopping.rules import OnTimeout

HORIZON = 5


def drawn(num: int, *, seed: int, drift: float, noise: float) -> CalibrationScores:
    """Draws random walks of both classes; transient ones may end on the way."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(drift, noise, (num, HORIZON))
    steps[num // 2 :] -= 2 * drift
    evidence = steps.cumsum(axis=1)
    end = np.where(rng.random(num) < 0.3, rng.integers(1, HORIZON, num), HORIZON)
    end[: num // 2] = HORIZON
    evidence[np.arange(HORIZON) >= end[:, None]] = np.nan
    return CalibrationScores(persistent=evidence[: num // 2], transient=evidence[num // 2 :])


def num_wrong(rows: np.ndarray, bound: float, on_timeout: OnTimeout, *, is_persistent: bool) -> int:
    """Counts the tracks of a class that two bounds call wrongly, age by age."""
    wrong = 0
    for row in rows.tolist():
        label = on_timeout == "persistent"
        for value in row:
            if math.isnan(value) or abs(value) >= bound:
                label = value > 0
                break
        wrong += label != is_persistent
    return wrong


def test_the_plug_in_bound_is_the_smallest_that_keeps_both_rates() -> None:
    scores = drawn(60, seed=11, drift=1.0, noise=1.5)
    values = np.abs(np.concatenate([scores.persistent, scores.transient]))
    kept = [
        bound
        for bound in values[values > 0].tolist()
        if num_wrong(scores.transient, bound, "persistent", is_persistent=False) <= 0.3 * len(scores.transient)
        and num_wrong(scores.persistent, bound, "persistent", is_persistent=True) <= 0.3 * len(scores.persistent)
    ]
    rule = plug_in(scores, max_false_confirm=0.3, max_miss=0.3, horizon=HORIZON, num_bounds=10_000)
    assert (rule.lower, rule.upper) == (-min(kept), min(kept))
    assert min(kept) < max(kept)


def test_bounds_are_loosened_as_long_as_both_rates_are_proven() -> None:
    """On these tracks the rate of false confirms alone would be proven for looser bounds."""
    scores, proven = drawn(140, seed=21, drift=6.0, noise=6.0), math.inf
    for bound in BOUND_GRID:
        tails = [
            float(binom.cdf(num_wrong(rows, bound, "transient", is_persistent=label), len(rows), 0.2))
            for rows, label in ((scores.transient, False), (scores.persistent, True))
        ]
        if max(tails) > 0.05:
            break
        proven = bound
    assert min(tails) <= 0.05 < max(tails)
    rule = learn_then_test(scores, max_false_confirm=0.2, max_miss=0.2, horizon=HORIZON, on_timeout="transient")
    assert (rule.lower, rule.upper) == (-proven, proven)


def test_early_decisions_stay_within_their_error_and_noise_decides_nothing_early() -> None:
    scores = drawn(500, seed=13, drift=1.0, noise=2.0)
    rule = calibrate_halt_conditional(scores, max_error=0.2, horizon=HORIZON, rng=np.random.default_rng(1))
    assert np.isfinite(rule.bounds).any()
    stops = [
        (int(crossed[0]), (row[crossed[0]] >= 0) != label)
        for rows, label in ((scores.persistent, True), (scores.transient, False))
        for row in rows
        if len(crossed := np.flatnonzero(np.abs(row) >= np.array(rule.bounds)))
    ]
    for column in range(HORIZON):
        early = [is_wrong for first, is_wrong in stops if first <= column]
        assert sum(early) <= 0.2 * len(early), column
    noise = np.random.default_rng(2).normal(0, 2, (200, HORIZON))
    unknown = CalibrationScores(persistent=noise[:100], transient=noise[100:])
    rule = calibrate_halt_conditional(unknown, max_error=0.2, horizon=HORIZON, rng=np.random.default_rng(1))
    assert rule.bounds == (math.inf,) * HORIZON
