"""Mean decision frame against total error: the gate's, that of lifetime evidence alone, and the exact optima."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from perdure.gate.model import PersistenceModel
from perdure.metrics.sweep import sweep_bounds
from perdure.optima.dynamic_program import TrackLaw
from perdure.optima.oracle import frontier, optimal_frame_at
from perdure.track_table import TrackTable
from perdure.training.offline import lifetime_evidence
from perdure.world.config import WorldConfig

CurveRows = list[dict[str, float]]
"""Points of a curve, ready for JSON: `total_error` ascending and `mean_decision_frame` descending."""


def track_law(world: WorldConfig, *, horizon: int) -> TrackLaw:
    """Returns the law that tracks of a world follow, for the exact optima."""
    longest = max(world.transient_lifetimes)
    share = 1 / len(world.transient_lifetimes)
    pmf = tuple(share * world.transient_lifetimes.count(life) for life in range(1, longest + 1))
    return TrackLaw(
        detection_probability=world.detection_probability,
        false_alarm_probability=world.false_alarm_probability,
        cue_strength=world.cue_strength,
        persistent_share=world.persistent_share,
        lifetime_pmf=pmf,
        horizon=horizon,
    )


def optimal_frames(
    world: WorldConfig, *, false_confirm_rate: float, miss_rate: float, horizon: int
) -> dict[str, float]:
    """Returns the mean decision frame of the best possible rule at given error rates, by what it may look at.

    Where no rule keeps the rates before the horizon it is the horizon.
    """
    law = track_law(world, horizon=horizon)
    rates = {"false_confirm_rate": false_confirm_rate, "miss_rate": miss_rate}
    return {
        "optimal_decision_frame_detections": _finite(optimal_frame_at(law, **rates), horizon),
        "optimal_decision_frame_seeing": _finite(optimal_frame_at(law.seeing(), **rates), horizon),
    }


def _finite(frame: float, horizon: int) -> float:
    return frame if math.isfinite(frame) else float(horizon)


def error_curves(
    world: WorldConfig, model: PersistenceModel, windows: TrackTable, evidence: Float[np.ndarray, "n l"]
) -> dict[str, CurveRows]:
    """Returns mean frame against total error for all bounds: ours, lifetime evidence alone, and both optima.

    Args:
        world: that the tracks come from.
        model: says horizon and forced label, and holds the lifetime evidence.
        windows: tracks over ages 1 to the horizon.
        evidence: the model's evidence of them, NaN after a track's end.
    """
    operation = model.operation
    lifetime = np.where(windows.is_valid, lifetime_evidence(windows, model.lifetime), np.nan)
    rows: dict[str, CurveRows] = {}
    for name, scores in (("gate", evidence), ("lifetime", lifetime)):
        rows[name] = sweep_bounds(
            scores,
            windows.is_persistent,
            horizon=operation.horizon,
            is_timeout_persistent=operation.on_timeout == "persistent",
        ).to_rows()
    law = track_law(world, horizon=operation.horizon)
    for name, bound in (("optimum_detections", law), ("optimum_seeing", law.seeing())):
        curve = frontier(bound)
        pairs = zip(curve.total_error.tolist(), curve.mean_decision_frame.tolist(), strict=True)
        rows[name] = [{"total_error": error, "mean_decision_frame": frame} for error, frame in pairs]
    return rows


def point_at(rows: CurveRows, total_error: float) -> dict[str, float]:
    """Returns the point of a curve at a total error, or at the least error that the curve reaches."""
    errors = np.array([row["total_error"] for row in rows])
    frames = np.array([row["mean_decision_frame"] for row in rows])
    reached = max(total_error, float(errors[0]))
    return {"total_error": reached, "mean_decision_frame": float(np.interp(reached, errors, frames))}
