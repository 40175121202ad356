"""Bets on one number: silent for days without a change, and as quick after a long calm as after a short one."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.gate.gauge import NUM_REFERENCE, STAKES, Gauge, bet

MOST_DAYS = 120.0
SHARE = Gauge(kind="share", tolerance=0.05)
RANK = Gauge(kind="rank", tolerance=0.05)
COUNT = Gauge(kind="count", tolerance=0.3)


def after(gauge: Gauge, blocks: list[np.ndarray]) -> Gauge:
    """Returns the gauge after some blocks."""
    for values in blocks:
        gauge = gauge.after(values, most_days=MOST_DAYS)
    return gauge


def shares(rate: float, num: int, seed: int = 0) -> list[np.ndarray]:
    """Returns blocks of a hit rate among 60 frames."""
    return [np.array([value]) for value in np.random.default_rng(seed).binomial(60, rate, num) / 60]


def delay(gauge: Gauge, blocks: list[np.ndarray]) -> int:
    """Returns how many blocks it takes until drift is told."""
    for number, values in enumerate(blocks, start=1):
        gauge = gauge.after(values, most_days=MOST_DAYS)
        if gauge.is_drifted:
            return number
    raise AssertionError("not told")


@pytest.mark.parametrize("rate", [0.86, 0.9, 0.94])
def test_bets_inside_of_the_band_win_nothing_on_average(rate: float) -> None:
    """At the worst mean of the band a stake gains exactly 1 on average, elsewhere less: what the promise rests on."""
    numbers = np.random.default_rng(0).binomial(60, rate, 200_000) / 60
    start = np.ones((len(numbers), 2, len(STAKES)))
    gain = bet(start, numbers, 0.85, 0.95) / (1 + 1 / 86_400)
    assert (gain.mean(axis=0) <= 1.0).all()
    assert (gain > 0).all()


def test_days_without_a_change_are_silent_though_one_looks_at_every_second() -> None:
    """40 stream-days, each with the rate at the very edge of its band; 0.05 / 6 alarms a day are allowed."""
    rng, wealth, num_told = np.random.default_rng(1), np.zeros((40, 2, len(STAKES))), 0
    for _ in range(86_400 // 4):
        wealth = bet(wealth, rng.binomial(60, 0.85, 40) / 60, 0.85, 0.95)
        num_told += int((wealth.mean(axis=(1, 2)) >= MOST_DAYS).sum())
    assert num_told == 0


def test_a_long_calm_makes_an_alarm_no_later() -> None:
    """The average of the whole stream told a change after 449 frames at first, and after 24,089 in a long stream."""
    early = delay(after(SHARE.known(0.9), shares(0.9, 60)), shares(0.75, 500, seed=1))
    late = delay(after(SHARE.known(0.9), shares(0.9, 20_000)), shares(0.75, 500, seed=1))
    assert max(early, late) <= 2 * min(early, late)
    assert late < 60


def test_a_change_within_the_tolerance_is_none() -> None:
    assert not after(SHARE.known(0.9), shares(0.87, 5000)).is_drifted


def test_what_was_not_calibrated_is_learnt_from_the_first_blocks() -> None:
    learnt = after(SHARE, shares(0.6, NUM_REFERENCE))
    assert not learnt.is_learning
    assert learnt.low < 0.6 < learnt.high
    assert not after(learnt, shares(0.6, 2000, seed=2)).is_drifted
    assert after(learnt, shares(0.9, 200)).is_drifted
    assert after(learnt, shares(0.3, 200)).is_drifted


def test_drift_ends_when_the_stream_is_as_it_was_for_a_minute() -> None:
    drifted = after(SHARE.known(0.9), shares(0.6, 100))
    assert drifted.is_drifted
    assert drifted.now == pytest.approx(0.6, abs=0.05)
    assert after(drifted, shares(0.9, NUM_REFERENCE - 10)).is_drifted
    assert not after(drifted, shares(0.9, 4 * NUM_REFERENCE)).is_drifted
    assert after(drifted, shares(0.6, 4 * NUM_REFERENCE)).is_drifted


def test_scores_are_told_apart_by_rank_whatever_their_scale() -> None:
    rng = np.random.default_rng(3)
    learnt = after(RANK, [np.exp(rng.normal(0, 1, 4)) for _ in range(NUM_REFERENCE)])
    assert not after(learnt, [np.exp(rng.normal(0, 1, 4)) for _ in range(2000)]).is_drifted
    risen = after(learnt, [np.exp(rng.normal(1, 1, 4)) for _ in range(300)])
    assert risen.is_drifted
    assert risen.now > 0.65


def test_equal_scores_are_no_drift() -> None:
    """Many detectors give every box the same score."""
    assert not after(RANK, [np.ones(3)] * 2000).is_drifted


def test_counts_may_grow_fourfold_and_fall_to_nothing() -> None:
    rng = np.random.default_rng(4)
    learnt = after(COUNT, [rng.poisson(2.0, 30) * 1.0 for _ in range(NUM_REFERENCE)])
    assert not after(learnt, [rng.poisson(6.0, 30) * 1.0 for _ in range(1000)]).is_drifted
    assert not after(learnt, [np.full(30, 0.03)] * 1000).is_drifted
    crowded = after(learnt, [rng.poisson(20.0, 30) * 1.0 for _ in range(300)])
    assert crowded.is_drifted
    assert crowded.now == pytest.approx(20, rel=0.1)


def test_a_block_without_values_says_nothing() -> None:
    gauge = SHARE.known(0.9)
    assert gauge.after(np.zeros(0), most_days=MOST_DAYS) is gauge


@pytest.mark.parametrize("num", [10, 100])
def test_a_stored_gauge_goes_on_alike(num: int) -> None:
    gauge = after(RANK, shares(0.5, num))
    again = RANK.filled(gauge.to_arrays())
    ended, ended_again = after(gauge, shares(0.8, 300)), after(again, shares(0.8, 300))
    assert ended.to_arrays().keys() == ended_again.to_arrays().keys()
    for name, value in ended.to_arrays().items():
        np.testing.assert_array_equal(value, ended_again.to_arrays()[name])
    assert (ended.is_drifted, ended.num_since) == (ended_again.is_drifted, ended_again.num_since)
