"""Real sequences with labels: MOT-format folders with detections, ground truth and, where pixels matter, a video file.

Knows which detection lies on a labelled object. Does not know tracks, nor what anything is used for.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from perdure.geometry import grow_boxes, iou_matrix
from perdure.types import Detections
from perdure.video.frames import VideoFrame
from perdure.video.mot import MotDetections, read_mot_detections
from perdure.video.reader import open_video

MIN_IOU = 0.3
"""A detection lies on an object from this overlap on."""
IGNORED = 0.0
"""Flag of labelled boxes that are to be ignored."""
TRUTH_GROWTH, TRUTH_MARGIN_PX = 1.3, 4.0
"""Or if its centre lies in the object's box grown by these: detectors box the hot core of a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSequence:
    """One sequence.

    Args:
        name: of its folder.
        video: path of the video file; None where there is none.
        frame_rate_hz: frames per second.
        num_frames: as `seqinfo.ini` says; 0 if it does not say.
        image_size: width and height in pixels as `seqinfo.ini` says; None if it does not say.
        detections: what a detector found.
        truth: boxes of labelled objects by 0-based frame index; their score is MOT's flag, 0 for "ignore".
    """

    name: str
    video: Path | None
    frame_rate_hz: float
    num_frames: int
    image_size: tuple[int, int] | None
    detections: MotDetections
    truth: MotDetections

    def frames(self) -> Iterator[VideoFrame]:
        """Yields all frames.

        Raises:
            ValueError: there is no video.
        """
        if self.video is None:
            raise ValueError(f"sequence: {self.name} names no video; pixels are needed here")
        with open_video(self.video) as reader:
            yield from reader

    def is_on_object(self, frame_index: int, detections: Detections) -> Bool[np.ndarray, " n"]:
        """Returns which detections of a frame lie on a labelled object."""
        found = self.truth.at(frame_index)
        truth = found.xyxy_px[found.score != IGNORED]
        if not len(truth) or not len(detections):
            return np.zeros(len(detections), dtype=bool)
        overlap = iou_matrix(detections.xyxy_px, truth).max(axis=1) >= MIN_IOU
        near = grow_boxes(truth, factor=TRUTH_GROWTH, margin_px=TRUTH_MARGIN_PX)
        return overlap | _is_inside(detections.xyxy_px, near)

    def is_on_ignored(self, frame_index: int, detections: Detections) -> Bool[np.ndarray, " n"]:
        """Returns which detections lie on an object or area that is to be ignored: neither right nor wrong."""
        found = self.truth.at(frame_index)
        areas = found.xyxy_px[found.score == IGNORED]
        if not len(areas) or not len(detections):
            return np.zeros(len(detections), dtype=bool)
        overlap = iou_matrix(detections.xyxy_px, areas).max(axis=1) >= MIN_IOU
        return overlap | _is_inside(detections.xyxy_px, areas)


def _is_inside(boxes: Float[np.ndarray, "n 4"], areas: Float[np.ndarray, "m 4"]) -> Bool[np.ndarray, " n"]:
    """Returns whether the centre of each box lies in any of the areas."""
    centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside = (centre >= areas[None, :, :2]) & (centre <= areas[None, :, 2:])
    return np.asarray(inside.all(axis=2).any(axis=1))


def read_sequence(folder: Path, *, needs_video: bool = True) -> LabelledSequence:
    """Returns the sequence in a folder with `seqinfo.ini`, `det/det.txt`, `gt/gt.txt` and the video it names.

    Args:
        folder: the MOT folder.
        needs_video: whether pixels are needed; otherwise `seqinfo.ini` must say length and size of the pictures.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed, or no video is named though one is needed.
    """
    info_path = folder / "seqinfo.ini"
    if not info_path.is_file():
        raise FileNotFoundError(f"sequence: {info_path} does not exist; expected a MOT folder")
    parser = configparser.ConfigParser()
    try:
        parser.read(info_path, encoding="utf-8")
        section = parser["Sequence"]
        name, rate_hz, video = section["name"], section.getfloat("frameRate"), section.get("video", "")
        num_frames = section.getint("seqLength", 0)
        size = (section.getint("imWidth", 0), section.getint("imHeight", 0))
    except (configparser.Error, KeyError, ValueError) as error:
        raise ValueError(f"sequence: {info_path} is not a MOT sequence file ({error})") from error
    if rate_hz is None or (needs_video and not video):
        raise ValueError(f"sequence: {info_path} names no video or frameRate; pixels are needed here")
    if not needs_video and not (num_frames > 0 and min(size) > 0):
        raise ValueError(f"sequence: {info_path} names no seqLength, imWidth or imHeight; needed where pixels are not")
    return LabelledSequence(
        name=name,
        video=folder / video if video else None,
        frame_rate_hz=rate_hz,
        num_frames=num_frames,
        image_size=size if min(size) > 0 else None,
        detections=read_mot_detections(folder / "det" / "det.txt"),
        truth=read_mot_detections(folder / "gt" / "gt.txt"),
    )


def find_sequences(root: Path) -> list[Path]:
    """Returns the sequence folders in a folder, by name; the folder itself if it is one.

    Raises:
        FileNotFoundError: there are none.
    """
    if (root / "seqinfo.ini").is_file():
        return [root]
    found = sorted(path.parent for path in root.glob("*/seqinfo.ini"))
    if not found:
        raise FileNotFoundError(f"sequences: {root} holds no folder with a seqinfo.ini")
    return found
