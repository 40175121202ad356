"""Boxes that are written as each family of detectors writes them are found again, and the family is told by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perdure.detectors.layouts import layout_of, num_cells

SIZE = (320, 416)
BOXES = np.array([[10.0, 20.0, 90.0, 140.0], [200.0, 100.0, 380.0, 300.0], [300.0, 8.0, 340.0, 40.0]])
CLASSES, SCORES = np.array([0, 7, 79]), np.array([0.9, 0.5, 0.75])
SHARES = np.array([SIZE[1], SIZE[0]] * 2)
Outputs = list[np.ndarray]


def centered(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def cells_of(strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns column, row and stride of the cell of the finest grid that each box is written into."""
    column_row = np.floor(centered(BOXES)[:, :2] / strides[0])
    return column_row, (column_row[:, 1] * (SIZE[1] // strides[0]) + column_row[:, 0]).astype(int)


def grid_of(strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    places, stride_of = [], []
    for stride in strides:
        for row in range(SIZE[0] // stride):
            for column in range(-(-SIZE[1] // stride)):
                places.append((column, row))
                stride_of.append(stride)
    return np.array(places, dtype=float), np.array(stride_of, dtype=float)[:, None]


def scores_at(rows: np.ndarray, num: int, num_classes: int = 80) -> np.ndarray:
    table = np.full((num, num_classes), 0.01)
    table[rows, CLASSES] = SCORES
    return table


def yolo5(is_found: bool) -> Outputs:
    places, stride = grid_of((8, 16, 32))
    table = np.concatenate([(places + 0.5) * stride, stride * [[1, 1]], np.full((len(places), 1), 1e-4)], axis=1)
    table = np.tile(np.concatenate([table, np.full((len(places), 80), 0.5)], axis=1), (3, 1))
    if is_found:
        table[[5, 77, 1000], :4], table[[5, 77, 1000], 4] = centered(BOXES), SCORES
        table[[5, 77, 1000], 5 + CLASSES] = 1.0
    return [table[None]]


def yolo6(is_found: bool) -> Outputs:
    table = yolo5(is_found)[0][:, : num_cells(SIZE)]
    table = table.copy()
    table[..., 4], scores = 1.0, table[..., 4:5] * table[..., 5:]
    table[..., 5:] = scores
    return [table]


def yolo8(is_found: bool) -> Outputs:
    table = yolo6(is_found)[0][0]
    return [np.delete(table, 4, axis=1).T[None]]


def yolo10(is_found: bool) -> Outputs:
    table = np.zeros((1, 300, 6))
    if is_found:
        table[0, :3] = np.column_stack([BOXES, SCORES, CLASSES])
    return [table]


def yolox(is_found: bool) -> Outputs:
    num, (cell, row) = num_cells(SIZE), cells_of((8, 16, 32))
    table = np.concatenate([np.full((num, 4), 0.3), np.full((num, 1), 1e-4), np.full((num, 80), 0.5)], axis=1)
    if is_found:
        boxes = centered(BOXES)
        table[row, :2], table[row, 2:4] = boxes[:, :2] / 8 - cell, np.log(boxes[:, 2:] / 8)
        table[row, 4], table[row, 5 + CLASSES] = SCORES, 1.0
    return [table[None]]


def nanodet(is_found: bool, strides: tuple[int, ...], middle: float) -> Outputs:
    places, stride = grid_of(strides)
    table = np.concatenate([np.full((len(places), 80), 0.01), np.full((len(places), 32), -2.0)], axis=1)
    if is_found:
        # Distances of up to 7 strides: the grid of stride 32 has room for every box.
        first = int((stride[:, 0] < 32).sum())
        row = first + np.array([1 * 13 + 1, 6 * 13 + 9, (0 if middle else 13) + 10])
        center = (places[row] + middle) * 32
        away = np.concatenate([center - BOXES[:, :2], BOXES[:, 2:] - center], axis=1) / 32
        low = np.floor(away).astype(int)
        spread = np.full((3, 4, 8), -50.0)
        for box in range(3):
            for side in range(4):
                part = away[box, side] - low[box, side]
                spread[box, side, low[box, side]] = np.log(max(1 - part, 1e-20))
                spread[box, side, low[box, side] + 1] = np.log(max(part, 1e-20))
        table[row, 80:] = spread.reshape(3, 32)
        table[row, CLASSES] = SCORES
    return [table[None]]


def fastestdet(is_found: bool) -> Outputs:
    table = np.full((85, 10, 13), 0.01)
    if is_found:
        boxes = centered(BOXES) / SHARES
        column, row = np.floor(boxes[:, 0] * 13).astype(int), np.floor(boxes[:, 1] * 10).astype(int)
        table[:, row, column] = 0.0
        table[0, row, column] = SCORES
        table[1, row, column], table[2, row, column] = (
            np.arctanh(boxes[:, 0] * 13 - column), np.arctanh(boxes[:, 1] * 10 - row)
        )  # fmt: skip
        table[3:5, row, column] = np.log(boxes[:, 2:] / (1 - boxes[:, 2:])).T
        table[5 + CLASSES, row, column] = SCORES  # objectness^0.6 x class^0.4
    return [table[None]]


def queries(is_found: bool) -> Outputs:
    table = np.concatenate([np.full((300, 4), 0.5), np.full((300, 80), 0.01)], axis=1)
    if is_found:
        table[:3, :4], table[:3, 4:] = centered(BOXES) / SHARES, scores_at(np.arange(3), 3)
    return [table[None]]


def logits(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def detr(is_found: bool) -> Outputs:
    scores = np.full((100, 81), 0.001)
    scores[:, 80] = 1 - 0.001 * 80
    boxes = np.full((100, 4), 0.5)
    if is_found:
        boxes[:3] = centered(BOXES) / SHARES
        scores[:3], scores[np.arange(3), CLASSES], scores[np.arange(3), 80] = 1e-9, SCORES, 1 - SCORES
    return [np.log(scores)[None], boxes[None]]


def rfdetr(is_found: bool, num_classes: int = 91) -> Outputs:
    scores, boxes = np.full((300, num_classes), 0.01), np.full((300, 4), 0.5)
    if is_found:
        scores[:3], boxes[:3] = scores_at(np.arange(3), 3, num_classes), centered(BOXES) / SHARES
    return [boxes[None], logits(scores)[None]]


def boxes_and_scores(is_found: bool) -> Outputs:
    boxes, scores = np.tile([[5.0, 5.0, 50.0, 50.0]], (500, 1)), np.full((500, 80), 0.01)
    if is_found:
        boxes[:3], scores[:3] = BOXES, scores_at(np.arange(3), 3)
    return [boxes[None], scores[None]]


def triple(is_found: bool) -> Outputs:
    labels, boxes, scores = np.zeros((1, 300), np.int64), np.zeros((1, 300, 4)), np.zeros((1, 300))
    if is_found:
        labels[0, :3], boxes[0, :3], scores[0, :3] = CLASSES, BOXES, SCORES
    return [labels, boxes, scores]


FAMILIES: dict[str, Callable[[bool], Outputs]] = {
    "YOLOv5 to v7": yolo5,
    "YOLOv6": yolo6,
    "YOLOv8 to 12": yolo8,
    "YOLO without suppression (v10, 26)": yolo10,
    "YOLOX": yolox,
    "NanoDet": lambda is_found: nanodet(is_found, (8, 16, 32), 0.5),
    "NanoDet-Plus": lambda is_found: nanodet(is_found, (8, 16, 32, 64), 0.0),
    "FastestDet": fastestdet,
    "RT-DETR of Ultralytics": queries,
    "DETR": detr,
    "RF-DETR": rfdetr,
    "RT-DETR": lambda is_found: rfdetr(is_found, 80),
    "boxes and scores": boxes_and_scores,
    "boxes, labels and scores": triple,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_told_on_a_grey_picture_and_its_boxes_are_read(family: str) -> None:
    made = FAMILIES[family]
    layout = layout_of(made(False), SIZE)
    assert layout.family == family
    raw = layout.decode(made(True), SIZE)
    found = np.flatnonzero(raw.score > 0.3)
    order = found[np.argsort(-raw.score[found])]
    expected = np.argsort(-SCORES)
    np.testing.assert_allclose(raw.xyxy_px[order], BOXES[expected], atol=0.01)
    np.testing.assert_allclose(raw.score[order], SCORES[expected], atol=1e-6)
    assert raw.class_id[order].tolist() == CLASSES[expected].tolist()


def test_what_is_no_detector_is_refused_with_the_shapes_that_it_gives() -> None:
    poses = yolo8(False)[0][:, :56].copy()
    poses[0, 5:] = 200.0
    masks = [yolo8(False)[0], np.zeros((1, 32, 80, 104))]
    for outputs in ([np.zeros((1, 1000))], [poses], masks, [np.full((1, 7, 9), 2.0)], []):
        with pytest.raises(ValueError, match="of no family that is known"):
            layout_of(outputs, SIZE)
