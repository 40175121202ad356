"""Boxes: conversions round trip, overlap agrees with counting pixels."""

from __future__ import annotations

import numpy as np
import pytest

from perdure import geometry


@pytest.fixture
def boxes() -> np.ndarray:
    rng = np.random.default_rng(0)
    corner = rng.uniform(-50, 50, (40, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 40, (40, 2))], axis=1)


def test_conversions_round_trip(boxes: np.ndarray) -> None:
    np.testing.assert_allclose(geometry.xyxy_from_xywh(geometry.xywh_from_xyxy(boxes)), boxes)
    np.testing.assert_allclose(geometry.xyxy_from_cxcywh(geometry.cxcywh_from_xyxy(boxes)), boxes)


def test_iou_agrees_with_counting_pixels() -> None:
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 20, (30, 2))
    whole = np.concatenate([corner, corner + rng.integers(1, 12, (30, 2))], axis=1)
    masks = np.zeros((30, 40, 40), dtype=bool)
    for mask, (x0, y0, x1, y1) in zip(masks, whole, strict=True):
        mask[y0:y1, x0:x1] = True
    flat = masks.reshape(30, -1).astype(int)
    intersection = flat @ flat.T
    union = flat.sum(1)[:, None] + flat.sum(1)[None] - intersection
    np.testing.assert_allclose(geometry.iou_matrix(whole.astype(float), whole.astype(float)), intersection / union)


def test_iou_of_nothing_has_the_right_shape(boxes: np.ndarray) -> None:
    assert geometry.iou_matrix(boxes, np.zeros((0, 4))).shape == (40, 0)


def test_growing_keeps_the_centre_and_scales_the_sides(boxes: np.ndarray) -> None:
    before = geometry.cxcywh_from_xyxy(boxes)
    after = geometry.cxcywh_from_xyxy(geometry.grow_boxes(boxes, factor=2.0, margin_px=3.0))
    np.testing.assert_allclose(after[:, :2], before[:, :2])
    np.testing.assert_allclose(after[:, 2:], 2 * before[:, 2:] + 3)


def test_clipped_boxes_lie_in_the_image() -> None:
    clipped = geometry.clip_boxes(np.array([[-5.0, -5, 5, 5], [90, 40, 120, 70]]), width_px=100, height_px=50)
    assert clipped.tolist() == [[0, 0, 5, 5], [90, 40, 100, 50]]
    assert geometry.area_px(clipped).tolist() == [25, 100]
