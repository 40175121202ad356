"""The swept curve against every pair of bounds, run one by one with the rule itself."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from perdure.metrics import sweep as sweep_module
from perdure.metrics.sweep import ErrorCurve, sweep_bounds
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule


def walks(seed: int, *, num: int = 60, num_ages: int = 9, ends_early: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns evidence (NaN after a track's end) and truth of random tracks."""
    rng = np.random.default_rng(seed)
    is_persistent = rng.random(num) < 0.5
    drift = np.where(is_persistent, 0.7, -0.7)[:, None]
    evidence = (drift + rng.normal(0, 1.5, (num, num_ages))).cumsum(axis=1)
    if ends_early:
        end = rng.integers(1, num_ages + 4, num)
        evidence[np.arange(num_ages) >= end[:, None]] = np.nan
    return evidence, is_persistent


def levels(num: int) -> np.ndarray:
    """Returns the bounds tried, written down again: 0.2 + 9.8 x^1.5 on both sides of 0."""
    side = np.array([0.2 + 9.8 * (step / (num // 2)) ** 1.5 for step in range(1, num // 2 + 1)])
    return np.concatenate([-side[::-1], side])


def points_one_by_one(
    evidence: np.ndarray, is_persistent: np.ndarray, *, num: int, horizon: int, is_timeout_persistent: bool
) -> np.ndarray:
    points = []
    evidence = evidence[:, :horizon]
    is_valid = ~np.isnan(evidence)
    tracks = TrackSequences(evidence=np.nan_to_num(evidence), is_hit=is_valid, is_valid=is_valid)
    for lower, upper in product(levels(num), levels(num)):
        if lower < upper:
            on_timeout = "persistent" if is_timeout_persistent else "transient"
            rule = TruncatedSPRT(upper=upper, lower=lower, horizon=horizon, on_timeout=on_timeout)
            outcome = run_rule(rule, tracks)
            error = np.mean(outcome.error_rates(is_persistent))
            frame = (outcome.age[is_persistent].mean() + outcome.age[~is_persistent].mean()) / 2
            points.append((error, frame))
    return np.array(points)


@pytest.mark.parametrize("ends_early", [False, True])
@pytest.mark.parametrize("is_timeout_persistent", [False, True])
@pytest.mark.parametrize("horizon", [6, 9])
def test_the_curve_is_the_lower_hull_of_all_pairs_of_bounds(
    monkeypatch: pytest.MonkeyPatch, ends_early: bool, is_timeout_persistent: bool, horizon: int
) -> None:
    monkeypatch.setattr(sweep_module, "NUM_BOUNDS", 12)
    for seed in range(3):
        evidence, is_persistent = walks(seed, ends_early=ends_early)
        options = {"horizon": horizon, "is_timeout_persistent": is_timeout_persistent}
        points = points_one_by_one(evidence, is_persistent, num=12, **options)
        curve = sweep_bounds(evidence, is_persistent, **options)
        corners = np.stack([curve.total_error, curve.mean_decision_frame], axis=1)
        for corner in corners:
            assert np.abs(points - corner).sum(axis=1).min() < 1e-9, "a corner that no pair of bounds reaches"
        for error, frame in points:
            # Rates are added up in another order here, so an error may be smaller in its last digit.
            assert frame >= curve.frame_at(error + 1e-9) - 1e-9, "a pair of bounds lies below the curve"
        assert curve.total_error[0] == pytest.approx(points[:, 0].min())
        assert curve.mean_decision_frame[-1] == pytest.approx(points[:, 1].min())
        slopes = np.diff(corners[:, 1]) / np.diff(corners[:, 0])
        assert (slopes < 0).all()
        assert all(steep < flat for steep, flat in pairwise(slopes))
        assert len(corners) > 2


def test_between_corners_two_rules_are_mixed() -> None:
    curve = ErrorCurve(total_error=np.array([0.1, 0.3]), mean_decision_frame=np.array([4.0, 2.0]))
    assert curve.frame_at(0.2) == pytest.approx(3.0)
    assert curve.frame_at(0.5) == 2.0
    assert np.isnan(curve.frame_at(0.05))
    assert curve.to_rows() == [
        {"total_error": 0.1, "mean_decision_frame": 4.0},
        {"total_error": 0.3, "mean_decision_frame": 2.0},
    ]


def test_perfect_evidence_is_decided_at_birth() -> None:
    is_persistent = np.array([True, False, True, False])
    evidence = np.repeat(np.where(is_persistent, 11.0, -11.0)[:, None], 5, axis=1)
    curve = sweep_bounds(evidence, is_persistent, horizon=5, is_timeout_persistent=True)
    assert curve.to_rows() == [{"total_error": 0.0, "mean_decision_frame": 1.0}]
