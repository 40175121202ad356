"""Rules on evidence: bounds count at equality, the horizon always decides, Wald's inequalities hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perdure.stopping.rules import (
    AgeBounds,
    FixedHorizon,
    FixedThreshold,
    Horizon,
    Observation,
    StoppingRule,
    TruncatedSPRT,
)
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.every_rule import RULES

NEEDED = {
    "truncated_sprt": {"upper": 3.0, "lower": -3.0},
    "age_bounds": {"bounds": (3.0,) * 16},
    "backward_induction": {"lower": (-3.0,) * 16, "upper": (3.0,) * 16},
}


def observed(evidence: list[float], age: int | list[int] = 1, history: int = 1) -> Observation:
    num = len(evidence)
    return Observation(
        evidence=np.array(evidence, dtype=np.float64),
        age=np.broadcast_to(np.array(age), num).copy(),
        hit_history=np.full(num, history, dtype=np.uint64),
        cue_total=np.zeros(num),
        score=np.zeros(num),
        max_score=np.zeros(num),
        mean_score=np.zeros(num),
    )


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("on_timeout", ["persistent", "transient"])
def test_every_rule_decides_everything_by_its_horizon(name: str, on_timeout: str) -> None:
    rule = RULES[name](on_timeout=on_timeout, **NEEDED.get(name, {}))
    assert isinstance(rule, StoppingRule)
    rng = np.random.default_rng(0)
    shape = (500, 16)
    evidence, hits = np.cumsum(rng.normal(0, 0.3, shape), axis=1), rng.random(shape) < 0.6
    hits[:, 0] = True
    outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=hits, is_valid=np.ones(shape, dtype=bool)))
    assert not outcome.is_censored.any()
    assert outcome.age.max() <= 16
    if name not in ("fixed_threshold", "fixed_horizon"):
        assert (outcome.is_persistent[outcome.is_forced] == (on_timeout == "persistent")).all()
    if name == "truncated_sprt":
        assert outcome.is_forced.sum() > 100


@pytest.mark.parametrize("name", sorted(RULES))
def test_no_tracks_give_an_empty_verdict(name: str) -> None:
    verdict = RULES[name](**NEEDED.get(name, {})).decide(observed([]))
    assert len(verdict.is_decided) == len(verdict.is_persistent) == len(verdict.is_forced) == 0


def test_the_sequential_test_stops_at_its_bounds_and_not_before() -> None:
    rule = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=5)
    below, above = math.nextafter(2.0, 0), math.nextafter(-1.0, 0)
    verdict = rule.decide(observed([2.0, below, 0.0, above, -1.0], age=4))
    assert verdict.is_decided.tolist() == [True, False, False, False, True]
    assert verdict.is_persistent.tolist() == [True, False, False, False, False]
    assert not verdict.is_forced.any()


def test_at_the_horizon_a_crossed_bound_is_not_forced() -> None:
    rule = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=5, on_timeout="transient")
    verdict = rule.decide(observed([2.0, 1.0, -1.0, 1.0], age=[5, 5, 5, 9]))
    assert verdict.is_forced.tolist() == [False, True, False, True]
    assert verdict.is_persistent.tolist() == [True, False, False, False]


def test_where_both_bounds_are_crossed_rejection_wins() -> None:
    """Calibration counts on it when the two bounds meet."""
    both = np.array([True])
    verdict = Horizon(horizon=5).verdict(np.array([1]), confirm=both, reject=both)
    assert (verdict.is_decided[0], verdict.is_persistent[0], verdict.is_forced[0]) == (True, False, False)


def test_the_classic_rule_confirms_at_90_percent_and_takes_the_likelier_side_at_age_4() -> None:
    rule = FixedThreshold()
    bound = math.log(9)
    early = rule.decide(observed([bound, bound - 1e-6, -bound + 1e-6, -bound], age=1))
    assert early.is_decided.tolist() == [True, False, False, True]
    late = rule.decide(observed([0.1, -0.1, 0.0], age=4))
    assert late.is_forced.all()
    assert late.is_persistent.tolist() == [True, False, True], "a tie is persistent"


def test_the_prior_moves_the_classic_rule() -> None:
    verdict = FixedThreshold(prior=0.9).decide(observed([0.0, -math.log(81)], age=1))
    assert verdict.is_persistent.tolist() == [True, False]
    assert verdict.is_decided.all()


def test_fixed_horizon_waits_and_then_takes_a_side() -> None:
    rule = FixedHorizon(decision_frame=3, threshold=0.5)
    assert not rule.decide(observed([9.0, -9.0], age=2)).is_decided.any()
    verdict = rule.decide(observed([0.5, 0.4], age=3))
    assert verdict.is_persistent.tolist() == [True, False]
    assert not verdict.is_forced.any()


def test_bounds_per_age() -> None:
    rule = AgeBounds(bounds=(math.inf, 1.0), horizon=2, on_timeout="transient")
    assert not rule.decide(observed([9.0], age=1)).is_decided.any()
    verdict = rule.decide(observed([1.0, -1.0, 0.5], age=2))
    assert verdict.is_persistent.tolist() == [True, False, False]
    assert verdict.is_forced.tolist() == [False, False, True]


def test_wald_bounds_are_the_odds_of_being_right_of_each_class() -> None:
    rule = TruncatedSPRT.from_error_rates(false_confirm=0.01, miss=0.05)
    assert math.exp(rule.upper) == pytest.approx(0.95 / 0.01)
    assert math.exp(rule.lower) == pytest.approx(0.05 / 0.99)


def test_wald_inequalities_hold_on_gaussian_data() -> None:
    """Log-likelihood ratio of N(+-1/2, 1): errors at most exp(-upper) and exp(lower), mean age at least Wald's."""
    rng = np.random.default_rng(1)
    num, ages = 20_000, 64
    truth = np.arange(num) % 2 == 0
    evidence = np.cumsum(rng.normal(np.where(truth, 0.5, -0.5)[:, None], 1.0, (num, ages)), axis=1)
    everywhere = np.ones(evidence.shape, dtype=bool)
    rule = TruncatedSPRT.from_error_rates(false_confirm=0.05, miss=0.02, horizon=ages)
    outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=everywhere, is_valid=everywhere))
    false_confirm, miss = outcome.error_rates(truth)
    assert 0.2 * math.exp(-rule.upper) < false_confirm <= math.exp(-rule.upper)
    assert 0.2 * math.exp(rule.lower) < miss <= math.exp(rule.lower)
    assert outcome.is_forced.mean() < 1e-3
    # Wald's mean age ignores the overshoot, here about one standard deviation of a step over a drift of 1/2.
    wald = ((1 - miss) * rule.upper + miss * rule.lower) / 0.5
    assert wald < outcome.age[truth].mean() < wald + 2.5


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("truncated_sprt", {"upper": 1.0, "lower": 1.0}, "got 1.0 and 1.0, expected lower < upper"),
        ("truncated_sprt", {"upper": 1.0, "lower": float("nan")}, "expected lower < upper"),
        ("sort", {"horizon": 65}, "horizon: got 65, expected 1 to 64 frames"),
        ("sort", {"horizon": 0}, "horizon: got 0"),
        ("sort", {"min_hits": 0}, "min_hits and max_age: got 0 and 1"),
        ("scored_m_of_n", {"num_hits": 4, "num_frames": 3}, "got 4 of 3, expected 1 <= M <= N"),
        ("deep_sort", {"n_init": 0}, "n_init: got 0"),
        ("fixed_threshold", {"confidence_threshold": 0.5}, "confidence_threshold: got 0.5"),
        ("fixed_threshold", {"early_stop_frame": 0}, "early_stop_frame: got 0"),
        ("fixed_threshold", {"prior": 1.0}, "prior: got 1.0"),
        ("fixed_horizon", {"decision_frame": 17}, r"decision_frame: got 17, expected 1 to horizon \(16\)"),
        ("age_bounds", {"bounds": (1.0,)}, "bounds: got 1 values, expected one per age up to horizon 16"),
        ("age_bounds", {"bounds": (-1.0,) * 16}, "bounds: got -1.0"),
        ("track_score", {"hit_probability": 0.01}, "hit_probability and false_alarm_probability: got 0.01 and 0.05"),
        ("ipda", {"upper": 0.0}, "lower and upper: got 0.02 and 0.0"),
        ("ipda", {"birth_probability": 0.0}, "birth_probability and survival_probability: got 0.0"),
    ],
)
def test_refuses_settings_that_make_no_sense(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RULES[name](**settings)


def test_refuses_an_unknown_timeout(as_user: None) -> None:
    with pytest.raises(ValueError, match="on_timeout: got 'later', expected persistent or transient"):
        TruncatedSPRT(upper=1.0, lower=-1.0, on_timeout="later")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_wald_bounds_need_small_positive_errors(value: float) -> None:
    with pytest.raises(ValueError, match="miss: got"):
        TruncatedSPRT.from_error_rates(false_confirm=0.01, miss=value)
