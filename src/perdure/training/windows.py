"""The first frames of every track of a split, cut out once and kept in memory as arrays.

Runs the same tracker and the same cropping as the gate, for training, calibration and analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perdure.data.dataset import ClipDataset
from perdure.evidence.track_geometry import CUE_COLUMN, NUM_GEOMETRY, SCORE_COLUMN, track_geometry
from perdure.gate.operation import Operation
from perdure.tracking.crops import crop_tracks
from perdure.tracking.tracker import Tracker
from perdure.tracking.truth import TrackTruth
from perdure.types import Clip

CLIPS_PER_TASK = 50
"""Clips that a worker cuts out at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackWindows:
    """N tracks over their first L frames; frames after a track's end are zero and not valid.

    Args:
        crops: uint8 RGB windows.
        geometry: columns of `track_geometry`, score not yet standardised.
        is_hit: whether a detection was associated.
        frame: index of the frame in the clip.
        is_valid: whether the track exists on that frame.
        is_persistent: truth.
        scene: number of the clip a track belongs to.
    """

    crops: UInt8[np.ndarray, "n l s s 3"]
    geometry: Float[np.ndarray, "n l g"]
    is_hit: Bool[np.ndarray, "n l"]
    frame: Int[np.ndarray, "n l"]
    is_valid: Bool[np.ndarray, "n l"]
    is_persistent: Bool[np.ndarray, " n"]
    scene: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.scene)

    @classmethod
    def join(cls, parts: list[TrackWindows]) -> TrackWindows:
        """Returns all tracks of several parts, in order."""
        names = [item.name for item in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    @property
    def cue(self) -> Float[np.ndarray, "n l"]:
        """Cue of every frame in nats, 0 on misses."""
        return self.geometry[..., CUE_COLUMN]

    def take(self, rows: Int[np.ndarray, " m"]) -> TrackWindows:
        """Returns some of the tracks, in the given order."""
        return TrackWindows(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @property
    def num_scenes(self) -> int:
        """One more than the largest scene number."""
        return int(self.scene.max(initial=-1)) + 1

    def in_scenes_from(self, first: int) -> TrackWindows:
        """Returns the same tracks with scene numbers raised by `first`."""
        return replace(self, scene=self.scene + first)

    def score_scale(self) -> tuple[float, float]:
        """Returns mean and standard deviation of the scores of all hits."""
        scores = self.geometry[..., SCORE_COLUMN][self.is_hit]
        return float(scores.mean()), float(max(scores.std(), 1e-3))


def clip_windows(clip: Clip, scene: int, *, operation: Operation, num_ages: int) -> TrackWindows:
    """Returns the windows of all tracks of one clip with association by truth.

    Raises:
        ValueError: the clip has no ground truth.
    """
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for training")
    crop, num = operation.crop, clip.truth.num_objects
    tracker, truth = Tracker(operation.tracker), TrackTruth(clip.truth)
    crops = np.zeros((num, num_ages, crop.size_px, crop.size_px, 3), np.uint8)
    geometry = np.zeros((num, num_ages, NUM_GEOMETRY), np.float32)
    is_hit, is_valid = np.zeros((num, num_ages), bool), np.zeros((num, num_ages), bool)
    frame = np.zeros((num, num_ages), np.int64)
    image_size = (clip.frames.shape[2], clip.frames.shape[1])
    for index in range(clip.num_frames):
        tracks = tracker.update(clip.detections[index], owner=clip.truth.detection_owner[index])
        truth.add(tracks)
        rows = np.flatnonzero(tracks.age <= num_ages)
        if not len(rows):
            continue
        place = (tracks.track_id[rows], tracks.age[rows] - 1)
        boxes = tracks.xyxy_px[rows]
        crops[place] = crop_tracks(clip.frames[index], boxes, size_px=crop.size_px, context=crop.context)
        geometry[place] = track_geometry(tracks, image_size, (0.0, 1.0))[rows]
        is_hit[place], is_valid[place], frame[place] = tracks.is_hit[rows], True, index
    return TrackWindows(
        crops=crops,
        geometry=geometry,
        is_hit=is_hit,
        frame=frame,
        is_valid=is_valid,
        is_persistent=np.array([truth.label(track) == "persistent" for track in range(num)], bool),
        scene=np.full(num, scene),
    )


def _shard_windows(
    scenes: list[int], root: Path, clip_ids: list[str], operation: Operation, num_ages: int
) -> TrackWindows:
    dataset = ClipDataset.open(root)
    parts = [
        clip_windows(dataset.clip(clip_ids[scene]), scene, operation=operation, num_ages=num_ages) for scene in scenes
    ]
    return TrackWindows.join(parts)


def split_windows(
    dataset: ClipDataset,
    split: str,
    *,
    operation: Operation,
    num_ages: int,
    num_workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrackWindows:
    """Returns the windows of all tracks of a split, in clip order for any number of workers.

    Raises:
        ValueError: there is no such split, it has no clips, or its clips have no ground truth.
    """
    clip_ids = dataset.split(split)
    if not clip_ids:
        raise ValueError(f"split {split}: got no clips, expected at least one; set data.num_{split}")
    work = partial(_shard_windows, root=dataset.root, clip_ids=clip_ids, operation=operation, num_ages=num_ages)
    scenes = list(range(len(clip_ids)))
    groups = [scenes[start : start + CLIPS_PER_TASK] for start in range(0, len(scenes), CLIPS_PER_TASK)]
    parts = []
    for group, part in zip(groups, _mapped(work, groups, num_workers), strict=True):
        parts.append(part)
        if on_progress is not None:
            on_progress(group[-1] + 1, len(clip_ids))
    return TrackWindows.join(parts)


def _mapped(
    work: Callable[[list[int]], TrackWindows], groups: list[list[int]], num_workers: int
) -> Iterator[TrackWindows]:
    """Yields the results in order; starts no process where one worker is enough."""
    if num_workers == 1 or len(groups) == 1:
        yield from map(work, groups)
        return
    with ProcessPoolExecutor(min(num_workers, len(groups)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, groups)
