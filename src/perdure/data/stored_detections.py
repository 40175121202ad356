"""Detections of one stream as every layout of files gives them, and the steps that layouts share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perdure.data.sequence_info import MAX_FRAMES
from perdure.types import NO_OWNER, Detections

LAYOUTS = (
    "MOT text, a MOT folder (seqinfo.ini), KITTI tracking labels, a folder of YOLO labels, COCO JSON, or XML of CVAT"
)
MAX_SPARSENESS = 20
"""Numbers of pictures a result, up to which they are taken for frames; ids of the COCO data set lie a hundred apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionFiles:
    """Detections of one stream.

    Args:
        layout: how they were stored, in words.
        by_frame: detections by 0-based frame; a frame without any has no entry.
        ids: id of each detection of a frame, `NO_OWNER` where it has none; empty where the layout has no ids.
        num_frames: frames of the stream.
        image_size: width and height in pixels; None where they are not stated.
        frame_rate_hz: frames per second; None where it is not stated.
        num_left_out: rows without area or with numbers that are not finite.
        has_scores: whether any box has one; without, each counts 1.

    Raises:
        ValueError: there are more frames than a camera takes in days: numbers that are no frames.
    """

    layout: str
    by_frame: dict[int, Detections]
    ids: dict[int, Int[np.ndarray, " n"]]
    num_frames: int
    image_size: tuple[int, int] | None = None
    frame_rate_hz: float | None = None
    num_left_out: int = 0
    has_scores: bool = True

    def __post_init__(self) -> None:
        if self.num_frames > MAX_FRAMES:
            raise ValueError(
                f"detections: got a box in frame {self.num_frames:,}, expected at most {MAX_FRAMES:,} frames "
                f"({self.layout}); frames are counted, time stamps are not"
            )

    def at(self, frame_index: int) -> Detections:
        """Returns the detections of a frame, none where there is no entry."""
        return self.by_frame.get(frame_index, Detections.empty())

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Scores of all detections, frame by frame."""
        return np.concatenate([np.zeros(0), *(found.score for found in self.by_frame.values())])

    def problems(self) -> Iterator[str]:
        """Yields a line for what they lack, and would be missed in what comes out."""
        if not self.by_frame:
            yield "detections: there is no box in them, so there are no tracks"
        elif not self.has_scores:
            yield "detections: they have no scores, so each box counts 1; scores tell much of what is real"

    def num_from(self, frame_index: int) -> int:
        """Returns the number of boxes in this frame and later ones."""
        return sum(len(found) for index, found in self.by_frame.items() if index >= frame_index)

    def reach_px(self) -> tuple[int, int]:
        """Returns width and height of the smallest picture that holds all boxes, for files that do not say it."""
        corners = [found.xyxy_px[:, 2:].max(axis=0) for found in self.by_frame.values()]
        width, height = np.ceil(np.max(corners, axis=0)).tolist() if corners else (1, 1)
        return max(int(width), 1), max(int(height), 1)

    def ids_at(self, frame_index: int) -> Int[np.ndarray, " n"]:
        """Returns the ids of the detections of a frame."""
        return self.ids.get(frame_index, np.full(len(self.at(frame_index)), NO_OWNER, dtype=np.int64))


def from_rows(
    layout: str, rows: dict[int, list[list[float]]], *, has_ids: bool, num_frames: int | None = None
) -> DetectionFiles:
    """Returns rows `x1 y1 x2 y2 score class id` by frame as detections; those without area are left out and counted."""
    by_frame, ids, num_left_out = {}, {}, 0
    for frame, own in sorted(rows.items()):
        table = np.array(own, dtype=np.float64)
        is_good = np.isfinite(table).all(axis=1) & (table[:, 2] > table[:, 0]) & (table[:, 3] > table[:, 1])
        num_left_out += int((~is_good).sum())
        kept = table[is_good]
        if len(kept):
            by_frame[frame] = Detections(xyxy_px=kept[:, :4], score=kept[:, 4], class_id=kept[:, 5].astype(np.int64))
            ids[frame] = kept[:, 6].astype(np.int64)
    return DetectionFiles(
        layout=layout,
        by_frame=by_frame,
        ids=ids if has_ids else {},
        num_frames=max(by_frame, default=-1) + 1 if num_frames is None else num_frames,
        num_left_out=num_left_out,
    )


def fields_of(found: DetectionFiles) -> dict[str, Any]:
    """Returns the values of all fields by name, to make a changed copy of."""
    return {name: getattr(found, name) for name in DetectionFiles.__slots__}


def numbers_of(values: Sequence[Any], where: str) -> list[float]:
    """Returns values as numbers.

    Raises:
        ValueError: one is none; `where` is named.
    """
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        raise ValueError(f"{where}: got {' '.join(map(str, values))[:60]!r}, expected numbers") from None


def indices_of(numbers: Sequence[int], num_frames: int | None) -> list[int]:
    """Returns the 0-based frame of each number: from 1, or 0 where that occurs, if they fit into so many frames."""
    least = min(numbers)
    fits = num_frames is not None and max(numbers) <= num_frames
    first = min(least, 1) if fits else least
    return [number - first for number in numbers]


def is_number(text: str) -> bool:
    """Returns whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
