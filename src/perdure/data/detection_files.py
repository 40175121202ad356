"""Detections of one stream without video, in the layouts that people have them in.

MOT text (MOTChallenge, VisDrone and UAVDT alike), MOT folders, KITTI tracking labels, YOLO label folders, COCO JSON and
XML of CVAT. Which one it is, is seen from the path and the first line. It knows files and boxes, no tracks, no truth.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perdure.data.cvat import read_cvat
from perdure.data.mot_sequence import read_mot_sequence
from perdure.types import NO_CLASS, NO_OWNER, Detections
from perdure.video.mot import read_mot_table
from perdure.video.text_rows import text_rows

logger = logging.getLogger(__name__)

LAYOUTS = (
    "MOT text, a MOT folder (seqinfo.ini), KITTI tracking labels, a folder of YOLO labels, COCO JSON, or XML of CVAT"
)
_NUMBER = re.compile(r"\d+")
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
    """

    layout: str
    by_frame: dict[int, Detections]
    ids: dict[int, Int[np.ndarray, " n"]]
    num_frames: int
    image_size: tuple[int, int] | None = None
    frame_rate_hz: float | None = None
    num_left_out: int = 0

    def at(self, frame_index: int) -> Detections:
        """Returns the detections of a frame, none where there is no entry."""
        return self.by_frame.get(frame_index, Detections.empty())

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Scores of all detections, frame by frame."""
        return np.concatenate([np.zeros(0), *(found.score for found in self.by_frame.values())])

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


def read_scores(path: Path) -> Float[np.ndarray, " n"]:
    """Returns the scores of the detections in a file or folder, in any of the layouts.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: it is of no layout that is known, or a line is malformed.
    """
    return read_detection_files(path, image_size=(1, 1)).scores  # scores do not depend on the size of the picture


def read_detection_files(
    path: Path | str, *, image_size: tuple[int, int] | None = None, num_frames: int | None = None
) -> DetectionFiles:
    """Returns the detections in a file or folder, in any of the layouts.

    Args:
        path: the file or folder.
        image_size: width and height in pixels, which YOLO labels need, since they are shares of the picture.
        num_frames: frames of the video that they belong to, where it is known: numbers of YOLO labels and of COCO
            results then count from its start. Without it the smallest number is the first frame.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: it is of no layout that is known, a line is malformed, or the size of the picture is missing.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"detections: {path} does not exist")
    if path.is_dir():
        if any(entry.name.lower() == "seqinfo.ini" for entry in path.iterdir()):
            return _mot_folder(path)
        if any(path.glob("*.txt")):
            return _yolo_folder(path, image_size, num_frames)
        raise ValueError(f"detections: {path} holds neither seqinfo.ini nor label files (*.txt); expected {LAYOUTS}")
    if path.suffix.lower() == ".json":
        return _coco(path, num_frames)
    if path.suffix.lower() == ".xml":
        return _cvat(path)
    first = next((columns for _, columns in text_rows(path, what="detections")), [])
    if len(first) >= 17 and not _is_number(first[2]):
        return _kitti(path)
    return _mot_text(path)


def _mot_text(path: Path) -> DetectionFiles:
    table = read_mot_table(path)
    if table.counts_from == 0:
        logger.warning("detections: frames of %s count from 0, taken so", path)
    found = table.detections(table.counts_from)
    ids: dict[int, list[int]] = {}
    for frame, number in zip((table.frame - table.counts_from).tolist(), table.values[:, 1].tolist(), strict=True):
        ids.setdefault(frame, []).append(int(number) if number >= 0 else NO_OWNER)
    return DetectionFiles(
        layout="MOT text",
        by_frame=found.by_frame,
        ids={frame: np.array(own, dtype=np.int64) for frame, own in ids.items()},
        num_frames=max(found.by_frame, default=-1) + 1,
        num_left_out=found.num_without_area,
    )


def _mot_folder(path: Path) -> DetectionFiles:
    sequence = read_mot_sequence(path, has_truth=False)
    return DetectionFiles(
        layout="MOT folder",
        by_frame=sequence.detections.by_frame,
        ids={},
        num_frames=sequence.num_frames,
        image_size=sequence.image_size,
        frame_rate_hz=sequence.frame_rate_hz,
        num_left_out=sequence.detections.num_without_area,
    )


def _kitti(path: Path) -> DetectionFiles:
    """Reads `frame id type truncated occluded alpha x1 y1 x2 y2 ... [score]`, frames from 0; DontCare is left out."""
    rows: dict[int, list[list[float]]] = {}
    classes: dict[str, int] = {}
    for number, columns in text_rows(path, what="detections"):
        if columns[2] == "DontCare":
            continue
        where = f"detections: {path} line {number}"
        frame, own, *box = _numbers([*columns[:2], *columns[6:10]], where)
        score = _numbers([columns[17]], where)[0] if len(columns) > 17 else 1.0
        kind = classes.setdefault(columns[2], len(classes))
        rows.setdefault(_index_of(frame, where), []).append([*box, score, kind, own])
    return _from_rows("KITTI tracking labels", rows, has_ids=True)


