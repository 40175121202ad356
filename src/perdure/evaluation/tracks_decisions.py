"""Runs the gate over labelled sequences as it would run live, and writes down every decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from perdure.data.mot_sequence import MotSequence
from perdure.data.track_labels import MatchConfig, TrackLabel, detection_labels, majority_label
from perdure.evaluation.observed_track import ObservedTrack, note_result
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.metrics.decisions import DecisionRecord
from perdure.stopping.rules import TruncatedSPRT
from perdure.tracks.labelled_tracks import LAST_FRAMES
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.tracks_folds import FoldsRequest, mapped_folds
from perdure.types import TrackFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceOutcome:
    """What one pass over a sequence gave.

    Args:
        records: one per labelled track that was decided, in order of track id.
        num_censored: labelled tracks that the sequence ended before anything was decided.
    """

    records: list[DecisionRecord]
    num_censored: int


@dataclass(slots=True, kw_only=True)
class _Seen(ObservedTrack):
    """A track, and how often its hits lie on each kind of object."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=np.int64))


def decide_sequence(
    sequence: MotSequence, gate: PersistenceGate, match: MatchConfig, *, born: tuple[int, int] | None = None
) -> SequenceOutcome:
    """Returns the decisions of a fresh gate on the tracks of a sequence that are TRUE or FALSE.

    Args:
        sequence: with its truth, and with video where the gate reads pixels.
        gate: that has seen nothing yet.
        match: when a detection lies on an object.
        born: first frame, and the one after the last, in which the tracks are born that count; all by default. Tracks
            born in the last `LAST_FRAMES` frames never count.
    """
    seen: dict[int, _Seen] = {}
    for index, picture in sequence.pictures(has_pixels=gate.model.uses_pixels):
        detections = sequence.detections_at(index, gate.model.operation.tracker.min_score)
        tracks = gate.link(detections, camera_motion=sequence.camera_motion.get(index))
        _meet(seen, tracks, detection_labels(detections.xyxy_px, sequence.truth.get(index), match))
        note_result(seen, tracks, gate.observe(picture, tracks, time_s=index / sequence.frame_rate_hz), gate)
    low, high = born or (0, sequence.num_frames)
    high = min(high, sequence.num_frames - LAST_FRAMES)
    counted = {track_id: item for track_id, item in sorted(seen.items()) if low <= item.first_frame < high}
    label = majority_label(np.array([item.counts for item in counted.values()], dtype=np.int64).reshape(-1, 3))
    known = [(one, item, truth) for (one, item), truth in zip(counted.items(), label, strict=True)]
    known = [(one, item, truth) for one, item, truth in known if truth != TrackLabel.IGNORE]
    return SequenceOutcome(
        records=[
            item.record(sequence.name, track_id, "persistent" if truth == TrackLabel.TRUE else "transient")
            for track_id, item, truth in known
            if item.decision is not None
        ],
        num_censored=sum(item.decision is None for _, item, _ in known),
    )


def _meet(seen: dict[int, _Seen], tracks: TrackFrame, labels: np.ndarray) -> None:
    """Notes the tracks that are new on this frame, and what the hits of all lie on."""
    for track_id, source in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
        item = seen.setdefault(track_id, _Seen(first_frame=tracks.frame_index))
        if source >= 0:
            item.counts[labels[source]] += 1


def decide_fold(fold: int, request: FoldsRequest) -> tuple[TruncatedSPRT, list[SequenceOutcome]]:
    """Returns the rule of the gate of one fold, and what it decides live on the sequences that it has not seen."""
    stored = StoredTracks.load(request.tracks)
    data = stored.split(request.request, request.name)
    groups = np.unique(data.table.group[data.folds[fold].test])
    outcomes = []
    for sequence, born in stored.streams(request.request, groups, needs_video=request.pretrained is not None):
        known = sequence.known_scores if request.training.uses_stream_scores else None
        gate = load_gate(request.model(fold), like="promise", image_size=sequence.image_size, known_scores=known)
        outcomes.append(decide_sequence(sequence, gate, request.request.match, born=born))
    rule = load_gate(request.model(fold), like="promise", image_size=(1, 1)).rule
    if not isinstance(rule, TruncatedSPRT):
        raise TypeError(f"rule: got {type(rule).__name__}, expected TruncatedSPRT")
    return rule, outcomes


def decide_folds(
    folds: Sequence[int], request: FoldsRequest, *, num_workers: int
) -> Iterator[tuple[TruncatedSPRT, list[SequenceOutcome]]]:
    """Yields what the gate of each fold decides, in order."""
    yield from mapped_folds(partial(decide_fold, request=request), folds, num_workers)
