"""Tracks of real sequences, cut out like those of synthetic clips, with labels from the ground truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from perdure.data.labelled_stream import LabelledStream, SequenceStream
from perdure.data.mot_sequence import find_mot_folders, read_mot_sequence, scene_numbers
from perdure.data.track_labels import Targets, TrackLabel, majority_label, match_for
from perdure.evidence.track_geometry import NUM_GEOMETRY, track_geometry
from perdure.gate.operation import Operation
from perdure.tracking.crops import crop_tracks
from perdure.tracking.tracker import Tracker
from perdure.training.windows import TrackWindows

LAST_FRAMES = 10
"""Tracks born this close to the end of a sequence are left out: nobody can tell what they would have become."""
TRACKS_PER_SCENE = 6
"""Tracks that are shown together; a sequence is too long to be one scene."""


def sequence_windows(stream: LabelledStream, *, operation: Operation, num_ages: int) -> TrackWindows:
    """Returns the first frames of all tracks of a sequence; a track is persistent if most hits lie on an object.

    Tracks on what is neither right nor wrong are left out, the others dealt to scenes of `TRACKS_PER_SCENE` in order of
    birth.
    """
    tracker, size = Tracker(operation.tracker), operation.crop.size_px
    rows: dict[int, list[tuple[int, bool, np.ndarray, np.ndarray]]] = {}
    counts: dict[int, np.ndarray] = {}
    last_index = 0
    for index, frame, detections, lies_on, _, motion in stream.frames():
        last_index, tracks = index, tracker.update(detections, camera_motion=motion)
        for track_id, row in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
            if row >= 0:
                counts.setdefault(track_id, np.zeros(3, dtype=np.int64))[lies_on[row]] += 1
        young = np.flatnonzero(tracks.age <= num_ages)
        if not len(young) or frame is None:
            continue
        crops = crop_tracks(frame, tracks.xyxy_px[young], size_px=size, context=operation.crop.context)
        geometry = track_geometry(tracks, (frame.shape[1], frame.shape[0]), (0.0, 1.0))[young]
        for place, row in enumerate(young.tolist()):
            entry = (index, bool(tracks.is_hit[row]), geometry[place], crops[place])
            rows.setdefault(int(tracks.track_id[row]), []).append(entry)
    kept = [track for track, entries in rows.items() if entries[0][0] <= last_index - LAST_FRAMES]
    label = majority_label(np.array([counts[track] for track in kept], dtype=np.int64).reshape(-1, 3))
    is_kept = label != TrackLabel.IGNORE
    entries = [rows[track] for track, one in zip(kept, is_kept, strict=True) if one]
    return _stacked(entries, label[is_kept] == TrackLabel.TRUE, num_ages, size)


def _stacked(
    tracks: list[list[tuple[int, bool, np.ndarray, np.ndarray]]],
    is_persistent: Bool[np.ndarray, " n"],
    num_ages: int,
    size: int,
) -> TrackWindows:
    num = len(tracks)
    crops = np.zeros((num, num_ages, size, size, 3), np.uint8)
    geometry = np.zeros((num, num_ages, NUM_GEOMETRY), np.float32)
    is_hit, is_valid = np.zeros((num, num_ages), bool), np.zeros((num, num_ages), bool)
    frame = np.zeros((num, num_ages), np.int64)
    for row, entries in enumerate(tracks):
        for age, (index, hit, numbers, picture) in enumerate(entries):
            frame[row, age], is_hit[row, age], is_valid[row, age] = index, hit, True
            geometry[row, age], crops[row, age] = numbers, picture
    return TrackWindows(
        crops=crops,
        geometry=geometry,
        is_hit=is_hit,
        frame=frame,
        is_valid=is_valid,
        is_persistent=is_persistent,
        scene=_scenes(num),
    )


def _scenes(num: int) -> Int[np.ndarray, " n"]:
    return np.arange(num) // TRACKS_PER_SCENE


def folder_windows(
    root: Path,
    *,
    operation: Operation,
    num_ages: int,
    held_out_every: int = 0,
    targets: Targets = "boxes",
    on_progress: Callable[[int, int], None] | None = None,
) -> TrackWindows:
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
    every = [read_mot_sequence(path, needs_video=True) for path in find_mot_folders(root)]
    scenes = scene_numbers(every)
    sequences = [
        one for one, scene in zip(every, scenes, strict=True) if not held_out_every or (scene + 1) % held_out_every
    ]
    match, min_score = match_for(targets), operation.tracker.min_score
    parts: list[TrackWindows] = []
    for number, one in enumerate(sequences):
        stream = SequenceStream(sequence=one, match=match, has_pixels=True, min_score=min_score)
        part = sequence_windows(stream, operation=operation, num_ages=num_ages)
        parts.append(part.in_scenes_from(parts[-1].num_scenes if parts else 0))
        if on_progress is not None:
            on_progress(number + 1, len(sequences))
    if not parts:
        raise FileNotFoundError(f"sequences: {root} holds none that is not held out")
    return TrackWindows.join(parts)
