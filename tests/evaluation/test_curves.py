"""Curves and optima: the law of a world, and what a curve says at one error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gate.small_model import HORIZON
from perdure.evaluation.curves import error_curves, optimal_frames, point_at, track_law
from perdure.gate.model import PersistenceModel
from perdure.metrics.sweep import sweep_bounds
from perdure.optima.oracle import optimal_frame_at
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of
from perdure.world.config import WorldConfig

WORLD = WorldConfig(cue_strength=0.0, num_frames=20, horizon=HORIZON)
ROWS = [{"total_error": 0.1, "mean_decision_frame": 4.0}, {"total_error": 0.3, "mean_decision_frame": 2.0}]


def test_the_law_is_that_of_the_world() -> None:
    world = WorldConfig(
        detection_probability=0.8, false_alarm_probability=0.1, cue_strength=1.5, persistent_share=0.3,
        transient_lifetimes=(1, 1, 3, 5),
    )  # fmt: skip
    law = track_law(world, horizon=7)
    assert law.lifetime_pmf == (0.5, 0.0, 0.25, 0.0, 0.25)
    assert (law.detection_probability, law.false_alarm_probability, law.cue_strength) == (0.8, 0.1, 1.5)
    assert (law.persistent_share, law.horizon) == (0.3, 7)


def test_optima_are_those_of_the_law_and_seeing_is_faster() -> None:
    found = optimal_frames(WORLD, false_confirm_rate=0.05, miss_rate=0.03, horizon=HORIZON)
    law = track_law(WORLD, horizon=HORIZON)
    rates = {"false_confirm_rate": 0.05, "miss_rate": 0.03}
    assert found == {
        "optimal_decision_frame_detections": optimal_frame_at(law, **rates),
        "optimal_decision_frame_seeing": optimal_frame_at(law.seeing(), **rates),
    }
    assert 1 < found["optimal_decision_frame_seeing"] < found["optimal_decision_frame_detections"] < HORIZON


def test_where_no_rule_keeps_the_rates_the_optimum_is_the_horizon() -> None:
    found = optimal_frames(WORLD, false_confirm_rate=0.0, miss_rate=0.0, horizon=HORIZON)
    assert found["optimal_decision_frame_detections"] == HORIZON


@pytest.mark.parametrize(("error", "expected"), [(0.2, (0.2, 3.0)), (0.05, (0.1, 4.0)), (0.6, (0.6, 2.0))])
def test_a_point_at_an_error_or_the_least_that_is_reached(error: float, expected: tuple[float, float]) -> None:
    point = point_at(ROWS, error)
    assert (point["total_error"], point["mean_decision_frame"]) == pytest.approx(expected)


def test_all_four_curves_fall(model: PersistenceModel, windows: TrackTable) -> None:
    evidence = evidence_of(model, windows)
    curves = error_curves(WORLD, model, windows, evidence)
    assert set(curves) == {"gate", "lifetime", "optimum_detections", "optimum_seeing"}
    for rows in curves.values():
        for first, second in pairwise(rows):
            assert first["total_error"] < second["total_error"]
            assert first["mean_decision_frame"] >= second["mean_decision_frame"] - 1e-6
    lifetime = np.where(windows.is_valid, model.lifetime.evidence(windows.is_hit), np.nan)
    for name, scores in (("gate", evidence), ("lifetime", lifetime)):
        expected = sweep_bounds(scores, windows.is_persistent, horizon=HORIZON, is_timeout_persistent=True)
        assert curves[name] == expected.to_rows()
    assert curves["gate"] != curves["lifetime"]
