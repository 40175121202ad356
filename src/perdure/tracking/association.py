"""Which detection belongs to which track on one frame: by overlap, or by known owner.

Knows boxes and ids of one frame. Does not know how tracks move, start or end.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from perdure.assignment import best_of_listed
from perdure.geometry import iou_matrix, iou_of_pairs
from perdure.near_pairs import points_in_windows
from perdure.types import NO_OWNER

NO_DETECTION = -1
"""Stands for a miss where a detection index is expected."""
AT_A_TIME = 1 << 14
"""Pairs of all with all that are looked at together: larger arrays would not stay near the processor."""
ALL_PAIRS = 1 << 17
"""Pairs up to which all boxes are compared with all others; beyond, a grid takes less time than it saves."""


def match_by_overlap(
    track_xyxy_px: Float[np.ndarray, "n 4"], detection_xyxy_px: Float[np.ndarray, "m 4"], *, min_iou: float
) -> Int[np.ndarray, " n"]:
    """Returns the detection row of each track (`NO_DETECTION` = none) that maximises the summed overlap.

    Pairs that overlap by less than `min_iou` are never matched.
    """
    matched = np.full(len(track_xyxy_px), NO_DETECTION, dtype=np.int64)
    tracks, detections, overlap = _overlapping(track_xyxy_px, detection_xyxy_px, min_iou)
    chosen = best_of_listed(tracks, detections, overlap, (len(track_xyxy_px), len(detection_xyxy_px)))
    matched[tracks[chosen]] = detections[chosen]
    return matched


def _overlapping(
    track_xyxy_px: Float[np.ndarray, "n 4"], detection_xyxy_px: Float[np.ndarray, "m 4"], min_iou: float
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Returns the pairs that overlap enough, track by track, and how much they do."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    if len(track_xyxy_px) * len(detection_xyxy_px) <= ALL_PAIRS:
        step = max(1, AT_A_TIME // max(1, len(detection_xyxy_px)))
        for first in range(0, len(track_xyxy_px), step):
            overlaps = iou_matrix(track_xyxy_px[first : first + step], detection_xyxy_px)
            tracks, detections = (overlaps >= min_iou).nonzero()
            parts.append((tracks + first, detections, overlaps[tracks, detections]))
        return _joined(parts)
    size, other = (boxes[:, 2:] - boxes[:, :2] for boxes in (track_xyxy_px, detection_xyxy_px))
    centre = (track_xyxy_px[:, :2] + track_xyxy_px[:, 2:]) / 2
    reach = (size + other.max(axis=0)) / 2
    points = (detection_xyxy_px[:, :2] + detection_xyxy_px[:, 2:]) / 2
    for tracks, detections in points_in_windows(points, centre - reach, centre + reach):
        overlap = iou_of_pairs(track_xyxy_px[tracks], detection_xyxy_px[detections])
        kept = overlap >= min_iou
        parts.append((tracks[kept], detections[kept], overlap[kept]))
    return _joined(parts)


def _joined(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    tracks, detections, overlap = (np.concatenate(part) for part in zip(*parts, strict=True))
    return tracks, detections, overlap


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
