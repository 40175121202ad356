"""Detections and tracks as MOT Challenge text: one box a line, `frame,id,x,y,width,height,score,class,...`.

Frames count from 1 in the text and from 0 everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from perdure.geometry import xyxy_from_xywh
from perdure.types import MAX_MAGNITUDE, NO_CLASS, Detections

NUM_COLUMNS = 7
"""Columns that a detection needs; an eighth one may name its class, further ones are ignored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MotDetections:
    """The detections of a file.

    Args:
        by_frame: per 0-based frame index; a frame in which nothing was found has no entry.
        num_without_area: boxes left out since their width or height is not positive; detectors write such boxes.
    """

    by_frame: dict[int, Detections]
    num_without_area: int = 0

    @property
    def num_detections(self) -> int:
        """Boxes in all frames together."""
        return sum(len(detections) for detections in self.by_frame.values())

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Scores of all detections, frame by frame."""
        return np.concatenate([np.zeros(0), *(found.score for found in self.by_frame.values())])

    def at(self, frame_index: int) -> Detections:
        """Returns the detections of a frame (0-based), empty ones where the file has none."""
        return self.by_frame.get(frame_index, Detections.empty())

    def num_from(self, frame_index: int) -> int:
        """Returns the number of boxes in this frame and later ones."""
        return sum(len(found) for index, found in self.by_frame.items() if index >= frame_index)


class MotBox(NamedTuple):
    """One line of MOT text.

    Args:
        frame_index: 0-based.
        track_id: of the tracker, from 0; -1 for a detection.
        xyxy_px: corners in pixels.
        score: confidence.
        class_id: `NO_CLASS` where there is none.
    """

    frame_index: int
    track_id: int
    xyxy_px: tuple[float, float, float, float]
    score: float
    class_id: int = NO_CLASS

    def to_line(self) -> str:
        """Returns the line, with its newline."""
        x_min, y_min, x_max, y_max = self.xyxy_px
        numbers = f"{x_min:.2f},{y_min:.2f},{x_max - x_min:.2f},{y_max - y_min:.2f},{self.score:.4f}"
        return f"{self.frame_index + 1},{self.track_id},{numbers},{self.class_id},-1,-1\n"


def mot_text(boxes: Iterable[MotBox]) -> str:
    """Returns boxes as MOT text.

    >>> mot_text([MotBox(0, -1, (1.0, 2.0, 4.0, 6.0), 0.5)]).strip()
    '1,-1,1.00,2.00,3.00,4.00,0.5000,-1,-1,-1'
    """
    return "".join(box.to_line() for box in boxes)


def read_mot_detections(path: Path | str) -> MotDetections:
    """Returns the detections of a MOT file.

    A value that is not a finite number is an error, since then nothing in the file can be trusted. A box without
    area is left out and counted: projections of objects at the edge of a picture come out like that.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not a detection (file and line are named), or the file holds none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"detections: {path} does not exist")
    rows: dict[int, list[list[float]]] = {}
    num_without_area = 0
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                frame, box = _parse(line, f"detections: {path} line {number}")
                if box[0] + box[2] > box[0] and box[1] + box[3] > box[1]:  # a width may be lost in rounding
                    rows.setdefault(frame - 1, []).append(box)
                else:
                    num_without_area += 1
    except UnicodeDecodeError as error:
        raise ValueError(f"detections: {path} is not text ({error.reason})") from error
    if not rows:
        raise ValueError(f"detections: {path} holds no detections")
    return MotDetections(
        by_frame={index: _detections(boxes) for index, boxes in sorted(rows.items())},
        num_without_area=num_without_area,
    )


def _parse(line: str, where: str) -> tuple[int, list[float]]:
    """Returns frame (from 1) and x, y, width, height, score, class of one line."""
    columns = line.split(",")
    if len(columns) < NUM_COLUMNS:
        raise ValueError(
            f"{where}: got {len(columns)} columns, expected at least {NUM_COLUMNS} (frame,id,x,y,width,height,score)"
        )
    try:
        values = [float(column) for column in columns[:NUM_COLUMNS]]
    except ValueError:
        raise ValueError(f"{where}: got {line.strip()[:60]!r}, expected numbers") from None
    if not all(abs(value) <= MAX_MAGNITUDE for value in values):
        raise ValueError(f"{where}: got a value that is not finite, or beyond 1e9, in {line.strip()[:60]!r}")
    frame = values[0]
    if frame != int(frame) or frame < 1:
        raise ValueError(f"{where}: got frame {columns[0].strip()}, expected a whole number from 1")
    return int(frame), [*values[2:], _class_of(columns)]


def _class_of(columns: list[str]) -> float:
    """Returns the class in the eighth column; anything but a whole number from 0 names none."""
    try:
        value = float(columns[NUM_COLUMNS])
    except (IndexError, ValueError):
        return NO_CLASS
    return value if 0 <= value < 2**31 and value.is_integer() else NO_CLASS


def _detections(boxes: list[list[float]]) -> Detections:
    table = np.array(boxes, dtype=np.float64)
    return Detections(xyxy_px=xyxy_from_xywh(table[:, :4]), score=table[:, 4], class_id=table[:, 5].astype(np.int64))
