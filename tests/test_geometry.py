"""Boxes: conversions round trip, overlap agrees with counting pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perdure import geometry


@pytest.fixture
def boxes() -> np.ndarray:
    rng = np.random.default_rng(0)
    corner = rng.uniform(-50, 50, (40, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 40, (40, 2))], axis=1)


def test_conversions_round_trip(boxes: np.ndarray) -> None:
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    np.testing.assert_allclose(geometry.xyxy_from_xywh(corner_and_size), boxes)
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


def some_boxes(min_size: int = 0) -> st.SearchStrategy[np.ndarray]:
    """Boxes of 0.5 to 500 px anywhere within 1,000 px of the origin."""
    number = st.integers(min_size, 8)
    corners = number.flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.floats(-1000, 1000)))
    side = st.floats(0.5, 500)
    return corners.flatmap(
        lambda corner: arrays(np.float64, corner.shape, elements=side).map(
            lambda size: np.concatenate([corner, corner + size], axis=1)
        )
    )


@given(some_boxes())
def test_any_boxes_survive_the_round_trip(boxes: np.ndarray) -> None:
    np.testing.assert_allclose(geometry.xyxy_from_cxcywh(geometry.cxcywh_from_xyxy(boxes)), boxes, atol=1e-9)


@given(some_boxes(), some_boxes())
def test_overlap_is_symmetric_and_a_share(one: np.ndarray, other: np.ndarray) -> None:
    overlap = geometry.iou_matrix(one, other)
    assert overlap.shape == (len(one), len(other))
    assert ((overlap >= 0) & (overlap <= 1 + 1e-12)).all()
    np.testing.assert_array_equal(overlap, geometry.iou_matrix(other, one).T)
    np.testing.assert_allclose(np.diag(geometry.iou_matrix(one, one)), 1)


@given(some_boxes(min_size=1), st.floats(-300, 300), st.floats(-300, 300), st.floats(0.5, 4))
def test_overlap_does_not_depend_on_place_and_scale(boxes: np.ndarray, x: float, y: float, scale: float) -> None:
    moved = (boxes + np.array([x, y, x, y])) * scale
    np.testing.assert_allclose(geometry.iou_matrix(moved, moved), geometry.iou_matrix(boxes, boxes), atol=1e-9)


@given(some_boxes(), st.floats(1.0, 3.0), st.floats(0, 20))
def test_growing_can_be_undone_and_never_loses_the_box(boxes: np.ndarray, factor: float, margin_px: float) -> None:
    grown = geometry.grow_boxes(boxes, factor=factor, margin_px=margin_px)
    assert (grown[:, :2] <= boxes[:, :2] + 1e-9).all()
    assert (grown[:, 2:] >= boxes[:, 2:] - 1e-9).all()
    back = geometry.grow_boxes(grown, factor=1 / factor, margin_px=-margin_px / factor)
    np.testing.assert_allclose(back, boxes, atol=1e-6)
