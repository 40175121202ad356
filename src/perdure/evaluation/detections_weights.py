"""Weights of a gate that reads detections alone: fitted on all tracks of a data set, calibrated on tracks left out."""

from __future__ import annotations

import numpy as np

from perdure.engine.detections_model import DetectionsModel
from perdure.engine.operation import Operation
from perdure.evaluation.confirmation_bench import BenchData
from perdure.evaluation.real_data import HORIZON, RealData
from perdure.evidence.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence
from perdure.stopping.calibration import CalibrationScores, sample_one_per_clip

BLOCK_S = 0.5
"""Tracks born within a block of this length are not independent: one of each class enters calibration."""


def fit_detections_model(
    data: BenchData, request: RealData, config: TrackTrainingConfig, *, frame_rate_hz: float, seed: int
) -> DetectionsModel:
    """Returns a model fitted on all tracks, with scores of each track from a fit that has not seen its sequence.

    Raises:
        ValueError: there are too few tracks of a class, or scikit-learn is not installed.
    """
    operation = Operation(tracker=request.tracker, horizon=HORIZON, on_timeout="transient", frame_rate_hz=frame_rate_hz)
    return DetectionsModel(
        evidence=fit_track_evidence(data.table, config, seed=seed),
        operation=operation,
        calibration=left_out_scores(data, config, frame_rate_hz=frame_rate_hz, seed=seed),
    )


def left_out_scores(
    data: BenchData, config: TrackTrainingConfig, *, frame_rate_hz: float, seed: int
) -> CalibrationScores:
    """Returns the evidence of one random track of each class and block of time, from fits without its sequence."""
    table = data.table
    evidence = np.full(table.is_valid.shape, np.nan)
    for fold in data.folds:
        model = fit_track_evidence(table.take(fold.train), config, seed=seed)
        evidence[fold.test] = table_evidence(model, table.take(fold.test))
    scored = data.is_scored
    block = table.birth_frame // max(1, round(BLOCK_S * frame_rate_hz))
    unit = np.unique(np.stack([table.group, block], axis=1)[scored], axis=0, return_inverse=True)[1].ravel()
    return sample_one_per_clip(unit, table.is_persistent[scored], evidence[scored], np.random.default_rng(seed))
