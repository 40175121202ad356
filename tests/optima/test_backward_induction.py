"""Fitted intervals against the exact optimum and against the best constant bounds, on tracks not fitted on."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from perdure.calibration.scores import CalibrationScores
from perdure.optima.backward_induction import (
    BackwardInductionRule,
    DecisionCosts,
    fit_backward_induction,
)
from perdure.optima.dynamic_program import DynamicProgram, TrackLaw
from perdure.stopping.rules import StoppingRule, TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.world_law import DrawnTracks, draw_tracks

HORIZON = 8


def scores_of(tracks: DrawnTracks, factor: float = 1.0) -> CalibrationScores:
    evidence = factor * tracks.evidence
    return CalibrationScores(persistent=evidence[tracks.is_persistent], transient=evidence[~tracks.is_persistent])


def cost_of(rule: StoppingRule, tracks: DrawnTracks, costs: DecisionCosts, factor: float = 1.0) -> float:
    outcome = run_rule(rule, tracks.sequences(factor * tracks.evidence))
    return costs.expected(outcome.age.astype(np.float64), outcome.is_persistent, tracks.is_persistent)


def best_constant_bounds(tracks: DrawnTracks, costs: DecisionCosts) -> TruncatedSPRT:
    """Returns the constant bounds and the forced label that cost least on these tracks, of a grid."""
    grid = np.arange(0.25, 7.0, 0.75)
    rules = [
        TruncatedSPRT(upper=upper, lower=-lower, horizon=HORIZON, on_timeout=label)
        for upper, lower, label in itertools.product(grid, grid, ("persistent", "transient"))
    ]
    return min(rules, key=lambda rule: cost_of(rule, tracks, costs))


def optimal_cost(costs: DecisionCosts, **law: float) -> float:
    """Returns the exact least expected cost for delays of 1 and prior one half."""
    program = DynamicProgram(
        TrackLaw(
            detection_probability=law["detection"],
            false_alarm_probability=0.05,
            cue_strength=law["cue"],
            horizon=HORIZON,
        )
    )
    miss, false = np.array([costs.miss / 2]), np.array([costs.false_confirm / 2])
    best = program.solve(miss, false)
    return float((best.frame + miss * best.miss + false * best.false_confirm)[0])


CASES = [
    ({"detection": 0.9, "cue": 1.0}, DecisionCosts(false_confirm=50, miss=50)),
    ({"detection": 0.9, "cue": 1.0}, DecisionCosts(false_confirm=200, miss=50)),
    ({"detection": 0.7, "cue": 0.0}, DecisionCosts(false_confirm=20, miss=100)),
    ({"detection": 0.7, "cue": 1.0}, DecisionCosts(false_confirm=100, miss=20)),
]


@pytest.mark.parametrize(("law", "costs"), CASES)
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_comes_close_to_the_exact_optimum(law: dict[str, float], costs: DecisionCosts, factor: float) -> None:
    """400 tracks, scores exact or twice too sure: within 3 % of the least cost there is, and never below it."""
    fitted_on = draw_tracks(400, seed=1, num_ages=HORIZON, **law)
    new = draw_tracks(40_000, seed=2, num_ages=HORIZON, **law)
    rule = fit_backward_induction(scores_of(fitted_on, factor), costs, horizon=HORIZON)
    cost, optimum = cost_of(rule, new, costs, factor), optimal_cost(costs, **law)
    # Four standard errors of the error part: a rate of at most 10 % of 20,000 tracks, at its price.
    noise = 4 * math.hypot(costs.false_confirm, costs.miss) / 2 * math.sqrt(0.1 * 0.9 / 20_000)
    assert optimum - noise < cost < 1.03 * optimum + noise


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "costs"),
    [
        *CASES,
        ({"detection": 0.7, "cue": 1.0}, DecisionCosts(false_confirm=50, miss=50, delay_persistent=3)),
        ({"detection": 0.9, "cue": 0.5}, DecisionCosts(false_confirm=30, miss=30, delay_transient=0.1, prior=0.2)),
    ],
)  # fmt: skip
def test_costs_no_more_than_the_best_constant_bounds(law: dict[str, float], costs: DecisionCosts) -> None:
    """Both chosen on the same 2,000 tracks and compared on the same 40,000 new ones."""
    fitted_on = draw_tracks(2000, seed=3, num_ages=HORIZON, **law)
    new = draw_tracks(40_000, seed=4, num_ages=HORIZON, **law)
    rule = fit_backward_induction(scores_of(fitted_on), costs, horizon=HORIZON)
    constant = best_constant_bounds(fitted_on, costs)
    assert cost_of(rule, new, costs) <= 1.005 * cost_of(constant, new, costs)


def test_where_watching_clutter_is_cheap_constant_bounds_lose_a_tenth() -> None:
    """A miss costs five false confirms and a frame of a transient a tenth of one: bounds must change with age."""
    law = {"detection": 0.7, "cue": 0.5}
    costs = DecisionCosts(false_confirm=20, miss=100, delay_transient=0.1)
    fitted_on = draw_tracks(2000, seed=5, num_ages=HORIZON, **law)
    new = draw_tracks(20_000, seed=6, num_ages=HORIZON, **law)
    rule = fit_backward_induction(scores_of(fitted_on), costs, horizon=HORIZON)
    assert cost_of(rule, new, costs) < 0.9 * cost_of(best_constant_bounds(fitted_on, costs), new, costs)


def test_free_errors_are_made_at_birth_and_free_waiting_waits() -> None:
    tracks = draw_tracks(500, seed=7, num_ages=HORIZON)
    hasty = fit_backward_induction(scores_of(tracks), DecisionCosts(false_confirm=0.5, miss=0.5), horizon=HORIZON)
    assert run_rule(hasty, tracks.sequences()).age.max() == 1
    patient = DecisionCosts(false_confirm=1e4, miss=1e4, delay_persistent=0.0, delay_transient=0.0)
    outcome = run_rule(fit_backward_induction(scores_of(tracks), patient, horizon=HORIZON), tracks.sequences())
    assert outcome.age.mean() > 6


def test_a_deleted_track_is_charged_as_rejected_one_frame_later() -> None:
    """Evidence 0 at birth; then persistent tracks are deleted or seen at +9. Waiting is worth it if few are deleted."""
    nan = math.nan

    def waits(num_deleted: int) -> bool:
        persistent = np.array([[0.0, nan]] * num_deleted + [[0.0, 9.0]] * (40 - num_deleted))
        scores = CalibrationScores(persistent=persistent, transient=np.array([[0.0, -9.0]] * 40))
        rule = fit_backward_induction(scores, DecisionCosts(false_confirm=6.0, miss=6.0), horizon=2)
        return rule.lower[0] < 0 < rule.upper[0]

    assert waits(0)
    assert not waits(40)


def test_intervals_are_those_of_the_age() -> None:
    rule = BackwardInductionRule(lower=(-math.inf, -2.0, 0.5), upper=(math.inf, 3.0, 1.0), horizon=3)
    evidence = np.array([[9.0, 3.0, 0.0], [9.0, 2.9, 1.0], [-9.0, -2.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.7]])
    everywhere = np.ones(evidence.shape, dtype=bool)
    outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=everywhere, is_valid=everywhere))
    assert outcome.age.tolist() == [2, 3, 2, 3, 3]
    assert outcome.is_persistent.tolist() == [True, True, False, False, True]
    assert outcome.is_forced.tolist() == [False, False, False, False, True]


@pytest.mark.parametrize(("delay", "waits"), [(1.0, True), (6.0, False)])
def test_waiting_is_chosen_where_it_is_worth_its_frame(delay: float, waits: bool) -> None:
    """Evidence is 0 at age 1 and +-9 at age 2, and an error costs 10."""
    rows = np.tile([[0.0, 9.0]], (30, 1))
    scores = CalibrationScores(persistent=rows, transient=rows * [1.0, -1.0])
    costs = DecisionCosts(false_confirm=10.0, miss=10.0, delay_persistent=delay, delay_transient=delay)
    rule = fit_backward_induction(scores, costs, horizon=2)
    assert (rule.lower[0] < 0 < rule.upper[0]) == waits


def test_the_horizon_is_decided_by_evidence() -> None:
    tracks = draw_tracks(300, seed=9, num_ages=HORIZON)
    rule = fit_backward_induction(scores_of(tracks), DecisionCosts(false_confirm=50, miss=50), horizon=HORIZON)
    assert rule.upper[-1] == np.nextafter(rule.lower[-1], math.inf)
    assert abs(rule.lower[-1]) < 3
    assert not run_rule(rule, tracks.sequences()).is_forced.any()


def test_bad_input_is_refused(as_user: None) -> None:
    tracks = draw_tracks(50, seed=10, num_ages=4)
    scores, costs = scores_of(tracks), DecisionCosts(false_confirm=1, miss=1)
    with pytest.raises(ValueError, match="got no transient track, need some of each class"):
        fit_backward_induction(replace(scores, transient=np.zeros((0, 4))), costs, horizon=4)
    with pytest.raises(ValueError, match="got horizon 5, expected 1 to 4"):
        fit_backward_induction(scores, costs, horizon=5)
    with pytest.raises(ValueError, match=r"miss: got -1, expected 0 or more frames"):
        DecisionCosts(false_confirm=1, miss=-1)
    with pytest.raises(ValueError, match=r"prior: got 1.0, expected above 0 and below 1"):
        DecisionCosts(false_confirm=1, miss=1, prior=1.0)
    with pytest.raises(ValueError, match=r"got 1 and 2 values, expected one per age up to horizon 2"):
        BackwardInductionRule(lower=(0.0,), upper=(1.0, 1.0), horizon=2)
    with pytest.raises(ValueError, match=r"lower and upper at age 2: got 1.0 and 1.0, expected lower < upper"):
        BackwardInductionRule(lower=(0.0, 1.0), upper=(1.0, 1.0), horizon=2)
