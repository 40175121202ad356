"""Boxes as COCO JSON: a list of results, or a data set with annotations."""

from __future__ import annotations

import json
from pathlib import Path

from perdure.data.stored_detections import (
    MAX_SPARSENESS,
    DetectionFiles,
    fields_of,
    from_rows,
    indices_of,
    numbers_of,
)
from perdure.types import NO_CLASS, NO_OWNER


def read_coco(path: Path, num_frames: int | None) -> DetectionFiles:
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
            order = dict(zip(ids, indices_of(ids, num_frames), strict=True))
        rows: dict[int, list[list[float]]] = {}
        for index, one in enumerate(entries):
            where = f"detections: {path} box {index}"
            x, y, width, height = numbers_of(one["bbox"], where)
            score, kind = numbers_of([one.get("score", 1.0), one.get("category_id", NO_CLASS)], where)
            owner = one.get("track_id", NO_OWNER)
            rows.setdefault(order[one["image_id"]], []).append([x, y, x + width, y + height, score, kind, owner])
        size = next(((int(one["width"]), int(one["height"])) for one in images if "width" in one), None)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).startswith("detections:"):
            raise
        raise ValueError(f"detections: {path} is no COCO JSON ({type(error).__name__}: {error})") from error
    has_ids = any("track_id" in one for one in entries)
    found = from_rows("COCO JSON", rows, has_ids=has_ids, num_frames=max(order.values(), default=-1) + 1)
    has_scores = not entries or any("score" in one for one in entries)
    return DetectionFiles(**{**fields_of(found), "image_size": size, "has_scores": has_scores})
