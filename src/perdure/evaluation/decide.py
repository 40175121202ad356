"""Runs the gate over labelled streams as it would run live, and writes down every decision and what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from perdure.data.dataset import ClipDataset
from perdure.data.labelled_stream import LabelledFrame, LabelledStream, clip_stream
from perdure.data.track_labels import TrackLabel, majority_label
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.model import PersistenceModel
from perdure.gate.results import GateCost, GateResult
from perdure.metrics.decisions import DecisionRecord
from perdure.stopping.rules import StoppingRule, TruncatedSPRT
from perdure.tracks.follow import LAST_FRAMES
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.tracks_folds import FoldsRequest
from perdure.types import NO_OWNER, Clip, Decision, Label, TrackFrame
from perdure.workers import mapped

Association = Literal["truth", "tracker"]
CLIPS_PER_TASK = 20


@dataclass(slots=True, kw_only=True)
class ClassCost:
    """What the tracks of one class cost: encoded track-frames, operations and seconds (shared evenly in a batch)."""

    track_frames: int = 0
    flops: float = 0.0
    seconds: float = 0.0

    def add(self, other: ClassCost) -> None:
        """Adds another cost to this one."""
        self.track_frames += other.track_frames
        self.flops += other.flops
        self.seconds += other.seconds


@dataclass(slots=True, kw_only=True)
class StreamOutcome:
    """All that one pass over a stream gave.

    Args:
        records: one per decided track, in order of track id.
        censored: ids of tracks that ended with the stream before anything was decided or the horizon was reached.
        cost: spending of the gate in parts.
        tracker_s: seconds of the tracker.
        cost_by_track: spending by track id, batches shared evenly.
        label_of_track: true label by track id.
        object_of_track: object under the detection that started each track, by track id, where objects are known;
            `NO_OWNER` for nothing.
    """

    records: list[DecisionRecord]
    censored: list[int]
    cost: GateCost
    tracker_s: float
    cost_by_track: dict[int, ClassCost] = field(default_factory=dict)
    label_of_track: dict[int, Label] = field(default_factory=dict)
    object_of_track: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is noted of one track, of which the first decision counts; `counts` says what its detections lie on."""

    first_frame: int
    owner: int
    last_frame: int = 0
    num_encoded: int = 0
    decision: Decision | None = None
    was_reopened: bool = False
    counts: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=np.int64))


def decide_stream(
    stream: LabelledStream,
    gate: PersistenceGate,
    *,
    association: Association = "tracker",
    born: tuple[int, int] | None = None,
    least_frames: int = LAST_FRAMES + 1,
) -> StreamOutcome:
    """Returns the decisions of a gate on the tracks of a stream that are TRUE or FALSE.

    Args:
        stream: with pixels where the gate reads them.
        gate: that has seen nothing yet.
        association: `truth` links detections by the object they lie on; `tracker` leaves that to the tracker.
        born: first frame, and the one after the last, in which the tracks are born that count; all by default.
        least_frames: frames from its birth to the end of the stream that a track must have to count.
    """
    seen: dict[int, _Seen] = {}
    spent: dict[int, ClassCost] = {}
    tracker_s = 0.0
    for frame in stream.frames():
        start = time.perf_counter()
        owner = frame.owner if association == "truth" else None
        tracks = gate.link(frame.detections, owner=owner, camera_motion=frame.camera_motion)
        tracker_s += time.perf_counter() - start
        before = (gate.cost.total_s, gate.cost.flops)
        result = gate.observe(frame.pixels, tracks, time_s=frame.frame_index / stream.frame_rate_hz)
        _share(spent, result, gate.cost.total_s - before[0], gate.cost.flops - before[1])
        _note(seen, frame, tracks, result, gate)
    low, high = born or (0, stream.num_frames)
    high = min(high, stream.num_frames + 1 - least_frames)
    label = majority_label(np.array([item.counts for item in seen.values()], dtype=np.int64).reshape(-1, 3))
    label_of: dict[int, Label] = {
        track_id: "persistent" if truth == TrackLabel.TRUE else "transient"
        for track_id, truth in sorted(zip(seen, label.tolist(), strict=True))
        if low <= seen[track_id].first_frame < high and truth != TrackLabel.IGNORE
    }
    first = {track_id: seen[track_id].decision for track_id in label_of}
    decided = {track_id: decision for track_id, decision in first.items() if decision is not None}
    return StreamOutcome(
        records=[
            _record(stream.name, seen[track_id], decision, label_of[track_id]) for track_id, decision in decided.items()
        ],
        censored=[track_id for track_id in label_of if track_id not in decided],
        cost=gate.cost,
        tracker_s=tracker_s,
        cost_by_track=spent,
        label_of_track=label_of,
        object_of_track={track_id: item.owner for track_id, item in seen.items()},
    )


