"""Detections and tracks as MOT Challenge text: one box a line, `frame,id,x,y,width,height,score,class,...`.

Frames count from 1 in the text, in some files from 0, and from 0 everywhere else.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from perdure.geometry import xyxy_from_xywh
from perdure.types import MAX_MAGNITUDE, NO_CLASS, Detections
from perdure.video.named_columns import NamedColumns, named_columns
from perdure.video.text_rows import text_rows

logger = logging.getLogger(__name__)

LEAST_COLUMNS = 6
"""Columns that a box needs: frame, id, x, y, width, height; a score (1 without it) and a class may follow."""
NUM_COLUMNS = 10
"""Columns of `MotTable`; further ones are ignored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MotDetections:
    """The detections of a file.

    Args:
        by_frame: per 0-based frame index; a frame in which nothing was found has no entry.
        num_without_area: rows left out since a width or height is not positive, or a number not finite; detectors
            write such rows.
    """

    by_frame: dict[int, Detections]
    num_without_area: int = 0

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Scores of all detections, frame by frame."""
        return np.concatenate([np.zeros(0), *(found.score for found in self.by_frame.values())])

    def at(self, frame_index: int) -> Detections:
        """Returns the detections of a frame (0-based), empty ones where the file has none."""
        return self.by_frame.get(frame_index, Detections.empty())

    def before(self, frame_index: int) -> MotDetections:
        """Returns the detections of the frames before one."""
        kept = {index: found for index, found in self.by_frame.items() if index < frame_index}
        return MotDetections(by_frame=kept, num_without_area=self.num_without_area)

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


@dataclass(frozen=True, kw_only=True, slots=True)
class MotTable:
    """The boxes of a file, in the order of its lines.

    Args:
        path: the file.
        values: columns of the text, frame as written; NaN from the seventh on where a line has no such number.
        num_left_out: rows that were left out, without area or with a number that is not finite.
        stated_from: number of the first frame if a header says it.
    """

    path: Path
    values: Float[np.ndarray, "n 10"]
    num_left_out: int = 0
    stated_from: int | None = None

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def empty(cls, path: Path) -> MotTable:
        """Returns a table without rows, in the place of a file that is not read."""
        return cls(path=path, values=np.zeros((0, NUM_COLUMNS)))

    @property
    def frame(self) -> Int[np.ndarray, " n"]:
        """Frames as written."""
        return self.values[:, 0].astype(np.int64)

    @property
    def counts_from(self) -> int:
        """Number of the first frame as far as this file alone tells: 0 if it has a frame 0, else 1."""
        if self.stated_from is not None:
            return self.stated_from
        return 0 if (self.values[:, 0] == 0).any() else 1

    @property
    def class_id(self) -> Int[np.ndarray, " n"]:
        """Class of each row; anything but a whole number from 0 names none: 3D trackers write coordinates there."""
        value = np.nan_to_num(self.values[:, 7], nan=NO_CLASS, posinf=NO_CLASS, neginf=NO_CLASS)
        is_class = (value >= 0) & (value < 2**31) & (value == np.floor(value))
        return np.where(is_class, value, NO_CLASS).astype(np.int64)

    def rows_by_frame(self, counts_from: int) -> dict[int, Int[np.ndarray, " m"]]:
        """Returns the rows of each 0-based frame, in their order; a frame without any has no entry."""
        return _rows_of(self.frame - counts_from)

    def detections(self, counts_from: int) -> MotDetections:
        """Returns the rows as detections, their frames counted from `counts_from`."""
        score, class_id = np.nan_to_num(self.values[:, 6], nan=1.0), self.class_id
        xyxy_px = xyxy_from_xywh(self.values[:, 2:6])
        rows = self.rows_by_frame(counts_from)
        return MotDetections(
            by_frame={
                one: Detections(xyxy_px=xyxy_px[own], score=score[own], class_id=class_id[own])
                for one, own in rows.items()
            },
            num_without_area=self.num_left_out,
        )


def _rows_of(values: Int[np.ndarray, " n"]) -> dict[int, Int[np.ndarray, " m"]]:
    """Returns the rows that hold each value, in their order; values in order."""
    order = np.argsort(values, kind="stable")
    found, first = np.unique(values[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, first[1:]), strict=True)) if len(found) else {}


def read_mot_table(path: Path, *, what: str = "detections") -> MotTable:
    """Returns the boxes of a MOT file; none where it is empty, which means that nothing was found.

    Args:
        path: commas, semicolons, tabs or spaces between columns; a header, by whose names columns are then read;
            remarks (#) and any line ends.
        what: what messages call it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not a box; file and line are named.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{what}: {path} does not exist")
    values, num_left_out, header = array("d"), 0, _HeaderOf(path, what)  # rows of Python's own numbers take five times
    for number, columns in text_rows(path, what=what, on_header=header.see):
        where = f"{what}: {path} line {number}"
        if header.named is not None:
            columns = header.named.in_order(columns, where)
        row = _parse(columns, where)
        x, y, width, height = row[2:6]
        is_finite = all(abs(value) <= MAX_MAGNITUDE for value in row[1:6]) and not abs(row[6]) > MAX_MAGNITUDE
        is_scored = row[6] == row[6] or len(columns) < 7 or (header.named is not None and not header.named.has_scores)
        if is_finite and is_scored and x + width > x and y + height > y:  # a width may be lost in rounding
            values.extend(row)
        else:
            num_left_out += 1
    return MotTable(
        path=path,
        values=np.frombuffer(values, dtype=np.float64).reshape(-1, NUM_COLUMNS),
        num_left_out=num_left_out,
        stated_from=None if header.named is None else header.named.counts_from,
    )


class _HeaderOf:
    """What the header of a file says about its columns, if it has one.

    Args:
        path: the file.
        what: what messages call it.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self.named: NamedColumns | None = None

    def see(self, number: int, columns: list[str], is_remark: bool) -> None:
        """Takes in a header, or a remark, which is one only if it names all of a box."""
        where = f"{self._what}: {self._path} line {number}"
        try:
            self.named = named_columns(columns, where)
        except ValueError:
            if not is_remark:
                raise
        if self.named is None and not is_remark:
            logger.warning(
                "%s: nothing in the header (%s) is known, columns taken as frame,id,x,y,width,height,score",
                where,
                ", ".join(columns)[:80],
            )


def read_mot_detections(path: Path | str, *, counts_from: int | None = None) -> MotDetections:
    """Returns the detections of a MOT file.

    A row without area, or with a number that is not finite, is left out and counted: projections of objects at the edge
    of a picture come out like that.

    Args:
        path: the file.
        counts_from: number of its first frame; found out by default.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not a detection; file and line are named.
    """
    table = read_mot_table(Path(path))
    if counts_from is None and table.counts_from == 0:
        logger.warning("detections: frames of %s count from 0, taken so", path)
    return table.detections(table.counts_from if counts_from is None else counts_from)


def _parse(columns: list[str], where: str) -> list[float]:
    """Returns the numbers of one line, NaN from the seventh column on where there is none."""
    if len(columns) < LEAST_COLUMNS:
        raise ValueError(
            f"{where}: got {len(columns)} columns, expected at least {LEAST_COLUMNS} (frame,id,x,y,width,height,score)"
        )
    try:
        values = [float(column) for column in columns[:7]]
    except ValueError:
        raise ValueError(f"{where}: got {','.join(columns)[:60]!r}, expected numbers") from None
    frame = values[0]
    if not (abs(frame) <= MAX_MAGNITUDE and frame == int(frame) and frame >= 0):
        raise ValueError(f"{where}: got frame {columns[0]}, expected a whole number from 1 (or from 0)")
    if abs(values[1]) <= MAX_MAGNITUDE and values[1] != int(values[1]):
        raise ValueError(
            f"{where}: got id {columns[1]}, expected a whole number (-1 for none); columns are "
            "frame,id,x,y,width,height,score, or what a header names"
        )
    values += [_number(column) for column in columns[7:NUM_COLUMNS]]
    return values + [float("nan")] * (NUM_COLUMNS - len(values))


def _number(column: str) -> float:
    try:
        return float(column)
    except ValueError:
        return float("nan")
