"""Labelled streams, frame by frame: a clip of the synthetic world, a MOT folder, a made-up scene.

Knows what each detection lies on. Does not know tracks, nor what anything is used for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from perdure.data.dataset import MANIFEST_NAME, PLAN_NAME, ClipDataset
from perdure.data.detection_files import read_detection_files
from perdure.data.mot_sequence import (
    MotSequence,
    find_mot_folders,
    mot_folders_below,
    read_mot_sequence,
    scene_numbers,
)
from perdure.data.track_labels import MatchConfig, Targets, TrackLabel, detection_labels, match_for
from perdure.types import NO_OWNER, Clip, ClipTruth, Detections

USUAL_RATE_HZ = 30.0
"""Frames per second of detections that do not say it."""


class LabelledFrame(NamedTuple):
    """One frame of a stream.

    Args:
        frame_index: 0-based.
        pixels: uint8 RGB; None where there are none.
        detections: what the detector found.
        label: the `TrackLabel` of each detection: what it lies on.
        owner: object under each detection, `NO_OWNER` for none; None where objects have no numbers.
        camera_motion: affine map in pixels from the frame before, where it is known.
    """

    frame_index: int
    pixels: np.ndarray | None
    detections: Detections
    label: Int[np.ndarray, " n"]
    owner: Int[np.ndarray, " n"] | None = None
    camera_motion: Float[np.ndarray, "2 3"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledStream:
    """A stream whose truth is known, wherever it comes from.

    Args:
        name: what the stream is called.
        num_frames: frames; a video may turn out to end before.
        frame_rate_hz: frames per second.
        image_size: width and height in pixels.
        frames: yields all frames in order, from the first one at every call.
        scene: number of the scene; streams of one scene show the same objects and are never independent.
        is_one_unit: whether its tracks count as dependent however far apart they are: true of clips.
        known_scores: of the same detector, known before the stream begins; None where there are none.
    """

    name: str
    num_frames: int
    frame_rate_hz: float
    image_size: tuple[int, int]
    frames: Callable[[], Iterator[LabelledFrame]]
    scene: int = 0
    is_one_unit: bool = False
    known_scores: Float[np.ndarray, " k"] | None = None

    def num_frames_in(self, seconds: float) -> int:
        """Returns how many frames a time has, at least one."""
        return max(1, round(seconds * self.frame_rate_hz))


def sequence_stream(
    sequence: MotSequence,
    match: MatchConfig,
    *,
    has_pixels: bool = False,
    min_score: float | None = None,
    scene: int = 0,
) -> LabelledStream:
    """Returns a MOT sequence, or a made-up scene like one, as a stream.

    Args:
        sequence: with its truth.
        match: when a detection lies on an object.
        has_pixels: whether frames are read; otherwise no video is opened.
        min_score: detections below are left out.
        scene: its number.
    """

    def frames() -> Iterator[LabelledFrame]:
        for index, picture in sequence.pictures(has_pixels=has_pixels):
            found = sequence.detections_at(index, min_score)
            yield LabelledFrame(
                frame_index=index,
                pixels=picture,
                detections=found,
                label=detection_labels(found.xyxy_px, sequence.truth.get(index), match),
                camera_motion=sequence.camera_motion.get(index),
            )

    return LabelledStream(
        name=sequence.name,
        num_frames=sequence.num_frames,
        frame_rate_hz=sequence.frame_rate_hz,
        image_size=sequence.image_size,
        frames=frames,
        scene=scene,
        known_scores=sequence.known_scores,
    )


def unlabelled_streams(path: Path, *, image_size: tuple[int, int] | None = None) -> list[LabelledStream]:
    """Returns stored detections as streams on which nothing lies on an object, since nobody says what does.

    Args:
        path: a MOT folder, a folder of them, or a file or folder in any layout that `read_detection_files` knows.
        image_size: width and height in pixels, where the files do not say it; by default the reach of all boxes.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: it is of no layout that is known, or a file is malformed.
    """
    folders = mot_folders_below(path)
    if folders:
        sequences = [read_mot_sequence(folder, has_truth=False) for folder in folders]
        return [sequence_stream(one, MatchConfig(), scene=scene) for scene, one in enumerate(sequences)]
    found = read_detection_files(path, image_size=image_size)
    size = image_size or found.image_size or found.reach_px()
    detections = [found.at(index) for index in range(found.num_frames)]
    return [unlabelled_stream(path.name, detections, found.frame_rate_hz or USUAL_RATE_HZ, size)]


def unlabelled_stream(
    name: str, detections: Sequence[Detections], frame_rate_hz: float, image_size: tuple[int, int]
) -> LabelledStream:
    """Returns detections, frame by frame, as a stream on which nothing lies on an object, since nobody says what does.

    Args:
        name: for people.
        detections: of every frame.
        frame_rate_hz: frames per second.
        image_size: width and height in pixels.
    """

    def frames() -> Iterator[LabelledFrame]:
        for index, found in enumerate(detections):
            yield LabelledFrame(index, None, found, np.zeros(len(found), dtype=np.int64))

    return LabelledStream(
        name=name, num_frames=len(detections), frame_rate_hz=frame_rate_hz, image_size=image_size, frames=frames
    )


def truth_of_clip(clip: Clip) -> ClipTruth:
    """Returns the ground truth of a clip.

    Raises:
        ValueError: the clip has none.
    """
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it")
    return clip.truth


def clip_stream(clip: Clip, scene: int = 0) -> LabelledStream:
    """Returns a synthetic clip as a stream; a false box at the place of an object that is gone lies on nothing.

    Raises:
        ValueError: the clip has no ground truth.
    """
    truth = truth_of_clip(clip)

    def frames() -> Iterator[LabelledFrame]:
        for index in range(clip.num_frames):
            owner = truth.detection_owner[index]
            is_true = (owner != NO_OWNER) & truth.is_persistent[owner] & truth.is_alive[owner, index]
            yield LabelledFrame(
                frame_index=index,
                pixels=clip.frames[index],
                detections=clip.detections[index],
                label=np.where(is_true, TrackLabel.TRUE, TrackLabel.FALSE).astype(np.int64),
                owner=owner,
            )

    return LabelledStream(
        name=clip.clip_id,
        num_frames=clip.num_frames,
        frame_rate_hz=clip.frame_rate_hz,
        image_size=(clip.frames.shape[2], clip.frames.shape[1]),
        frames=frames,
        scene=scene,
        is_one_unit=True,
    )


def folder_streams(
    root: Path, *, has_pixels: bool, targets: Targets = "boxes", min_score: float | None = None
) -> list[LabelledStream]:
    """Returns the MOT folder, or the MOT folders in a folder, as streams; folders with the same truth are one scene.

    Args:
        root: the folder.
        has_pixels: whether frames are read.
        targets: how objects are matched.
        min_score: detections below are left out.

    Raises:
        FileNotFoundError: there is none, or a file is missing.
        ValueError: a file is malformed.
    """
    sequences = [read_mot_sequence(path, needs_video=has_pixels) for path in find_mot_folders(root)]
    return [
        sequence_stream(sequence, match_for(targets), has_pixels=has_pixels, min_score=min_score, scene=scene)
        for sequence, scene in zip(sequences, scene_numbers(sequences), strict=True)
    ]


def site_streams(
    data: Path,
    *,
    has_pixels: bool,
    split: str,
    targets: Targets = "boxes",
    min_score: float | None = None,
) -> list[LabelledStream]:
    """Returns the streams of a site.

    Args:
        data: a MOT folder, a folder of MOT folders, a generated data set, or a run folder with one.
        has_pixels: whether the weights read pixels.
        split: split of a generated data set.
        targets: how the objects of MOT folders are matched.
        min_score: detections of MOT folders below are left out.

    Raises:
        FileNotFoundError: there is no such folder, or nothing that is labelled in it.
        ValueError: a file is malformed, or the split is the one that only evaluation may touch.
    """
    if not data.is_dir():
        raise FileNotFoundError(f"data: {data} is no folder; give a MOT folder, a folder of them, or a data set")
    if split == "test":
        raise ValueError("split: got 'test', expected another one; test clips serve evaluation alone")
    inside = sorted(data.glob(f"data/*/{MANIFEST_NAME}"), key=lambda path: path.stat().st_mtime)
    root = inside[-1].parent if inside else data
    if (root / MANIFEST_NAME).is_file() or (root / PLAN_NAME).is_file():
        dataset = ClipDataset.open(root)
        clips = dataset.split(split)
        if not clips:
            raise ValueError(f"split {split}: got no clips, expected some; generate the data set with more")
        return [clip_stream(dataset.clip(clip_id), scene) for scene, clip_id in enumerate(clips)]
    return folder_streams(data, has_pixels=has_pixels, targets=targets, min_score=min_score)
