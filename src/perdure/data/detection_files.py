"""Detections of one stream without video, in the layouts that people have them in.

MOT text (MOTChallenge, VisDrone and UAVDT alike), MOT folders, KITTI tracking labels, YOLO label folders, COCO JSON and
XML of CVAT. Which one it is, is seen from the path and the first line. It knows files and boxes, no tracks, no truth.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from jaxtyping import Float

from perdure.data.coco_json import read_coco
from perdure.data.cvat import read_cvat
from perdure.data.mot_sequence import read_mot_sequence
from perdure.data.stored_detections import LAYOUTS, DetectionFiles, fields_of, from_rows, is_number, numbers_of
from perdure.data.yolo_labels import read_yolo_labels
from perdure.types import NO_OWNER
from perdure.video.mot import read_mot_table
from perdure.video.text_rows import text_rows

logger = logging.getLogger(__name__)

_VIDEOS = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".ts", ".m4v", ".mjpeg", ".mjpg")


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
            return read_yolo_labels(path, image_size, num_frames)
        raise ValueError(f"detections: {path} holds neither seqinfo.ini nor label files (*.txt); expected {LAYOUTS}")
    if path.suffix.lower() == ".json":
        return read_coco(path, num_frames)
    if path.suffix.lower() == ".xml":
        return _cvat(path)
    if path.suffix.lower() in _VIDEOS:
        raise ValueError(f"detections: {path} is a video, expected what a detector found in it ({LAYOUTS})")
    first = next((columns for _, columns in text_rows(path, what="detections")), [])
    if len(first) >= 17 and not is_number(first[2]):
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
        has_scores=not len(table) or not np.isnan(table.values[:, 6]).all(),
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
        frame, own, *box = numbers_of([*columns[:2], *columns[6:10]], where)
        score = numbers_of([columns[17]], where)[0] if len(columns) > 17 else 1.0
        kind = classes.setdefault(columns[2], len(classes))
        rows.setdefault(_index_of(frame, where), []).append([*box, score, kind, own])
    return from_rows("KITTI tracking labels", rows, has_ids=True)


def _cvat(path: Path) -> DetectionFiles:
    boxes = read_cvat(path)
    has_ids = any(row[6] != NO_OWNER for own in boxes.rows.values() for row in own)
    found = from_rows("XML of CVAT", boxes.rows, has_ids=has_ids, num_frames=boxes.num_frames)
    return DetectionFiles(**{**fields_of(found), "image_size": boxes.image_size})


def _index_of(frame: float, where: str) -> int:
    if frame != int(frame) or frame < 0:
        raise ValueError(f"{where}: got frame {frame:g}, expected a whole number from 0")
    return int(frame)
