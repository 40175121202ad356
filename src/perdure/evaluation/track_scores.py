"""What a user of a tracker asks: HOTA, IDF1, MOTA, and how soon, how often and how wrongly objects are reported.

The scores of tracks are those of TrackEval (Luiten et al., IJCV 2021), not our own. Beside them stand figures that no
score of tracks has: frames from an object's first labelled box to its first report, objects never reported, and false
tracks a minute. Regions and look-alikes that ground truth says to ignore count for nothing and against nothing.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perdure.data.mot_truth import truth_of
from perdure.data.sequence_info import read_info
from perdure.data.track_labels import MatchConfig, TrackLabel, detection_labels
from perdure.geometry import iou_matrix, xyxy_from_xywh
from perdure.video.mot import MotTable, read_mot_table

COMBINED = "all"
"""Name of the row over all sequences together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBoxes:
    """Boxes of one frame with their ids.

    Args:
        ids: one a box.
        xyxy_px: corners.
    """

    ids: Int[np.ndarray, " n"]
    xyxy_px: Float[np.ndarray, "n 4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSequence:
    """Truth and tracks of one sequence, frame by frame, what is to be ignored left out.

    Args:
        name: of the sequence.
        frame_rate_hz: frames per second.
        truth: labelled objects that count.
        tracks: reported boxes.
    """

    name: str
    frame_rate_hz: float
    truth: tuple[FrameBoxes, ...]
    tracks: tuple[FrameBoxes, ...]


def read_scored_sequence(folder: Path, tracks: Path, match: MatchConfig | None = None) -> ScoredSequence:
    """Returns the truth of a MOT folder beside the tracks of a MOT text file.

    Args:
        folder: with seqinfo.ini and gt/gt.txt.
        tracks: `frame,id,x,y,width,height,...`, frames from 1 as the folder counts.
        match: when a box lies on an object.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    match = match or MatchConfig()
    info = read_info(folder)
    labelled = read_mot_table(folder / "gt" / "gt.txt", what="sequence")
    reported = read_mot_table(tracks, what="tracks")
    by_frame = truth_of(labelled, counts_from=labelled.counts_from, name=info.name)
    num_frames = info.num_frames or max(by_frame, default=-1) + 1
    if not info.frame_rate_hz:
        raise ValueError(f"sequence: {folder} says no frame rate, expected frameRate in its seqinfo.ini")
    truth = []
    for index, boxes in enumerate(_by_frame(labelled, labelled.counts_from, num_frames)):
        # Rows of a frame stand in the order of the file; regions of other files come after them.
        own = by_frame.get(index)
        counts = np.zeros(0, dtype=bool) if own is None else own.counts[: len(boxes.ids)]
        truth.append(FrameBoxes(ids=boxes.ids[counts], xyxy_px=boxes.xyxy_px[counts]))
    found = _by_frame(reported, 1, num_frames)
    kept = []
    for index, boxes in enumerate(found):
        label = detection_labels(boxes.xyxy_px, by_frame.get(index), match)
        is_kept = label != TrackLabel.IGNORE
        kept.append(FrameBoxes(ids=boxes.ids[is_kept], xyxy_px=boxes.xyxy_px[is_kept]))
    return ScoredSequence(name=folder.name, frame_rate_hz=info.frame_rate_hz, truth=tuple(truth), tracks=tuple(kept))


def score_rows(sequences: list[ScoredSequence]) -> Iterator[dict[str, Any]]:
    """Yields one row of figures a sequence, and one over all together where there are several.

    Raises:
        ValueError: TrackEval is not installed.
    """
    metrics = _trackeval()
    scorers = {"HOTA": metrics.HOTA(), "CLEAR": metrics.CLEAR({"PRINT_CONFIG": False}),
               "Identity": metrics.Identity({"PRINT_CONFIG": False})}  # fmt: skip
    by_scorer: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in scorers}
    reports = {}
    for sequence in sequences:
        data = _trackeval_data(sequence)
        for name, scorer in scorers.items():
            with contextlib.redirect_stdout(io.StringIO()):  # it times itself aloud
                by_scorer[name][sequence.name] = scorer.eval_sequence(data)
        reports[sequence.name] = report_figures(sequence)
        yield {"sequence": sequence.name, **_scores({key: own[sequence.name] for key, own in by_scorer.items()}),
               **reports[sequence.name]}  # fmt: skip
    if len(sequences) > 1:
        together = {name: scorer.combine_sequences(by_scorer[name]) for name, scorer in scorers.items()}
        yield {"sequence": COMBINED, **_scores(together), **_pooled(reports)}


def report_figures(sequence: ScoredSequence, *, min_iou: float = 0.5) -> dict[str, Any]:
    """Returns how soon objects are reported, how many never are, and false tracks.

    Args:
        sequence: truth and tracks.
        min_iou: least overlap at which a reported box is on an object.
    """
    born: dict[int, int] = {}
    first: dict[int, int] = {}
    hits: dict[int, list[int]] = {}
    for index, (truth, tracks) in enumerate(zip(sequence.truth, sequence.tracks, strict=True)):
        for own in truth.ids.tolist():
            born.setdefault(own, index)
        is_on = np.asarray(iou_matrix(truth.xyxy_px, tracks.xyxy_px) >= min_iou)
        for own in truth.ids[np.any(is_on, axis=1)].tolist():
            first.setdefault(own, index)
        for own, is_hit in zip(tracks.ids.tolist(), np.any(is_on, axis=0), strict=True):
            hits.setdefault(own, [0, 0])[int(is_hit)] += 1
    waits = [first[own] - born[own] for own in first]
    return {
        "num_objects": len(born),
        "num_never_reported": len(born) - len(first),
        "mean_frames_to_report": float(np.mean(waits)) if waits else None,
        "mean_s_to_report": float(np.mean(waits)) / sequence.frame_rate_hz if waits else None,
        "num_tracks": len(hits),
        "num_false_tracks": sum(on <= off for off, on in hits.values()),
        "minutes": len(sequence.truth) / sequence.frame_rate_hz / 60,
        "false_tracks_a_minute": sum(on <= off for off, on in hits.values())
        / max(len(sequence.truth) / sequence.frame_rate_hz / 60, 1e-9),
    }


def _pooled(reports: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    rows = list(reports.values())
    summed = ("num_objects", "num_never_reported", "num_tracks", "num_false_tracks", "minutes")
    total = {name: sum(row[name] for row in rows) for name in summed}
    timed = [row for row in rows if row["mean_s_to_report"] is not None]
    seen = [(row["num_objects"] - row["num_never_reported"], row) for row in timed]
    num = sum(count for count, _ in seen)
    means = {
        name: sum(count * row[name] for count, row in seen) / num if num else None
        for name in ("mean_frames_to_report", "mean_s_to_report")
    }
    return {**total, **means, "false_tracks_a_minute": total["num_false_tracks"] / max(total["minutes"], 1e-9)}


def _scores(found: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    hota, clear, identity = found["HOTA"], found["CLEAR"], found["Identity"]
    return {
        **{name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")},
        "IDF1": float(identity["IDF1"]),
        "MOTA": float(clear["MOTA"]),
        "id_switches": int(clear["IDSW"]),
    }


def _by_frame(table: MotTable, counts_from: int, num_frames: int) -> list[FrameBoxes]:
    frame, ids = table.frame - counts_from, table.values[:, 1].astype(np.int64)
    xyxy_px = xyxy_from_xywh(table.values[:, 2:6])
    found = []
    for index in range(num_frames):
        own = frame == index
        found.append(FrameBoxes(ids=ids[own], xyxy_px=xyxy_px[own]))
    return found


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


def _trackeval() -> ModuleType:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it says aloud which of its data sets lack a package
            from trackeval import metrics
    except ImportError as error:
        raise ValueError(
            "scores of tracks are TrackEval's, which is not installed; pip install --no-deps trackeval (with its "
            "dependencies it brings an opencv-python that takes the place of the headless one)"
        ) from error
    return metrics
