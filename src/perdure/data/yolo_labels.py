"""Folders of YOLO labels: one file of text a frame, boxes as shares of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perdure.data.stored_detections import (
    LAYOUTS,
    MAX_SPARSENESS,
    DetectionFiles,
    fields_of,
    from_rows,
    indices_of,
    is_number,
    numbers_of,
)
from perdure.types import NO_OWNER
from perdure.video.text_rows import text_rows

_NUMBER = re.compile(r"\d+")


def read_yolo_labels(path: Path, image_size: tuple[int, int] | None, num_frames: int | None) -> DetectionFiles:
    """Reads `class cx cy width height [score]`, shares of the picture, one file a frame in order of their numbers.

    Numbers that lie far apart are no frames but time stamps: then only their order counts.
    """
    files = sorted(path.glob("*.txt"), key=_natural)
    _require_shares(path, files)
    if image_size is None:
        raise ValueError(
            f"detections: {path} holds YOLO labels, which are shares of the picture; give its width and height in "
            "pixels (--size WIDTH HEIGHT)"
        )
    numbers = [int(found[-1]) for found in (_NUMBER.findall(file.stem) for file in files) if found]
    is_numbered = len(numbers) == len(set(numbers)) == len(files) > 0
    is_numbered = is_numbered and max(numbers) - min(numbers) < MAX_SPARSENESS * max(len(files), num_frames or 0)
    frames = indices_of(numbers, num_frames) if is_numbered else range(len(files))
    scale = np.tile(np.array(image_size, dtype=np.float64), 2)
    rows: dict[int, list[list[float]]] = {}
    has_scores = False
    for frame, file in zip(frames, files, strict=True):
        for number, columns in text_rows(file, what="detections"):
            where = f"detections: {file} line {number}"
            if len(columns) < 5:
                raise ValueError(f"{where}: got {len(columns)} columns, expected class cx cy width height [score]")
            kind, *values = numbers_of(columns[:6], where)
            centre, half = np.array(values[:2]), np.array(values[2:4]) / 2
            box = np.concatenate([centre - half, centre + half]) * scale
            has_scores |= len(values) > 4
            score = values[4] if len(values) > 4 else 1.0
            rows.setdefault(frame, []).append([*box.tolist(), score, kind, NO_OWNER])
    found = from_rows("YOLO labels", rows, has_ids=False, num_frames=max(frames, default=-1) + 1)
    return DetectionFiles(**{**fields_of(found), "image_size": image_size, "has_scores": has_scores or not rows})


def _require_shares(path: Path, files: Sequence[Path]) -> None:
    """Refuses text that is something else before it asks for what only YOLO labels need."""
    first = next(((file, row) for file in files for _, row in text_rows(file, what="detections")), None)
    if first is None:
        return
    file, row = first
    is_label = 5 <= len(row) <= 7 and all(is_number(one) and -1 <= float(one) <= 2 for one in row[1:5])
    if not is_label:
        raise ValueError(
            f"detections: {path} holds no seqinfo.ini, and {file.name} is no YOLO label (class cx cy width height as "
            f"shares of the picture); give one file, or {LAYOUTS}"
        )


def _natural(path: Path) -> tuple[Any, ...]:
    """Returns a key that puts frame 9 before frame 10."""
    parts: Iterable[str] = re.split(r"(\d+)", path.stem)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
