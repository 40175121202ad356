"""One model for each part of the tracks that is left out, fitted in processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from perdure.calibration.rates import Rates
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_gate, load_model
from perdure.gate.model import PersistenceModel
from perdure.tracks.split import BenchData, Fold, leave_one_out
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.track_fit import TrackTrainingConfig
from perdure.training.tracks_model import fit_tracks_model, left_out_scores
from perdure.training.tracks_network import network_on_tracks

ALL = -1
"""Stands for the model of all tracks that are not kept for evaluation alone, in place of the number of a fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldsRequest:
    """All that the models of a data set depend on, small enough to be sent to another process.

    Args:
        tracks: file of `StoredTracks`.
        name: of the data.
        request: how tracks were made and are split.
        training: sizes of the forest.
        rates: what the bounds must guarantee.
        inner_folds: parts of the training sequences that are left out in turn to calibrate.
        seed: of trees and of the choice of calibration tracks.
        pretrained: weights of what looked at crops; None for forests on detections alone.
        models: folder of the models.
        prefix: how their names begin.
        network: weights that gather evidence in the place of forests, fitted on none of these tracks.
        has_pixels: whether models look at crops.
    """

    tracks: Path
    name: str
    request: RealData
    training: TrackTrainingConfig
    rates: Rates
    inner_folds: int
    seed: int
    pretrained: Path | None
    models: Path
    prefix: str = "fold"
    network: Path | None = None
    has_pixels: bool = False

    def model(self, fold: int) -> Path:
        """Returns the file of a model."""
        return self.models / f"{self.prefix}_{'all' if fold == ALL else f'{fold:02d}'}.safetensors"

    def data(self, fold: int) -> BenchData:
        """Returns what the model of a fold is made from, with parts that are left out in turn to calibrate it."""
        stored = StoredTracks.load(self.tracks)
        whole = stored.split(self.request, self.name)
        if fold == ALL and not stored.num_test:
            return whole
        return _inside(whole, max(fold, 0), self.inner_folds)


def fit_fold(fold: int, request: FoldsRequest) -> None:
    """Fits and stores the model of one fold, or of all tracks; nothing is done where it is stored already.

    Raises:
        ValueError: there are too few tracks to fit on.
    """
    path = request.model(fold)
    if path.is_file():
        return
    looking = None if request.pretrained is None else load_model(request.pretrained)
    model = fit_tracks_model(
        request.data(fold),
        request.request,
        request.training,
        rates=request.rates,
        seed=request.seed,
        extractor=None if looking is None else looking.extractor,  # type: ignore[attr-defined]
        crop=None if looking is None else looking.operation.crop,
        is_calibrated=False,
    )
    model.save(path)


def calibrate_fold(fold: int, request: FoldsRequest, fitted: FoldsRequest) -> None:
    """Calibrates the fitted model of one fold and stores it; nothing is done where it is stored already.

    Args:
        fold: number of the fold, or `ALL`.
        request: where it is stored.
        fitted: where the fitted model is.

    Raises:
        ValueError: there are too few tracks to calibrate for these rates.
    """
    path = request.model(fold)
    if path.is_file():
        return
    data, uses_looks = request.data(fold), request.pretrained is not None
    model: ForestModel | PersistenceModel = (
        fitted_model(fitted.model(fold))
        if request.network is None
        else network_on_tracks(request.network, request.request, data.frame_rate_hz)
    )
    model.calibration = left_out_scores(data, request.training, seed=request.seed, uses_looks=uses_looks)
    model.rates = request.rates
    model.save(path)
    load_gate(path, like="promise", image_size=(1, 1))  # too few tracks for the rates are said now, not hours later


def fitted_model(path: Path) -> ForestModel:
    """Returns a model that `fit_fold` has stored.

    Raises:
        ValueError: it is a model of another kind.
    """
    model = load_model(path)
    if not isinstance(model, ForestModel):
        raise ValueError(f"weights: {path} holds a {type(model).__name__}, expected a forest on tracks; train again")
    return model


def _inside(whole: BenchData, fold: int, num_folds: int) -> BenchData:
    """Returns the training tracks of a fold, with parts of them that are left out in turn if anything is fitted."""
    part = whole.folds[fold].train
    if whole.table.evidence is not None:
        table = whole.table.take(part)
        every = np.ones(len(table), dtype=bool)
        return replace(whole, table=table, folds=[Fold(train=~every, test=every)])
    inner = leave_one_out(f"{whole.name}, fold {fold + 1}", whole.table.take(part), num_folds=num_folds)
    return replace(inner, frame_rate_hz=whole.frame_rate_hz, is_one_unit=whole.is_one_unit)
