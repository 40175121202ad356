"""What a forest taught by the lives of tracks is worth against truth, every sequence left out in turn.

Truth scores; it teaches the row "labels" alone. Every method's threshold is swept on the left-out tracks alike. Few
tracks: of the sequences that are not left out only some teach, and the weights in the package stay where lives that are
left out say so, as in `perdure adapt`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.bench.confirmation import cost_resamples, running_best, swept_point
from perdure.bench.confirmation_methods import CAPS
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_model
from perdure.track_table import TrackTable
from perdure.tracks.follow import track_table
from perdure.tracks.real_data import left_out, read_places, sequence_folders
from perdure.tracks.split import BenchData
from perdure.tracks.tracks_config import RealData
from perdure.training.adapt import AdaptConfig, adapt, fit_on_lives
from perdure.training.fates import LifeLaw, Lives, fit_life_law, soft_labels
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence

NUM_DRAWS = 500
"""Resamples of sequences behind each interval."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A data set with what somebody without truth has of it.

    Args:
        data: labelled tracks with their parts.
        raw: all tracks of the same sequences, unlabelled.
        raw_unit: the unit of each of them that is left out together.
    """

    data: BenchData
    raw: TrackTable
    raw_unit: Int[np.ndarray, " n"]

    @property
    def law(self) -> LifeLaw:
        """What the lives of all sequences say, the left-out ones too: one whole number, and no truth."""
        return fit_life_law(Lives(self.raw.known("num_hits"), self.raw.known("is_open")))


def read_taught(folder: Path, request: RealData, name: str) -> Taught:
    """Returns a data set.

    Args:
        folder: of MOT folders with truth.
        request: which of them, and how.
        name: of the data in the rows.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a file is malformed.
    """
    table, sequences = read_places(request, [str(place) for place in sequence_folders(request, folder)])
    rate_hz, num_frames = np.median([one.frame_rate_hz for one in sequences]), [one.num_frames for one in sequences]
    data = left_out(request, table, name, num_frames=num_frames, frame_rate_hz=float(rate_hz))
    raw = _unlabelled(request, sequences)
    if len(sequences) > 1:
        return Taught(data, raw, np.array(data.table.scene)[raw.group])
    # One camera: blocks of time are left out.
    edges = np.ceil(np.linspace(0, data.table.birth_frame.max() + 1, request.blocks + 1))
    return Taught(data, raw, np.searchsorted(edges, raw.birth_frame, side="right") - 1)


def _unlabelled(request: RealData, sequences: Sequence[MotSequence]) -> TrackTable:
    """Returns all tracks as somebody without truth has them, in the same groups: it is taken away before."""
    streams = [
        sequence_stream(replace(one, truth={}), request.match, min_score=request.min_score, scene=scene)
        for scene, one in enumerate(sequences)
    ]
    return track_table(streams, request.tracker, least_frames=1)


def package() -> ForestModel:
    """Returns the weights in the package that read detections alone."""
    model = load_model("detections")
    if not isinstance(model, ForestModel):
        raise TypeError("the weights `detections` in the package are no forest on detections")
    return model


def adapt_rows(
    taught: Taught, config: TrackTrainingConfig, *, few: Sequence[int] = (), seed: int = 0,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yields one row a method and cap on false confirms.

    Args:
        taught: the data.
        config: sizes of forests.
        few: numbers of unlabelled tracks that rows are asked for beside those of all.
        seed: of trees, and of which few tracks teach.
        on_fold: told how many of all folds are done.
    """
    data, base = taught.data, package()
    label = soft_labels(Lives(taught.raw.known("num_hits"), taught.raw.known("is_open")), taught.law.life)
    names = ["package", "lives", "labels", *(f"{num} tracks, {how}" for num in few for how in ("in a row", "spread"))]
    found = {name: np.full(data.table.is_valid.shape, np.nan) for name in names}
    found["package"] = table_evidence(base.evidence, data.table)
    for number, fold in enumerate(data.folds, start=1):
        is_seen = ~np.isin(taught.raw_unit, np.unique(data.table.unit[fold.test]))
        test = data.table.take(fold.test)
        own = fit_on_lives(taught.raw.take(is_seen), label[is_seen], config, seed)
        found["lives"][fold.test] = table_evidence(own, test)
        found["labels"][fold.test] = table_evidence(
            fit_track_evidence(data.table.take(fold.train), config, seed=seed), test
        )
        for num in few:
            for how, rows in _few(np.flatnonzero(is_seen), num, np.random.default_rng([seed, num, number])).items():
                model = _adapted(taught, rows, base, config, seed)
                found[f"{num} tracks, {how}"][fold.test] = table_evidence(model.evidence, test)
        on_fold(number, len(data.folds))
    yield from _scored(data, found, taught.law)


def _few(rows: Int[np.ndarray, " n"], num: int, rng: np.random.Generator) -> dict[str, Int[np.ndarray, " m"]]:
    """Returns some tracks that follow one another, and as many from everywhere."""
    num = min(num, len(rows))
    first = int(rng.integers(len(rows) - num + 1))
    return {"in a row": rows[first : first + num], "spread": np.sort(rng.choice(rows, num, replace=False))}


def _adapted(
    taught: Taught, rows: Int[np.ndarray, " m"], base: ForestModel, config: TrackTrainingConfig, seed: int
) -> ForestModel:
    """Returns what `perdure adapt` would go on with after these tracks."""
    found = adapt(
        taught.raw.take(rows),
        base,
        frame_rate_hz=taught.data.frame_rate_hz,
        config=AdaptConfig(forest=config),
        seed=seed,
    )
    return found.model or base


def _scored(data: BenchData, found: dict[str, Float[np.ndarray, "n l"]], law: LifeLaw) -> Iterator[dict[str, Any]]:
    scored = data.table.take(data.is_scored)
    is_persistent: Bool[np.ndarray, " n"] = scored.is_persistent
    best = {name: running_best(values[data.is_scored], scored.is_valid) for name, values in found.items()}
    groups = np.unique(scored.unit, return_inverse=True)[1]
    drawn = np.random.default_rng(0).integers(0, groups.max() + 1, (NUM_DRAWS, groups.max() + 1))
    for cap in CAPS:
        draws = {name: cost_resamples(values, is_persistent, groups, cap, drawn) for name, values in best.items()}
        for name, values in best.items():
            gain = np.nanquantile(draws[name] - draws["package"], [0.025, 0.975])
            yield {
                "data": data.name,
                "method": name,
                "fa_cap": cap,
                "cost": round(swept_point(values, is_persistent, cap).cost, 3),
                "minus_package_ci95": [round(float(value), 3) for value in gain],
                "life": law.life,
                "num_long": law.num_long,
                "num_true": int(is_persistent.sum()),
                "num_false": int((~is_persistent).sum()),
            }
