"""The first frames of every track, with its crops and geometry, cut out once and kept in memory as arrays.

Runs the same tracker and the same cropping as the gate, for training, calibration and analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from perdure.data.dataset import ClipDataset
from perdure.data.labelled_stream import LabelledStream, clip_stream, folder_streams
from perdure.data.track_labels import Targets
from perdure.evidence.track_geometry import SCORE_COLUMN
from perdure.gate.operation import Operation
from perdure.track_table import TrackTable
from perdure.tracks.follow import track_table
from perdure.types import Clip
from perdure.workers import mapped

CLIPS_PER_TASK = 50
"""Clips that a worker cuts out at a time."""
TRACKS_PER_SCENE = 6
"""Tracks of a sequence that are shown together; it is too long to be one scene."""


def score_scale(windows: TrackTable) -> tuple[float, float]:
    """Returns mean and standard deviation of the scores of all hits."""
    scores = windows.known("geometry")[..., SCORE_COLUMN][windows.is_hit]
    return float(scores.mean()), float(max(scores.std(), 1e-3))


def clip_windows(clips: list[Clip], *, operation: Operation, num_ages: int) -> TrackTable:
    """Returns the windows of all tracks of clips with association by truth, each clip a scene.

    Raises:
        ValueError: a clip has no ground truth.
    """
    return track_table(
        [clip_stream(clip, scene) for scene, clip in enumerate(clips)],
        operation.tracker,
        columns=("crops", "geometry"),
        crop=operation.crop,
        num_ages=num_ages,
        uses_truth=True,
        least_frames=1,
    )


def _clips_of(clip_ids: list[str], root: Path, operation: Operation, num_ages: int) -> TrackTable:
    dataset = ClipDataset.open(root)
    return clip_windows([dataset.clip(clip_id) for clip_id in clip_ids], operation=operation, num_ages=num_ages)


def split_windows(
    dataset: ClipDataset,
    split: str,
    *,
    operation: Operation,
    num_ages: int,
    num_workers: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrackTable:
    """Returns the windows of all tracks of a split, in clip order for any number of workers.

    Raises:
        ValueError: there is no such split, it has no clips, or its clips have no ground truth.
    """
    clip_ids = dataset.split(split)
    if not clip_ids:
        raise ValueError(f"split {split}: got no clips, expected at least one; set data.num_{split}")
    work = partial(_clips_of, root=dataset.root, operation=operation, num_ages=num_ages)
    groups = [clip_ids[start : start + CLIPS_PER_TASK] for start in range(0, len(clip_ids), CLIPS_PER_TASK)]
    parts: list[TrackTable] = []
    is_alone = num_workers == 1 or len(groups) == 1
    for part in map(work, groups) if is_alone else mapped(work, groups, min(num_workers, len(groups))):
        parts.append(part)
        on_progress(min(len(parts) * CLIPS_PER_TASK, len(clip_ids)), len(clip_ids))
    return TrackTable.join(parts)


def sequence_windows(stream: LabelledStream, *, operation: Operation, num_ages: int) -> TrackTable:
    """Returns the windows of the tracks of a sequence, dealt to scenes of `TRACKS_PER_SCENE` in order of birth."""
    table = track_table(
        [stream], operation.tracker, columns=("crops", "geometry"), crop=operation.crop, num_ages=num_ages
    )
    group = np.arange(len(table)) // TRACKS_PER_SCENE
    names = tuple(f"{stream.name} scene {number + 1}" for number in np.unique(group).tolist())
    return table.with_columns(group=group, sequence=names, scene=())


def folder_windows(
    root: Path,
    *,
    operation: Operation,
    num_ages: int,
    held_out_every: int = 0,
    targets: Targets = "boxes",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrackTable:
    """Returns the tracks of the sequences in a folder; scenes never mix sequences.

    Args:
        root: folder of MOT folders.
        operation: how tracks and crops are made.
        num_ages: frames of each track.
        held_out_every: every `held_out_every`-th scene, in order of name, is held out; 0 holds none out.
        targets: how detections are matched with objects.
        on_progress: told how many sequences are done.

    Raises:
        FileNotFoundError: there is no such sequence.
        ValueError: a file is malformed.
    """
    every = folder_streams(root, has_pixels=True, targets=targets, min_score=operation.tracker.min_score)
    streams = [stream for stream in every if not held_out_every or (stream.scene + 1) % held_out_every]
    if not streams:
        raise FileNotFoundError(f"sequences: {root} holds none that is not held out")
    parts = []
    for number, stream in enumerate(streams):
        parts.append(sequence_windows(stream, operation=operation, num_ages=num_ages))
        on_progress(number + 1, len(streams))
    return TrackTable.join(parts)
