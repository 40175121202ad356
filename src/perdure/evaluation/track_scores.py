"""What a user of a tracker asks: HOTA, IDF1, MOTA, and how soon, how often and how wrongly objects are reported.

The scores of tracks are those of TrackEval (Luiten et al., IJCV 2021), not our own. Beside them stand figures that no
score of tracks has: frames from an object's first labelled box to its first report, objects never reported, and false
tracks a minute. Counts of single sequences add up to figures over many, and resamples of sequences to intervals.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Int

from perdure.data.track_labels import TrackLabel
from perdure.evaluation.reported_tracks import ScoredSequence
from perdure.extras import require
from perdure.geometry import iou_matrix

COMBINED = "all"
"""Name of the row over all sequences together."""
NUM_RESAMPLES = 500
INTERVALS = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "mean_frames_to_report", "false_tracks_a_minute")
"""Figures over several sequences that get an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceScore:
    """What is counted on one sequence.

    Args:
        name: of the sequence.
        counts: what each of TrackEval's metrics counted, by its name.
        first_report: frames from the first labelled box of each object to its first report, None if it has none.
        num_tracks: tracks that were reported.
        num_false_tracks: those that lie on nothing.
        minutes: length of the sequence.
        frame_rate_hz: frames per second.
    """

    name: str
    counts: Mapping[str, Mapping[str, Any]]
    first_report: Mapping[int, int | None]
    num_tracks: int
    num_false_tracks: int
    minutes: float
    frame_rate_hz: float


def score_sequence(sequence: ScoredSequence) -> SequenceScore:
    """Returns what is counted on one sequence.

    Raises:
        ValueError: TrackEval is not installed.
    """
    data, counts = _trackeval_data(sequence), {}
    for name, scorer in _scorers().items():
        with contextlib.redirect_stdout(io.StringIO()):  # it times itself aloud
            counts[name] = scorer.eval_sequence(data)
    labels = list(sequence.track_label.values())
    return SequenceScore(
        name=sequence.name,
        counts=counts,
        first_report=first_reports(sequence),
        num_tracks=len(labels),
        num_false_tracks=labels.count(TrackLabel.FALSE),
        minutes=sequence.minutes,
        frame_rate_hz=sequence.frame_rate_hz,
    )


def first_reports(sequence: ScoredSequence) -> dict[int, int | None]:
    """Returns the frames from each object's first labelled box to the first reported box on it; None where none is."""
    born: dict[int, int] = {}
    first: dict[int, int] = {}
    for index, (truth, tracks) in enumerate(zip(sequence.truth, sequence.tracks, strict=True)):
        for own in truth.ids.tolist():
            born.setdefault(own, index)
        is_on = np.any(iou_matrix(truth.xyxy_px, tracks.xyxy_px) >= sequence.min_iou, axis=1)
        for own in truth.ids[is_on].tolist():
            first.setdefault(own, index)
    return {own: first[own] - start if own in first else None for own, start in born.items()}


def figures_of(scores: Sequence[SequenceScore]) -> dict[str, Any]:
    """Returns all figures over some sequences together: what is counted is added up, not averaged."""
    waits = [(wait, score.frame_rate_hz) for score in scores for wait in score.first_report.values()]
    told = [(wait, rate_hz) for wait, rate_hz in waits if wait is not None]
    num_false, minutes = (sum(getattr(score, name) for score in scores) for name in ("num_false_tracks", "minutes"))
    return {
        **_trackeval_figures(scores),
        "num_objects": len(waits),
        "num_never_reported": len(waits) - len(told),
        "mean_frames_to_report": float(np.mean([wait for wait, _ in told])) if told else None,
        "mean_s_to_report": float(np.mean([wait / rate_hz for wait, rate_hz in told])) if told else None,
        "num_tracks": sum(score.num_tracks for score in scores),
        "num_false_tracks": num_false,
        "minutes": minutes,
        "false_tracks_a_minute": num_false / max(minutes, 1e-9),
    }


