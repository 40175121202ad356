"""Labelled streams, frame by frame: a clip of the synthetic world, a MOT folder, a made-up scene.

Knows what each detection lies on. Does not know tracks, nor what anything is used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from perdure.data.dataset import MANIFEST_NAME, PLAN_NAME, ClipDataset
from perdure.data.mot_sequence import MotSequence, find_mot_folders, read_mot_sequence, scene_numbers
from perdure.data.track_labels import MatchConfig, Targets, TrackLabel, detection_labels, match_for
from perdure.types import NO_OWNER, Clip, ClipTruth, Detections


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


class LabelledStream(Protocol):
    """A stream whose truth is known."""

    @property
    def name(self) -> str:
        """What the stream is called."""

    @property
    def num_frames(self) -> int:
        """Frames; a video may turn out to end before."""

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    @property
    def is_one_unit(self) -> bool:
        """Whether its tracks count as dependent however far apart they are: true of clips."""

    @property
    def scene(self) -> int:
        """Number of the scene; streams of one scene show the same objects and are never independent."""

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceStream:
    """A MOT sequence, or a made-up scene like one, as a stream.

    Args:
        sequence: with its truth.
        match: when a detection lies on an object.
        has_pixels: whether frames are read; otherwise no video is opened.
        min_score: detections below are left out.
        scene: its number.
    """

    sequence: MotSequence
    match: MatchConfig
    has_pixels: bool = False
    min_score: float | None = None
    scene: int = 0
    is_one_unit: bool = False

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.sequence.name

    @property
    def num_frames(self) -> int:
        """Frames of the sequence."""
        return self.sequence.num_frames

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self.sequence.frame_rate_hz

    @property
    def image_size(self) -> tuple[int, int]:
        """Size of the pictures."""
        return self.sequence.image_size

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames."""
        sequence = self.sequence
        for index, picture in sequence.pictures(has_pixels=self.has_pixels):
            found = sequence.detections_at(index, self.min_score)
            yield LabelledFrame(
                frame_index=index,
                pixels=picture,
                detections=found,
                label=detection_labels(found.xyxy_px, sequence.truth.get(index), self.match),
                camera_motion=sequence.camera_motion.get(index),
            )


@dataclass(frozen=True, slots=True)
class ClipStream:
    """A synthetic clip as a stream.

    Args:
        clip: with its truth.
        scene: its number.
    """

    clip: Clip
    scene: int
    is_one_unit: bool = True

    @property
    def name(self) -> str:
        """Id of the clip."""
        return self.clip.clip_id

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return self.clip.num_frames

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self.clip.frame_rate_hz

    @property
    def image_size(self) -> tuple[int, int]:
        """Size of the frames."""
        return self.clip.frames.shape[2], self.clip.frames.shape[1]

    @property
    def truth(self) -> ClipTruth:
        """The ground truth.

        Raises:
            ValueError: the clip has none.
        """
        if self.clip.truth is None:
            raise ValueError(f"clip {self.clip.clip_id}: got no ground truth, expected it")
        return self.clip.truth

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames; a false box at the place of an object that is gone lies on nothing."""
        truth = self.truth
        for index in range(self.clip.num_frames):
            owner = truth.detection_owner[index]
            is_true = (owner != NO_OWNER) & truth.is_persistent[owner] & truth.is_alive[owner, index]
            yield LabelledFrame(
                frame_index=index,
                pixels=self.clip.frames[index],
                detections=self.clip.detections[index],
                label=np.where(is_true, TrackLabel.TRUE, TrackLabel.FALSE).astype(np.int64),
                owner=owner,
            )


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
        return [ClipStream(dataset.clip(clip_id), scene) for scene, clip_id in enumerate(clips)]
    sequences = [read_mot_sequence(path, needs_video=has_pixels) for path in find_mot_folders(data)]
    return [
        SequenceStream(
            sequence=sequence, match=match_for(targets), has_pixels=has_pixels, min_score=min_score, scene=scene
        )
        for sequence, scene in zip(sequences, scene_numbers(sequences), strict=True)
    ]
