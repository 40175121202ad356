"""What the numbers that a detection network gives out mean, told by their shapes and values on a grey picture.

No file says which family a network is of, and users do not know it either. Each family lays its answers out in its own
way: YOLOv5 to v7 (Ultralytics 2020; Wang et al., CVPR 2023), YOLOv8 to 12, and YOLOv10 and later without suppression
(Wang et al., NeurIPS 2024), YOLOX (Ge et al., arXiv 2107.08430), DETR (Carion et al., ECCV 2020), RT-DETR (Zhao et al.,
CVPR 2024), RF-DETR (Roboflow 2025), NanoDet and NanoDet-Plus (RangiLyu 2020, 2021) and FastestDet (dog-qiuqiu 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

Fit = Literal["letterbox", "corner", "stretch"]
"""How a picture is brought to the size of the network: with borders around, below and to the right, or stretched."""
Size = tuple[int, int]
"""Height and width of the network's input in pixels."""

_STRIDES = (8, 16, 32)
_SIDES, _BINS = 4, 8
"""NanoDet gives the distance to each side of a box as a distribution over so many whole strides."""
_MOST_QUERIES = 1000
"""More rows than any network without suppression gives out."""


class Raw(NamedTuple):
    """Boxes before suppression, in pixels of the network's input, each with its best class."""

    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"]
    num_classes: int | None = None
    """Classes that the network tells apart, None where it gives nothing but the number of the best one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How a network is fed.

    Args:
        fit: how a picture is brought to its size.
        is_rgb: red first; otherwise blue first.
        scale: what a full channel is fed as.
        mean, deviation: by channel in the order that is fed, after scaling.
    """

    fit: Fit = "letterbox"
    is_rgb: bool = True
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a network is fed, and what comes out of it.

    Args:
        family: in words.
        decode: from its outputs, in their order, and the size of its input to boxes.
        feed: how it is fed.
        needs_suppression: whether one object gives several boxes.
    """

    family: str
    decode: Callable[[Sequence[np.ndarray], Size], Raw]
    feed: Feed
    needs_suppression: bool


def layout_of(outputs: Sequence[np.ndarray], size: Size) -> Layout:
    """Returns the layout of a network by what it gave on a grey picture.

    Raises:
        ValueError: no family that is known lays its outputs out so.
    """
    if len(outputs) == 1 and outputs[0].ndim == 4:
        return _FASTESTDET
    if len(outputs) == 1 and outputs[0].ndim == 3:
        found = _of_one(outputs[0][0], size)
    elif len(outputs) == 2:
        found = _of_two(outputs)
    elif len(outputs) == 3:
        found = _TRIPLE
    else:
        found = None
    if found is None:
        shapes = ", ".join("x".join(map(str, one.shape)) for one in outputs)
        raise ValueError(
            f"detector: outputs of {shapes} at an input of {size[0]}x{size[1]} are of no family that is known "
            "(YOLO 5 to 12, YOLOX, DETR, RT-DETR, RF-DETR, NanoDet, FastestDet); give --detector module:function"
        )
    return found


def _of_one(table: np.ndarray, size: Size) -> Layout | None:
    """Returns the layout of a network with one table of numbers."""
    rows, columns = table.shape
    cells = num_cells(size)
    if columns == cells:
        return _YOLO8 if table[4:].max() <= 1 else None  # key points of poses are no shares
    if columns == 6 and rows <= _MOST_QUERIES:
        return _YOLO10
    if rows in (3 * cells, 3 * num_cells(size, (*_STRIDES, 64))):
        return _YOLO5
    if rows == num_cells(size, (*_STRIDES, 64)):
        return _NANODET_PLUS
    if rows == cells:
        if table[:, 4:].min() < 0 or table[:, 4:].max() > 1:
            return _NANODET_OLD  # its distances are no shares, while objectness and classes of the others are
        return _YOLO6 if table[:, :2].max() > max(size) / 2 else _YOLOX
    if rows <= _MOST_QUERIES and columns > 4 and table.min() >= 0 and table.max() <= 1:
        return _QUERIES
    return None


def _of_two(outputs: Sequence[np.ndarray]) -> Layout | None:
    """Returns the layout of a network with boxes and classes apart."""
    boxes, classes = _boxes_first(outputs)
    if boxes.shape[-1] != 4 or classes.ndim != 3 or boxes.shape[1] != classes.shape[1]:
        return None
    if boxes.max() > 2:
        return _BOXES_AND_SCORES
    # On a grey picture nothing is found: a softmax says so by its last class, sigmoids by being low.
    if (classes[0].argmax(axis=-1) == classes.shape[-1] - 1).mean() > 0.5:
        return _DETR
    return _RTDETR if classes.shape[-1] == 80 else _RFDETR


def num_cells(size: Size, strides: Sequence[int] = _STRIDES) -> int:
    """Returns the cells of all grids over an input.

    >>> num_cells((640, 640)), num_cells((416, 416), (8, 16, 32, 64))
    (8400, 3598)
    """
    return sum(-(-size[0] // stride) * -(-size[1] // stride) for stride in strides)


def _grid(size: Size, strides: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns column and row of every cell, and its stride."""
    cells, stride_of = [], []
    for stride in strides:
        rows, columns = np.mgrid[: -(-size[0] // stride), : -(-size[1] // stride)]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        stride_of.append(np.full(len(cells[-1]), stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(stride_of).astype(np.float64)[:, None]


def _xyxy(center_and_size: np.ndarray) -> np.ndarray:
    center, half = center_and_size[..., :2], center_and_size[..., 2:4] / 2
    return np.concatenate([center - half, center + half], axis=-1)


def _best(boxes: np.ndarray, scores: np.ndarray) -> Raw:
    """Returns every box with its best class."""
    class_id = scores.argmax(axis=-1)
    score = np.take_along_axis(scores, class_id[:, None], axis=-1)[:, 0]
    return Raw(boxes.astype(np.float64), score.astype(np.float64), class_id.astype(np.int64), scores.shape[-1])


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _sides(size: Size) -> np.ndarray:
    return np.array([size[1], size[0], size[1], size[0]], dtype=np.float64)


def _boxes_first(outputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes and classes, in whichever order they come."""
    first, second = outputs
    return (second, first) if second.shape[-1] == 4 and first.shape[-1] != 4 else (first, second)


def _yolo5(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0]
    return _best(_xyxy(table), table[:, 5:] * table[:, 4:5])


def _yolo8(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0].T
    return _best(_xyxy(table), table[:, 4:])


def _yolo10(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0].astype(np.float64)
    return Raw(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def _yolox(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0]
    cell, stride = _grid(size, _STRIDES)
    boxes = np.concatenate([(table[:, :2] + cell) * stride, np.exp(np.minimum(table[:, 2:4], 20)) * stride], axis=1)
    return _best(_xyxy(boxes), table[:, 5:] * table[:, 4:5])


def _nanodet(outputs: Sequence[np.ndarray], size: Size, strides: Sequence[int], middle: float) -> Raw:
    table = outputs[0][0]
    scores, distances = table[:, : -_SIDES * _BINS], table[:, -_SIDES * _BINS :]
    cell, stride = _grid(size, strides)
    away = _softmax(distances.reshape(-1, _SIDES, _BINS)) @ np.arange(_BINS) * stride
    center = (cell + middle) * stride
    return _best(np.concatenate([center - away[:, :2], center + away[:, 2:]], axis=1), scores)


def _nanodet_old(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    return _nanodet(outputs, size, _STRIDES, 0.5)


def _nanodet_plus(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    return _nanodet(outputs, size, (*_STRIDES, 64), 0.0)


def _queries(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0]
    return _best(_xyxy(table) * _sides(size), table[:, 4:])


def _detr(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    boxes, classes = _boxes_first(outputs)
    return _best(_xyxy(boxes[0]) * _sides(size), _softmax(classes[0])[:, :-1])


def _sigmoid_detr(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    boxes, classes = _boxes_first(outputs)
    return _best(_xyxy(boxes[0]) * _sides(size), _sigmoid(classes[0]))


def _boxes_and_scores(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    boxes, scores = _boxes_first(outputs)
    return _best(boxes[0], scores[0])


def _triple(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    """Boxes, labels and scores apart, in any order: labels are whole numbers, boxes have four columns."""
    boxes = next(one for one in outputs if one.shape[-1] == 4 and one.ndim >= 2).reshape(-1, 4)
    others = [one.ravel() for one in outputs if not (one.shape[-1] == 4 and one.ndim >= 2)]
    is_first = np.issubdtype(others[0].dtype, np.integer) or bool(np.all(others[0] % 1 == 0) and others[0].size)
    labels, scores = others if is_first else others[::-1]
    return Raw(boxes.astype(np.float64), scores.astype(np.float64), labels.astype(np.int64))


def _fastestdet(outputs: Sequence[np.ndarray], size: Size) -> Raw:
    table = outputs[0][0]
    height, width = table.shape[1:]
    rows, columns = np.mgrid[:height, :width]
    center = np.stack([(columns + np.tanh(table[1])) / width, (rows + np.tanh(table[2])) / height], axis=-1)
    boxes = np.concatenate([center, _sigmoid(table[3:5]).transpose(1, 2, 0)], axis=-1).reshape(-1, 4)
    scores = table[:1] ** 0.6 * table[5:] ** 0.4
    return _best(_xyxy(boxes) * _sides(size), scores.reshape(len(scores), -1).T)


_SHARES = Feed()
_STRETCHED = Feed(fit="stretch")
_IMAGENET = Feed(fit="stretch", mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
_NANODET = Feed(
    fit="stretch", is_rgb=False, mean=(0.406, 0.45469, 0.48114), deviation=(0.225, 0.224, 0.2289)
)  # (103.53, 116.28, 123.675) and (57.375, 57.12, 58.395) of blue, green, red from 0 to 255
_YOLO5 = Layout("YOLOv5 to v7", _yolo5, _SHARES, True)
_YOLO6 = Layout("YOLOv6", _yolo5, _SHARES, True)
_YOLO8 = Layout("YOLOv8 to 12", _yolo8, _SHARES, True)
_YOLO10 = Layout("YOLO without suppression (v10, 26)", _yolo10, _SHARES, False)
_YOLOX = Layout("YOLOX", _yolox, Feed(fit="corner", is_rgb=False, scale=255.0), True)
_NANODET_OLD = Layout("NanoDet", _nanodet_old, _NANODET, True)
_NANODET_PLUS = Layout("NanoDet-Plus", _nanodet_plus, _NANODET, True)
_FASTESTDET = Layout("FastestDet", _fastestdet, Feed(fit="stretch", is_rgb=False), True)
_QUERIES = Layout("RT-DETR of Ultralytics", _queries, _STRETCHED, False)
_DETR = Layout("DETR", _detr, _IMAGENET, False)
_RFDETR = Layout("RF-DETR", _sigmoid_detr, _IMAGENET, False)
_RTDETR = Layout("RT-DETR", _sigmoid_detr, _STRETCHED, False)
_BOXES_AND_SCORES = Layout("boxes and scores", _boxes_and_scores, _SHARES, True)
_TRIPLE = Layout("boxes, labels and scores", _triple, _STRETCHED, False)
