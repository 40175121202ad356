"""Labelled streams of a site, frame by frame: MOT folders or the clips of a generated data set.

Knows what each detection lies on. Does not know tracks, nor what anything is used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool

from perdure.data.dataset import MANIFEST_NAME, PLAN_NAME, ClipDataset
from perdure.data.sequences import LabelledSequence, find_sequences, read_sequence
from perdure.types import NO_OWNER, Clip, Detections


class LabelledFrame(NamedTuple):
    """One frame of a stream.

    Args:
        pixels: uint8 RGB; None where there are none.
        detections: what the detector found.
        is_on_object: which detections lie on an object that stays.
        is_ignored: which detections lie on what is neither right nor wrong.
    """

    pixels: np.ndarray | None
    detections: Detections
    is_on_object: Bool[np.ndarray, " n"]
    is_ignored: Bool[np.ndarray, " n"]


class LabelledStream(Protocol):
    """A stream whose truth is known."""

    @property
    def num_frames(self) -> int:
        """Frames, 0 if that is not known beforehand."""

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None if only the frames know."""

    @property
    def is_one_unit(self) -> bool:
        """Whether its tracks count as dependent however far apart they are: true of clips."""

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames in order."""


@dataclass(frozen=True, slots=True)
class SequenceStream:
    """A MOT sequence as a stream.

    Args:
        sequence: with its truth.
        has_pixels: whether frames are read; otherwise no video is opened.
    """

    sequence: LabelledSequence
    has_pixels: bool
    is_one_unit: bool = False

    @property
    def num_frames(self) -> int:
        """Frames that `seqinfo.ini` names, 0 if it names none."""
        return self.sequence.num_frames

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self.sequence.frame_rate_hz

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Size that `seqinfo.ini` names."""
        return self.sequence.image_size

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames."""
        sequence = self.sequence
        if self.has_pixels:
            pictures: Iterator[tuple[int, np.ndarray | None]] = (
                (index, picture) for index, _, picture in sequence.frames()
            )
        else:
            pictures = ((index, None) for index in range(sequence.num_frames))
        for index, picture in pictures:
            found = sequence.detections.at(index)
            on_object = sequence.is_on_object(index, found)
            yield LabelledFrame(picture, found, on_object, sequence.is_on_ignored(index, found) & ~on_object)


@dataclass(frozen=True, slots=True)
class ClipStream:
    """A synthetic clip as a stream.

    Args:
        clip: with its truth.
    """

    clip: Clip
    is_one_unit: bool = True

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return self.clip.num_frames

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self.clip.frame_rate_hz

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Size of the frames."""
        return self.clip.frames.shape[2], self.clip.frames.shape[1]

    def frames(self) -> Iterator[LabelledFrame]:
        """Yields all frames; a false box at the place of an object that is gone lies on nothing."""
        truth = self.clip.truth
        if truth is None:
            raise ValueError(f"clip {self.clip.clip_id}: got no ground truth, expected it for calibration")
        for index in range(self.clip.num_frames):
            owner = truth.detection_owner[index]
            on_object = (owner != NO_OWNER) & truth.is_persistent[owner] & truth.is_alive[owner, index]
            yield LabelledFrame(
                self.clip.frames[index], self.clip.detections[index], on_object, np.zeros(len(owner), dtype=bool)
            )


def site_streams(data: Path, *, has_pixels: bool, split: str) -> list[LabelledStream]:
    """Returns the streams of a site.

    Args:
        data: a MOT folder, a folder of MOT folders, a generated data set, or a run folder with one.
        has_pixels: whether the weights read pixels.
        split: split of a generated data set.

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
        return [ClipStream(dataset.clip(clip_id)) for clip_id in clips]
    return [SequenceStream(read_sequence(path, needs_video=has_pixels), has_pixels) for path in find_sequences(data)]