def _record(name: str, item: _Seen, decision: Decision, true_label: Label) -> DecisionRecord:
    """Returns the row of `decisions.jsonl`."""
    return DecisionRecord(
        clip_id=name,
        track_id=decision.track_id,
        true_label=true_label,
        label=decision.label,
        evidence=decision.evidence,
        probability=decision.probability,
        decision_frame=decision.age,
        decided=decision.is_decided,
        reason=decision.reason,
        first_frame=item.first_frame,
        last_frame=item.last_frame,
        frames_encoded=item.num_encoded,
        reopened=item.was_reopened,
    )


def _note(
    seen: dict[int, _Seen], frame: LabelledFrame, tracks: TrackFrame, result: GateResult, gate: PersistenceGate
) -> None:
    """Notes one frame of all tracks."""
    for track_id, source in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
        if track_id not in seen:  # a track begins with a hit
            owner = NO_OWNER if frame.owner is None else int(frame.owner[source])
            seen[track_id] = _Seen(first_frame=tracks.frame_index, owner=owner)
        item = seen[track_id]
        if source >= 0:
            item.counts[frame.label[source]] += 1
        item.last_frame = tracks.frame_index
        item.was_reopened |= gate.memories[track_id].was_reopened
    for track_id in result.encoded_track_ids:
        seen[track_id].num_encoded += 1
    for decision in result.decisions:
        item = seen[decision.track_id]
        item.decision = item.decision or decision


def _share(spent: dict[int, ClassCost], result: GateResult, seconds: float, flops: int) -> None:
    """Divides the cost of one frame evenly among the tracks that were encoded on it."""
    num = max(result.num_encoded, 1)
    for track_id in result.encoded_track_ids:
        cost = ClassCost(track_frames=1, flops=flops / num, seconds=seconds / num)
        spent.setdefault(track_id, ClassCost()).add(cost)


def decide_clip(clip: Clip, gate: PersistenceGate, association: Association) -> StreamOutcome:
    """Returns the decisions of a gate on all tracks of one clip.

    Raises:
        ValueError: the clip has no ground truth.
    """
    return decide_stream(clip_stream(clip), gate, association=association, least_frames=1)


def decide_clips(
    clips: list[Clip], model: PersistenceModel, rule: StoppingRule, *, association: Association, is_gated: bool = True
) -> list[StreamOutcome]:
    """Returns the outcome of every clip, each on a fresh gate."""
    return [decide_clip(clip, PersistenceGate(model, rule, is_gated=is_gated), association) for clip in clips]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSetup:
    """All that decides how a gate runs, small enough to be sent to another process.

    Args:
        weights: file of the model.
        rule: when to stop.
        association: who links detections.
    """

    weights: Path
    rule: StoppingRule
    association: Association


def _decide_ids(clip_ids: list[str], *, root: Path, setup: GateSetup) -> list[StreamOutcome]:
    """Worker: one core each, since two threads on small tensors are slower than one."""
    torch.set_num_threads(1)
    dataset, model = ClipDataset.open(root), PersistenceModel.load(setup.weights)
    clips = [dataset.clip(clip_id) for clip_id in clip_ids]
    return decide_clips(clips, model, setup.rule, association=setup.association)


def decide_split(
    dataset: ClipDataset,
    split: str,
    setup: GateSetup,
    *,
    num_workers: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[StreamOutcome]:
    """Returns the outcome of every clip of a split, in order, for any number of workers."""
    clip_ids = dataset.split(split)
    groups = [clip_ids[start : start + CLIPS_PER_TASK] for start in range(0, len(clip_ids), CLIPS_PER_TASK)]
    work = partial(_decide_ids, root=dataset.root, setup=setup)
    outcomes: list[StreamOutcome] = []
    for group in mapped(work, groups, num_workers):
        outcomes += group
        on_progress(len(outcomes), len(clip_ids))
    return outcomes


def decide_fold(fold: int, request: FoldsRequest) -> tuple[TruncatedSPRT, list[StreamOutcome]]:
    """Returns the rule of the gate of one fold, and what it decides live on the sequences that it has not seen."""
    stored = StoredTracks.load(request.tracks)
    data = stored.split(request.request, request.name)
    groups = np.unique(data.table.group[data.folds[fold].test])
    outcomes = []
    for stream, born in stored.streams(request.request, groups, has_pixels=request.has_pixels):
        known = stream.known_scores if request.training.uses_stream_scores else None
        gate = load_gate(request.model(fold), like="promise", image_size=stream.image_size, known_scores=known)
        outcomes.append(decide_stream(stream, gate, born=born))
    rule = load_gate(request.model(fold), like="promise", image_size=(1, 1)).rule
    if not isinstance(rule, TruncatedSPRT):
        raise TypeError(f"rule: got {type(rule).__name__}, expected TruncatedSPRT")
    return rule, outcomes


def decide_folds(
    folds: Sequence[int], request: FoldsRequest, *, num_workers: int
) -> Iterator[tuple[TruncatedSPRT, list[StreamOutcome]]]:
    """Yields what the gate of each fold decides, in order."""
    yield from mapped(partial(decide_fold, request=request), folds, num_workers)
