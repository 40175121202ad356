"""Which detection belongs to which track on one frame: by overlap, or by known owner.

Knows boxes and ids of one frame. Does not know how tracks move, start or end.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from perdure.assignment import best_pairs
from perdure.geometry import iou_matrix
from perdure.types import NO_OWNER

NO_DETECTION = -1
"""Stands for a miss where a detection index is expected."""


def match_by_overlap(
    track_xyxy_px: Float[np.ndarray, "n 4"], detection_xyxy_px: Float[np.ndarray, "m 4"], *, min_iou: float
) -> Int[np.ndarray, " n"]:
    """Returns the detection row of each track (`NO_DETECTION` = none) that maximises the summed overlap.

    Pairs that overlap by less than `min_iou` are never matched.
    """
    matched = np.full(len(track_xyxy_px), NO_DETECTION, dtype=np.int64)
    if len(track_xyxy_px) == 0 or len(detection_xyxy_px) == 0:
        return matched
    overlap = iou_matrix(track_xyxy_px, detection_xyxy_px)
    gain = np.where(overlap >= min_iou, overlap, 0.0)
    track_row, detection_row = best_pairs(gain)
    is_pair = gain[track_row, detection_row] > 0
    matched[track_row[is_pair]] = detection_row[is_pair]
    return matched


def match_by_owner(
    track_owner: Int[np.ndarray, " n"], detection_owner: Int[np.ndarray, " m"], score: Float[np.ndarray, " m"]
) -> Int[np.ndarray, " n"]:
    """Returns the detection row of each track (`NO_DETECTION` = none): the best-scored one with the same owner."""
    matched = np.full(len(track_owner), NO_DETECTION, dtype=np.int64)
    row_of_owner = best_row_of_owner(detection_owner, score)
    for row, owner in enumerate(track_owner.tolist()):
        matched[row] = row_of_owner.get(owner, NO_DETECTION)
    return matched


def best_row_of_owner(detection_owner: Int[np.ndarray, " m"], score: Float[np.ndarray, " m"]) -> dict[int, int]:
    """Returns, for each owner among the detections, the row of its best-scored one (the first of equals)."""
    best: dict[int, int] = {}
    for row, owner in enumerate(detection_owner.tolist()):
        if owner != NO_OWNER and (owner not in best or score[row] > score[best[owner]]):
            best[owner] = row
    return best
