"""A model of real tracks: fitted on all tracks of a data set, calibrated on the same tracks when they were left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.gate.forest_model import ForestModel
from perdure.gate.operation import Operation
from perdure.tracking.crops import CropConfig
from perdure.tracks.split import BenchData
from perdure.tracks.tracks_config import HORIZON, RealData
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence

if TYPE_CHECKING:
    from perdure.extractors.magvit import MagvitExtractor

BLOCK_S = 0.5
"""Tracks born within a block of this length are not independent: one of each class enters calibration."""
MAX_SCORES = 2000
"""Largest number of tracks of each class that calibration keeps: more tighten bounds by little."""


def fit_tracks_model(
    data: BenchData,
    request: RealData,
    config: TrackTrainingConfig,
    *,
    rates: Rates,
    seed: int,
    extractor: MagvitExtractor | None = None,
    crop: CropConfig | None = None,
    is_calibrated: bool = True,
    on_fold: Callable[[], None] = lambda: None,
) -> ForestModel:
    """Returns a model fitted on all tracks, with scores of each track from a fit that has not seen its sequence.

    Args:
        data: tracks and the parts that are left out in turn; with looks where there is an extractor.
        request: how tracks were made.
        config: sizes of the forest.
        rates: error rates that the model is meant for.
        seed: of trees and of the choice of calibration tracks.
        extractor: what looked at crops; None for a model that reads detections alone.
        crop: windows that it looked at.
        is_calibrated: whether these scores are wanted; without them `left_out_scores` may add them later.
        on_fold: called after every fit, of which there is one more than folds.

    Raises:
        ValueError: there are too few tracks of a class, or scikit-learn cannot be loaded.
    """
    uses_looks = extractor is not None
    evidence = fit_track_evidence(data.table, config, seed=seed, uses_looks=uses_looks)
    on_fold()
    return ForestModel(
        evidence=evidence,
        operation=track_operation(request, data.frame_rate_hz, crop or CropConfig()),
        calibration=left_out_scores(data, config, seed=seed, uses_looks=uses_looks, on_fold=on_fold)
        if is_calibrated
        else None,
        rates=rates,
        extractor=extractor,
        trained_on=data.table.key,
    )


def track_operation(request: RealData, frame_rate_hz: float, crop: CropConfig) -> Operation:
    """Returns how models of recorded tracks are run."""
    return Operation(
        tracker=request.tracker, crop=crop, horizon=HORIZON, on_timeout="transient", frame_rate_hz=frame_rate_hz
    )


def left_out_scores(
    data: BenchData,
    config: TrackTrainingConfig,
    *,
    seed: int,
    uses_looks: bool = False,
    on_fold: Callable[[], None] = lambda: None,
) -> CalibrationScores:
    """Returns the evidence of one random track of each class and block of time, from fits without its sequence.

    A network that was fitted on none of the sequences needs no fits.
    """
    table = data.table
    evidence = np.full(table.is_valid.shape, np.nan) if table.evidence is None else table.evidence
    for fold in data.folds if table.evidence is None else ():
        model = fit_track_evidence(table.take(fold.train), config, seed=seed, uses_looks=uses_looks)
        evidence[fold.test] = table_evidence(model, table.take(fold.test))
        on_fold()
    rng, scored = np.random.default_rng(seed), data.is_scored
    block = table.birth_frame // max(1, round(BLOCK_S * data.frame_rate_hz))
    if data.is_one_unit:
        block = np.zeros_like(block)
    unit = np.unique(np.stack([table.unit, block], axis=1)[scored], axis=0, return_inverse=True)[1].ravel()
    scores = sample_one_per_clip(unit, table.is_persistent[scored], evidence[scored], rng)
    return CalibrationScores(persistent=_some(scores.persistent, rng), transient=_some(scores.transient, rng))


def _some(scores: Float[np.ndarray, "n h"], rng: np.random.Generator) -> Float[np.ndarray, "n h"]:
    return scores if len(scores) <= MAX_SCORES else scores[rng.permutation(len(scores))[:MAX_SCORES]]