def _yolo_folder(path: Path, image_size: tuple[int, int] | None, num_frames: int | None) -> DetectionFiles:
    """Reads `class cx cy width height [score]`, shares of the picture, one file a frame in order of their numbers."""
    if image_size is None:
        raise ValueError(f"detections: {path} holds YOLO labels, which are shares of the picture; give its size")
    files = sorted(path.glob("*.txt"), key=_natural)
    numbers = [int(found[-1]) for found in (_NUMBER.findall(file.stem) for file in files) if found]
    is_numbered = len(numbers) == len(files) and len(set(numbers)) == len(files)
    frames = _indices_of(numbers, num_frames) if is_numbered and numbers else range(len(files))
    scale = np.tile(np.array(image_size, dtype=np.float64), 2)
    rows: dict[int, list[list[float]]] = {}
    for frame, file in zip(frames, files, strict=True):
        for number, columns in text_rows(file, what="detections"):
            where = f"detections: {file} line {number}"
            if len(columns) < 5:
                raise ValueError(f"{where}: got {len(columns)} columns, expected class cx cy width height [score]")
            kind, *values = _numbers(columns[:6], where)
            centre, half = np.array(values[:2]), np.array(values[2:4]) / 2
            box = np.concatenate([centre - half, centre + half]) * scale
            score = values[4] if len(values) > 4 else 1.0
            rows.setdefault(frame, []).append([*box.tolist(), score, kind, NO_OWNER])
    found = _from_rows("YOLO labels", rows, has_ids=False, num_frames=max(frames, default=-1) + 1)
    return DetectionFiles(**{**_fields(found), "image_size": image_size})


def _coco(path: Path, num_frames: int | None) -> DetectionFiles:
    """Reads a list of results or a data set with annotations; frames in order of image ids.

    A list of results names no picture in which nothing was found: there whole numbers that lie close are frames.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"detections: {path} is not JSON ({error})") from error
    images = content.get("images", []) if isinstance(content, dict) else []
    entries = content.get("annotations", []) if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in (*entries, *images)):
        raise ValueError(f"detections: {path} holds no COCO results, expected a list of boxes or annotations")
    try:
        ids = sorted({image["id"] for image in images} | {one["image_id"] for one in entries})
        order = {own: index for index, own in enumerate(ids)}
        if not images and ids and all(type(own) is int for own in ids) and ids[-1] - ids[0] < MAX_SPARSENESS * len(ids):
            order = dict(zip(ids, _indices_of(ids, num_frames), strict=True))
        rows: dict[int, list[list[float]]] = {}
        for index, one in enumerate(entries):
            where = f"detections: {path} box {index}"
            x, y, width, height = _numbers(one["bbox"], where)
            score, kind = _numbers([one.get("score", 1.0), one.get("category_id", NO_CLASS)], where)
            owner = one.get("track_id", NO_OWNER)
            rows.setdefault(order[one["image_id"]], []).append([x, y, x + width, y + height, score, kind, owner])
        size = next(((int(one["width"]), int(one["height"])) for one in images if "width" in one), None)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).startswith("detections:"):
            raise
        raise ValueError(f"detections: {path} is no COCO JSON ({type(error).__name__}: {error})") from error
    has_ids = any("track_id" in one for one in entries)
    found = _from_rows("COCO JSON", rows, has_ids=has_ids, num_frames=max(order.values(), default=-1) + 1)
    return DetectionFiles(**{**_fields(found), "image_size": size})


def _cvat(path: Path) -> DetectionFiles:
    boxes = read_cvat(path)
    has_ids = any(row[6] != NO_OWNER for own in boxes.rows.values() for row in own)
    found = _from_rows("XML of CVAT", boxes.rows, has_ids=has_ids, num_frames=boxes.num_frames)
    return DetectionFiles(**{**_fields(found), "image_size": boxes.image_size})


def _from_rows(
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


def _fields(found: DetectionFiles) -> dict[str, Any]:
    return {name: getattr(found, name) for name in DetectionFiles.__slots__}


def _numbers(values: Sequence[Any], where: str) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        raise ValueError(f"{where}: got {' '.join(map(str, values))[:60]!r}, expected numbers") from None


def _indices_of(numbers: Sequence[int], num_frames: int | None) -> list[int]:
    """Returns the 0-based frame of each number: from 1, or 0 where that occurs, if they fit into so many frames."""
    least = min(numbers)
    fits = num_frames is not None and max(numbers) <= num_frames
    first = min(least, 1) if fits else least
    return [number - first for number in numbers]


def _index_of(frame: float, where: str) -> int:
    if frame != int(frame) or frame < 0:
        raise ValueError(f"{where}: got frame {frame:g}, expected a whole number from 0")
    return int(frame)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _natural(path: Path) -> tuple[Any, ...]:
    """Returns a key that puts frame 9 before frame 10."""
    parts: Iterable[str] = re.split(r"(\d+)", path.stem)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
