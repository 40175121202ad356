"""What a linked track really was: TRUE (on objects), FALSE (on nothing) or IGNORE (on what nobody labelled).

Knows boxes of one frame and counts per track. Does not know how tracks were linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from perdure.assignment import best_pairs
from perdure.data.mot_truth import FrameTruth
from perdure.geometry import area_px, grow_boxes, iou_matrix

Targets = Literal["boxes", "points"]
"""Boxes lie on an object by overlap, one to one; targets of a few pixels by their centre as well."""


class TrackLabel(IntEnum):
    """The label of a track; also of one detection."""

    FALSE = 0
    TRUE = 1
    IGNORE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchConfig:
    """When a detection lies on a labelled box."""

    min_iou: float = 0.5
    """Least overlap of detection and object."""
    is_one_to_one: bool = True
    """Whether an object takes its best detection alone, so that doubled boxes are false."""
    centre_growth: float | None = None
    """If given, a centre inside the object's box grown by this factor counts too: for targets of a few pixels."""
    centre_margin_px: float = 4.0
    """Added to the sides of that grown box."""

    def __post_init__(self) -> None:
        if not 0 < self.min_iou < 1:
            raise ValueError(f"min_iou: got {self.min_iou}, expected above 0 and below 1")
        if self.centre_growth is not None and self.centre_growth < 1:
            raise ValueError(f"centre_growth: got {self.centre_growth}, expected at least 1")


SMALL_TARGETS = MatchConfig(min_iou=0.3, is_one_to_one=False, centre_growth=1.3)
"""For infrared targets: detections box the hot core while labels are loose."""


def match_for(targets: Targets) -> MatchConfig:
    """Returns when a detection lies on an object, for boxes or for targets of a few pixels."""
    return SMALL_TARGETS if targets == "points" else MatchConfig()


def detection_labels(
    xyxy_px: Float[np.ndarray, "n 4"], truth: FrameTruth | None, match: MatchConfig
) -> Int[np.ndarray, " n"]:
    """Returns the `TrackLabel` of each detection of a frame.

    An object that counts goes first, then ignored ones, then regions that hold at least half of the detection.
    """
    labels = np.full(len(xyxy_px), TrackLabel.FALSE, dtype=np.int64)
    if truth is None or not len(xyxy_px):
        return labels
    overlap = iou_matrix(xyxy_px, truth.xyxy_px)
    is_on = overlap >= match.min_iou
    if match.centre_growth is not None:
        near = grow_boxes(truth.xyxy_px, factor=match.centre_growth, margin_px=match.centre_margin_px)
        is_on |= _has_centre_in(xyxy_px, near)
    inside = _covered_share(xyxy_px, truth.xyxy_px) >= 0.5
    labels[(inside & truth.is_region).any(axis=1)] = TrackLabel.IGNORE
    labels[(is_on & truth.is_ignored).any(axis=1)] = TrackLabel.IGNORE
    is_true = is_on & truth.counts
    if match.is_one_to_one:
        gain = np.where(is_true, overlap, 0.0)
        row, column = best_pairs(gain)
        labels[row[gain[row, column] > 0]] = TrackLabel.TRUE
    else:
        labels[is_true.any(axis=1)] = TrackLabel.TRUE
    return labels


def majority_label(counts: Int[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Returns the label of each track from how many of its hits have each label: TRUE or IGNORE by majority.

    >>> majority_label(np.array([[1, 2, 0], [2, 2, 0], [0, 1, 3]])).tolist()
    [1, 0, 2]
    """
    half = counts.sum(axis=1) / 2
    is_true, is_ignored = counts[:, TrackLabel.TRUE] > half, counts[:, TrackLabel.IGNORE] > half
    return np.where(is_true, TrackLabel.TRUE, np.where(is_ignored, TrackLabel.IGNORE, TrackLabel.FALSE)).astype(
        np.int64
    )


def _has_centre_in(boxes: Float[np.ndarray, "n 4"], areas: Float[np.ndarray, "m 4"]) -> np.ndarray:
    centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    return np.asarray(((centre >= areas[None, :, :2]) & (centre <= areas[None, :, 2:])).all(axis=2))


def _covered_share(boxes: Float[np.ndarray, "n 4"], areas: Float[np.ndarray, "m 4"]) -> np.ndarray:
    low = np.maximum(boxes[:, None, :2], areas[None, :, :2])
    side = np.maximum(np.minimum(boxes[:, None, 2:], areas[None, :, 2:]) - low, 0.0)
    return np.asarray(side[..., 0] * side[..., 1] / area_px(boxes)[:, None])