def score_rows(trackers: Mapping[str, Sequence[SequenceScore]]) -> Iterator[dict[str, Any]]:
    """Yields the figures of each tracker on each sequence, and over all together where there are several.

    Rows over all have an interval for each figure of `INTERVALS`, from resamples of sequences, and all trackers but the
    first the difference of their HOTA from that of the first on the same resamples.

    Args:
        trackers: by name; all with the same sequences in the same order.
    """
    first, *_ = trackers.values()
    for place, score in enumerate(first):
        for name, scores in trackers.items():
            reports = {str(own): wait for own, wait in scores[place].first_report.items()}
            yield {"tracker": name, "sequence": score.name, **figures_of([scores[place]]), "first_report": reports}
    if len(first) < 2:
        return
    drawn = drawn_sequences(len(first))
    base = resampled(first, drawn)
    for name, scores in trackers.items():
        row = {"tracker": name, "sequence": COMBINED, **figures_of(scores)}
        own = base if scores is first else resampled(scores, drawn)
        row |= {f"{figure}_ci95": interval95(own[figure]) for figure in INTERVALS}
        if scores is not first:
            row["HOTA_minus_first"] = row["HOTA"] - figures_of(first)["HOTA"]
            row["HOTA_minus_first_ci95"] = interval95(own["HOTA"] - base["HOTA"])
        yield row


def drawn_sequences(num: int, *, seed: int = 0) -> Int[np.ndarray, "resample sequence"]:
    """Returns sequences drawn with replacement, one resample a row."""
    return np.random.default_rng(seed).integers(num, size=(NUM_RESAMPLES, num))


def resampled(scores: Sequence[SequenceScore], drawn: Int[np.ndarray, "resample sequence"]) -> dict[str, np.ndarray]:
    """Returns the figures of `INTERVALS` on every resample, NaN where there is none."""
    rows = [figures_of([scores[place] for place in places]) for places in drawn.tolist()]
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in INTERVALS}


def interval95(values: np.ndarray) -> list[float] | None:
    """Returns the middle 95 % of some values, None where there are none."""
    known = values[~np.isnan(values)]
    return [float(value) for value in np.quantile(known, [0.025, 0.975])] if len(known) else None


def _trackeval_figures(scores: Sequence[SequenceScore]) -> dict[str, Any]:
    found = {
        name: scorer.combine_sequences({str(place): score.counts[name] for place, score in enumerate(scores)})
        for name, scorer in _scorers().items()
    }
    hota, clear, identity = found["HOTA"], found["CLEAR"], found["Identity"]
    return {
        **{name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")},
        "IDF1": float(identity["IDF1"]),
        "MOTA": float(clear["MOTA"]),
        "id_switches": int(clear["IDSW"]),
    }


def _trackeval_data(sequence: ScoredSequence) -> dict[str, Any]:
    """Returns a sequence as TrackEval takes it: ids from 0 without gaps, and overlaps."""
    truth_ids, track_ids = (
        {own: place for place, own in enumerate(sorted({own for part in side for own in part.ids.tolist()}))}
        for side in (sequence.truth, sequence.tracks)
    )
    return {
        "num_timesteps": len(sequence.truth),
        "num_gt_ids": len(truth_ids),
        "num_tracker_ids": len(track_ids),
        "num_gt_dets": sum(len(part.ids) for part in sequence.truth),
        "num_tracker_dets": sum(len(part.ids) for part in sequence.tracks),
        "gt_ids": [np.array([truth_ids[own] for own in part.ids.tolist()], dtype=int) for part in sequence.truth],
        "tracker_ids": [np.array([track_ids[own] for own in part.ids.tolist()], dtype=int) for part in sequence.tracks],
        "similarity_scores": [
            iou_matrix(truth.xyxy_px, tracks.xyxy_px)
            for truth, tracks in zip(sequence.truth, sequence.tracks, strict=True)
        ],
    }


@cache
def _scorers() -> dict[str, Any]:
    """Returns TrackEval's metrics by name.

    Raises:
        ValueError: it is not installed.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it says aloud which of its data sets lack a package
        require("trackeval")
        from trackeval import metrics
    quiet = {"PRINT_CONFIG": False}
    return {"HOTA": metrics.HOTA(), "CLEAR": metrics.CLEAR(quiet), "Identity": metrics.Identity(quiet)}
