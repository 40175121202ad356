"""Axis-aligned boxes in pixels: conversions, growth, overlap.

Pixel i covers the interval [i, i + 1), so a box (0, 0, w, h) covers an image of width w and height h exactly.
Knows arrays of boxes only; nothing about tracks, images or cameras.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Boxes = Float[np.ndarray, "n 4"]


def xyxy_from_xywh(xywh_px: Boxes) -> Boxes:
    """Returns (x_min, y_min, x_max, y_max) of boxes given as (x_min, y_min, width, height).

    >>> xyxy_from_xywh(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist()
    [[1.0, 2.0, 4.0, 6.0]]
    """
    return np.concatenate([xywh_px[:, :2], xywh_px[:, :2] + xywh_px[:, 2:]], axis=1)


def cxcywh_from_xyxy(xyxy_px: Boxes) -> Boxes:
    """Returns (centre_x, centre_y, width, height) of boxes given by their corners."""
    return np.concatenate([(xyxy_px[:, :2] + xyxy_px[:, 2:]) / 2, xyxy_px[:, 2:] - xyxy_px[:, :2]], axis=1)


def xyxy_from_cxcywh(cxcywh_px: Boxes) -> Boxes:
    """Returns the corners of boxes given as (centre_x, centre_y, width, height)."""
    half = cxcywh_px[:, 2:] / 2
    return np.concatenate([cxcywh_px[:, :2] - half, cxcywh_px[:, :2] + half], axis=1)


def area_px(xyxy_px: Boxes) -> Float[np.ndarray, " n"]:
    """Returns the area of each box in square pixels."""
    return (xyxy_px[:, 2] - xyxy_px[:, 0]) * (xyxy_px[:, 3] - xyxy_px[:, 1])


def grow_boxes(xyxy_px: Boxes, *, factor: float = 1.0, margin_px: float = 0.0) -> Boxes:
    """Returns boxes about the same centres whose sides are `factor` times as long plus `margin_px`.

    >>> grow_boxes(np.array([[0.0, 0.0, 4.0, 8.0]]), factor=1.5, margin_px=2.0).tolist()
    [[-2.0, -3.0, 6.0, 11.0]]
    """
    extra = ((xyxy_px[:, 2:] - xyxy_px[:, :2]) * (factor - 1.0) + margin_px) / 2
    return np.concatenate([xyxy_px[:, :2] - extra, xyxy_px[:, 2:] + extra], axis=1)


def iou_matrix(first: Float[np.ndarray, "n 4"], second: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Returns the intersection over union of every box of `first` with every box of `second`, in [0, 1].

    >>> iou_matrix(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
    [[0.333]]
    """
    area = area_px(first)[:, None] + area_px(second)[None, :]
    first, second = np.ascontiguousarray(first.T)[:, :, None], np.ascontiguousarray(second.T)[:, None]
    # One array an axis: twice as fast as both in one, where the last axis has two numbers only.
    wide = np.minimum(first[2], second[2]) - np.maximum(first[0], second[0])
    high = np.minimum(first[3], second[3]) - np.maximum(first[1], second[1])
    intersection = np.maximum(wide, 0.0, out=wide) * np.maximum(high, 0.0, out=high)
    return intersection / np.maximum(area - intersection, np.finfo(np.float64).tiny)


def iou_of_pairs(first: Boxes, second: Boxes) -> Float[np.ndarray, " n"]:
    """Returns the intersection over union of each box of `first` with the one of `second` in the same row, in [0, 1].

    >>> iou_of_pairs(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
    [0.333]
    """
    sides = np.maximum(np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2]), 0.0)
    intersection = sides[:, 0] * sides[:, 1]
    union = area_px(first) + area_px(second) - intersection
    return intersection / np.maximum(union, np.finfo(np.float64).tiny)
