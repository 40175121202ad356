"""Runs the gate over clips as it would run live, and writes down every decision and what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import torch

from perdure.data.dataset import ClipDataset
from perdure.evaluation.observed_track import ObservedTrack, note_result
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.gate.results import GateCost, GateResult
from perdure.metrics.decisions import DecisionRecord
from perdure.stopping.rules import StoppingRule
from perdure.tracking.truth import TrackTruth
from perdure.types import Clip, ClipTruth, TrackFrame

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
class ClipOutcome:
    """All that one pass over a clip gave.

    Args:
        records: one per decided track, in order of track id.
        censored: ids of tracks that ended with the clip before anything was decided or the horizon was reached.
        cost: spending of the gate in parts.
        tracker_s: seconds of the tracker.
        cost_by_track: spending by track id, batches shared evenly.
        label_of_track: true label by track id.
        object_of_track: object under the detection that started each track, by track id; `NO_OWNER` for nothing.
    """

    records: list[DecisionRecord]
    censored: list[int]
    cost: GateCost
    tracker_s: float
    cost_by_track: dict[int, ClassCost] = field(default_factory=dict)
    label_of_track: dict[int, str] = field(default_factory=dict)
    object_of_track: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Observed(ObservedTrack):
    """A track, and the object under the detection that started it."""

    object_index: int


def decide_clip(clip: Clip, gate: PersistenceGate, association: Association) -> ClipOutcome:
    """Returns the decisions of a gate on one clip.

    Args:
        clip: with ground truth.
        gate: that has seen nothing yet.
        association: `truth` links detections by the object they lie on; `tracker` leaves that to the tracker.

    Raises:
        ValueError: the clip has no ground truth.
    """
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for evaluation")
    seen: dict[int, _Observed] = {}
    spent: dict[int, ClassCost] = {}
    truth, tracker_s = TrackTruth(clip.truth), 0.0
    for index in range(clip.num_frames):
        owner = clip.truth.detection_owner[index] if association == "truth" else None
        start = time.perf_counter()
        tracks = gate.link(clip.detections[index], owner=owner)
        tracker_s += time.perf_counter() - start
        truth.add(tracks)
        before = (gate.cost.total_s, gate.cost.flops)
        result = gate.observe(clip.frames[index], tracks)
        _share(spent, result, gate.cost.total_s - before[0], gate.cost.flops - before[1])
        _meet(seen, tracks, clip.truth)
        note_result(seen, tracks, result, gate)
    decided = [(track_id, item) for track_id, item in sorted(seen.items()) if item.decision is not None]
    return ClipOutcome(
        records=[item.record(clip.clip_id, track_id, truth.label(track_id)) for track_id, item in decided],
        censored=sorted(set(seen) - {track_id for track_id, _ in decided}),
        cost=gate.cost,
        tracker_s=tracker_s,
        cost_by_track=spent,
        label_of_track=dict(truth.labels()),
        object_of_track={track_id: item.object_index for track_id, item in seen.items()},
    )


def _share(spent: dict[int, ClassCost], result: GateResult, seconds: float, flops: int) -> None:
    """Divides the cost of one frame evenly among the tracks that were encoded on it."""
    num = max(result.num_encoded, 1)
    for track_id in result.encoded_track_ids:
        cost = ClassCost(track_frames=1, flops=flops / num, seconds=seconds / num)
        spent.setdefault(track_id, ClassCost()).add(cost)


def _meet(seen: dict[int, _Observed], tracks: TrackFrame, truth: ClipTruth) -> None:
    """Notes the tracks that are new on this frame."""
    owner = truth.detection_owner[tracks.frame_index]
    for track_id, detection in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
        if track_id not in seen:  # a track begins with a hit
            seen[track_id] = _Observed(first_frame=tracks.frame_index, object_index=int(owner[detection]))


def decide_clips(
    clips: list[Clip], model: PersistenceModel, rule: StoppingRule, *, association: Association, is_gated: bool = True
) -> list[ClipOutcome]:
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


def _decide_ids(clip_ids: list[str], *, root: Path, setup: GateSetup) -> list[ClipOutcome]:
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
    on_progress: Callable[[int, int], None] | None = None,
) -> list[ClipOutcome]:
    """Returns the outcome of every clip of a split, in order, for any number of workers."""
    clip_ids = dataset.split(split)
    groups = [clip_ids[start : start + CLIPS_PER_TASK] for start in range(0, len(clip_ids), CLIPS_PER_TASK)]
    work = partial(_decide_ids, root=dataset.root, setup=setup)
    outcomes: list[ClipOutcome] = []
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        for group in pool.map(work, groups):
            outcomes += group
            if on_progress is not None:
                on_progress(len(outcomes), len(clip_ids))
    return outcomes
