"""What is remembered of every live track for its features: scores, overlaps, and where it was, a row a track."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.box_pairs import sides_px
from perdure.geometry import area_px
from perdure.types import TrackFrame

MEMORY = (
    "history", "first_score", "last_score", "max_score", "min_score", "sum_score",
    "last_iou", "sum_iou", "min_iou", "last_residual", "sum_residual", "last_resize", "sum_resize",
    "first_x", "first_y", "x_min", "y_min", "x_max", "y_max", "speed",
)  # fmt: skip
COLUMN = {name: place for place, name in enumerate(MEMORY)}
SCORES, FIRST, BOX = slice(1, 6), slice(13, 15), slice(15, 19)
"""Columns of scores, of the first centre, and of the corners of the latest box."""


def after_frame(
    memory: Float[np.ndarray, "k column"],
    tracks: TrackFrame,
    place: Int[np.ndarray, " n"],
    is_known: Bool[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, "n column"], Float[np.ndarray, "n 2"]]:
    """Returns the memory of all tracks of a frame, and how far the centre of each has moved, in pixels.

    Args:
        memory: of the frame before.
        tracks: of the frame.
        place: row of each track in that memory.
        is_known: whether it has one.
    """
    boxes, score = tracks.xyxy_px, tracks.score
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    now, moved = np.zeros((len(tracks), len(MEMORY))), np.zeros((len(tracks), 2))
    now[is_known] = memory[place[is_known]]
    if not is_known.all():
        born = np.zeros((np.count_nonzero(~is_known), len(MEMORY)))
        born[:, SCORES] = score[~is_known, None]
        born[:, COLUMN["last_iou"]] = born[:, COLUMN["min_iou"]] = 1.0
        born[:, FIRST] = centre[~is_known]
        now[~is_known] = born
    old = now[:, BOX]
    moved[is_known] = (centre - (old[:, :2] + old[:, 2:]) / 2)[is_known]
    again = np.flatnonzero(is_known & tracks.is_hit)
    now[again] = _after_hit(now[again], boxes[again], score[again], tracks.motion_residual[again])
    now[:, 0] = (now[:, 0] * 2 + tracks.is_hit) % 2**40
    now[:, BOX] = boxes
    now[:, COLUMN["speed"]] = np.hypot(moved[:, 0], moved[:, 1]) / sides_px(boxes)
    return now, moved


def _after_hit(
    memory: Float[np.ndarray, "n column"],
    boxes: Float[np.ndarray, "n 4"],
    score: Float[np.ndarray, " n"],
    residual: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "n column"]:
    """Returns the memory of tracks that were hit once more: scores, overlap with the predicted box, residual, size."""
    c, old = COLUMN, memory[:, BOX]
    size, old_size = boxes[:, 2:] - boxes[:, :2], old[:, 2:] - old[:, :2]
    expected = (boxes[:, :2] + boxes[:, 2:]) / 2 - residual * old_size
    low, high = np.maximum(boxes[:, :2], expected - old_size / 2), np.minimum(boxes[:, 2:], expected + old_size / 2)
    inside = np.maximum(high - low, 0.0).prod(axis=1)
    iou = inside / np.maximum(area_px(boxes) + old_size.prod(axis=1) - inside, 1e-9)
    apart = np.hypot(residual[:, 0], residual[:, 1])
    resize = np.abs(np.log(np.maximum(size, 1.0) / np.maximum(old_size, 1.0))).sum(axis=1)
    memory[:, c["last_score"]] = score
    memory[:, c["max_score"]] = np.maximum(memory[:, c["max_score"]], score)
    memory[:, c["min_score"]] = np.minimum(memory[:, c["min_score"]], score)
    memory[:, c["min_iou"]] = np.minimum(memory[:, c["min_iou"]], iou)
    memory[:, c["sum_score"]] += score
    for name, value in (("iou", iou), ("residual", apart), ("resize", resize)):
        memory[:, c[f"last_{name}"]] = value
        memory[:, c[f"sum_{name}"]] += value
    return memory
