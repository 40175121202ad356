"""One model for each part of the tracks that is left out, fitted in processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from perdure.gate.load import load_gate, load_model
from perdure.gate.operation import Rates
from perdure.tracks.split import BenchData, leave_one_out
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.track_fit import TrackTrainingConfig
from perdure.training.tracks_model import fit_tracks_model

ResultT = TypeVar("ResultT")

ALL = -1
"""Stands for the model of all tracks, in place of the number of a fold."""


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
        pretrained: weights of what looked at crops; None for detections alone.
        models: folder of the models.
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

    def model(self, fold: int) -> Path:
        """Returns the file of a model."""
        return self.models / ("all.safetensors" if fold == ALL else f"fold_{fold:02d}.safetensors")


def fit_fold(fold: int, request: FoldsRequest) -> None:
    """Fits, calibrates and stores the model of one fold, or of all tracks; nothing is done where it is stored already.

    Raises:
        ValueError: there are too few tracks to fit on, or to calibrate for these rates.
    """
    path = request.model(fold)
    if path.is_file():
        return
    whole = StoredTracks.load(request.tracks).split(request.request, request.name)
    data = whole if fold == ALL else _inside(whole, fold, request.inner_folds)
    looking = None if request.pretrained is None else load_model(request.pretrained)
    model = fit_tracks_model(
        data,
        request.request,
        request.training,
        rates=request.rates,
        seed=request.seed,
        extractor=None if looking is None else looking.extractor,  # type: ignore[attr-defined]
        crop=None if looking is None else looking.operation.crop,
    )
    model.save(path)
    load_gate(path, like="promise", image_size=(1, 1))  # too few tracks for the rates are said now, not hours later


def _inside(whole: BenchData, fold: int, num_folds: int) -> BenchData:
    """Returns the training tracks of a fold, with parts of them that are left out in turn."""
    part = whole.folds[fold].train
    inner = leave_one_out(f"{whole.name}, fold {fold + 1}", whole.table.take(part), num_folds=num_folds)
    return BenchData(name=inner.name, table=inner.table, folds=inner.folds, frame_rate_hz=whole.frame_rate_hz)


def fit_folds(folds: Sequence[int], request: FoldsRequest, *, num_workers: int) -> Iterator[None]:
    """Fits the models of folds beside each other; yields once for each that is done, in order."""
    yield from mapped_folds(partial(fit_fold, request=request), folds, num_workers)


def mapped_folds(work: Callable[[int], ResultT], folds: Sequence[int], num_workers: int) -> Iterator[ResultT]:
    """Yields results in order; what has not begun is dropped when the reader stops or something fails."""
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, folds)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
