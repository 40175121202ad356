"""Boxes in another unit, or of another picture, are named once; those of the picture are not."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import perdure
from perdure.types import Detections

WIDTH, HEIGHT = 640, 360


def corners(kind: str, index: int) -> np.ndarray:
    """Returns three boxes that move, as a mistake of a kind would give them."""
    k = np.arange(3.0)
    x, y, w, h = 20 + 3.0 * index + 40 * k, 30 + 90 * k, np.full(3, 60.0), np.full(3, 80.0)
    if kind == "normalised":
        x, y, w, h = x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT
    elif kind == "of 1920 x 1080":
        x, y, w, h = 3 * x + 600, 3 * y + 200, 3 * w, 3 * h
    elif kind == "corners for sides":
        w, h = x + w, y + h
    return np.column_stack([x, y, w, h] if kind == "sides for corners" else [x, y, x + w, y + h])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("normalised", "lie between 0 and 1, expected pixels; multiply by the size of the picture, 640 x 360"),
        ("of 1920 x 1080", "they look like those of a picture of another size"),
        ("corners for sides", "their width and height look like the other corner"),
        ("sides for corners", "have no area; they look like x, y, width, height, expected corners"),
        ("right", None),
    ],
)
def test_a_mistake_is_named_once(kind: str, words: str | None, caplog: pytest.LogCaptureFixture) -> None:
    gate = perdure.load("detections", image_size=(WIDTH, HEIGHT))
    with caplog.at_level(logging.WARNING, logger="perdure.gate.intake"):
        for index in range(100):
            gate.update(None, Detections(xyxy_px=corners(kind, index), score=np.full(3, 0.8)), time_s=index / 25)
    said = [record.getMessage() for record in caplog.records if record.name == "perdure.gate.intake"]
    assert len(said) == (words is not None)
    assert gate.intake.boxes.problem == (said[0] if said else None)
    assert words is None or words in said[0]


@pytest.mark.parametrize("is_wrong", [True, False])
def test_corners_for_sides_are_seen_without_the_size_of_the_picture(is_wrong: bool) -> None:
    """The size is then the reach of the boxes, in which all of them lie: tracks were nonsense, without a word."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1800, 40), rng.uniform(0, 1000, 40)
    w, h = rng.uniform(20, 120, 40), rng.uniform(40, 200, 40)
    boxes = np.column_stack([x, y, x + (x + w if is_wrong else w), y + (y + h if is_wrong else h)])
    gate = perdure.load("detections", image_size=(int(boxes[:, 2].max()) + 1, int(boxes[:, 3].max()) + 1))
    gate.update(None, Detections(xyxy_px=boxes, score=np.full(40, 0.8)))
    problem = gate.intake.boxes.problem
    assert ("look like the other corner" in problem) if problem is not None else not is_wrong


def test_boxes_that_the_edge_cuts_off_are_boxes_of_the_picture() -> None:
    """Networks complete them: a car that drives in was said to be in a picture of another size."""
    gate = perdure.load("detections", image_size=(WIDTH, HEIGHT))
    for index in range(40):
        boxes = np.array([[450 - 4.0 * index, 150, 750 - 4.0 * index, 300], [100, 250, 260, 440]])
        gate.update(None, Detections(xyxy_px=boxes, score=np.full(2, 0.8)))
    assert gate.intake.boxes.problem is None
