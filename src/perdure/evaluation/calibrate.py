"""Calibration scores from the calibration split: evidence of tracks whose truth is known, as the gate would see it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from perdure.calibration.exact import calibrate
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of


def calibration_scores(
    model: PersistenceModel,
    windows: TrackTable,
    rates: Rates,
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> CalibrationScores:
    """Returns scores of at most one random track of each class from every clip.

    Evidence also depends on when the other tracks of a scene vanish from sight, and that depends on the bounds. So
    it is computed twice: with everything in sight, which gives first bounds, then with every track hidden from the
    others from its decision under those bounds on, as in the gate.

    Args:
        model: in evaluation mode.
        windows: all tracks of the calibration split over ages 1 to the horizon.
        rates: what the first bounds guarantee; the scores serve any other rates as well.
        seed: picks the tracks.
        on_progress: told how many tracks of both passes are done.

    Raises:
        ValueError: there are too few tracks for the rates.
    """
    total = 2 * len(windows)

    def pass_progress(offset: int) -> Callable[[int, int], None]:
        return lambda done, _: on_progress(offset + done, total) if on_progress else None

    def sample(evidence: Float[np.ndarray, "n l"]) -> CalibrationScores:
        rng = np.random.default_rng(seed)
        return sample_one_per_clip(windows.unit, windows.is_persistent, evidence, rng)

    evidence = evidence_of(model, windows, on_progress=pass_progress(0))
    rule = rule_for(sample(evidence), model, rates)
    shown_until = windows.frame[:, 0] + decision_age(evidence, rule) - 1
    return sample(evidence_of(model, windows, shown_until=shown_until, on_progress=pass_progress(len(windows))))


def rule_for(scores: CalibrationScores, model: PersistenceModel, rates: Rates) -> TruncatedSPRT:
    """Returns the calibrated rule of a model for the given rates."""
    operation = model.operation
    return calibrate(scores, rates, horizon=operation.horizon, on_timeout=operation.on_timeout)


def decision_age(evidence: Float[np.ndarray, "n l"], rule: TruncatedSPRT) -> Int[np.ndarray, " n"]:
    """Returns the age at which each track is decided: the first crossing, the track's end, or the horizon."""
    is_over = np.isnan(evidence) | (evidence >= rule.upper) | (evidence <= rule.lower)
    is_over[:, min(rule.horizon, evidence.shape[1]) - 1 :] = True
    return is_over.argmax(axis=1) + 1
