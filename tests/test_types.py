"""Detections and clips refuse what cannot be true, and say where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perdure.types import NO_CLASS, Clip, Decision, Detections

BOXES = np.array([[0.0, 0, 4, 4], [1, 1, 3, 9]])


def test_what_is_left_out_has_a_neutral_value() -> None:
    detections = Detections(xyxy_px=BOXES, score=np.array([0.5, 0.9]))
    assert detections.class_id.tolist() == [NO_CLASS, NO_CLASS]
    assert detections.cue.tolist() == [0, 0]
    assert len(detections) == 2


def test_nothing_found_is_a_valid_frame() -> None:
    assert len(Detections.empty()) == 0
    assert Detections.empty().xyxy_px.shape == (0, 4)


@pytest.mark.usefixtures("as_user")
def test_numbers_of_other_types_are_taken_over() -> None:
    detections = Detections(xyxy_px=BOXES.astype(np.float32), score=[1, 0], class_id=np.array([2.0, 3.0]))
    assert (detections.xyxy_px.dtype, detections.score.dtype) == (np.float64, np.float64)
    assert (detections.class_id.dtype, detections.class_id.tolist()) == (np.int64, [2, 3])


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": np.array([0.5])}, r"Detections.score: got shape \(1,\), expected \(2,\)"),
        ({"class_id": np.zeros(3)}, r"Detections.class_id: got shape \(3,\), expected \(2,\)"),
        ({"cue": np.zeros((2, 1))}, r"Detections.cue: got shape \(2, 1\), expected \(2,\)"),
    ],
)
def test_a_wrong_detection_is_named(changes: dict[str, np.ndarray], message: str) -> None:
    values = {"xyxy_px": BOXES, "score": np.array([0.5, 0.9])} | changes
    with pytest.raises(ValueError, match=message):
        Detections(**values)


@pytest.mark.parametrize(
    "changes",
    [
        {"score": np.array([0.5, np.nan])},
        {"score": np.array([0.5, -1e200])},
        {"cue": np.array([0, np.inf])},
        {"xyxy_px": np.array([[0.0, 0, 4, 4], [np.nan, 1, 3, 9]])},
        {"xyxy_px": np.array([[0.0, 0, 4, 4], [1, 1, 3, 1e100]])},
        {"xyxy_px": np.array([[0.0, 0, 4, 4], [1, 1, np.inf, 9]])},
        {"xyxy_px": np.array([[0.0, 0, 4, 4], [3, 1, 3, 9]])},
        {"xyxy_px": np.array([[0.0, 0, 4, 4], [1, 9, 3, 1]])},
    ],
)
def test_a_row_that_can_be_no_detection_keeps_its_place_and_is_marked(changes: dict[str, np.ndarray]) -> None:
    """One box that a detector had clipped to nothing at the edge of the picture once ended the stream."""
    found = Detections(**({"xyxy_px": BOXES, "score": np.array([0.5, 0.9])} | changes))
    assert (len(found), found.num_invalid, found.is_valid.tolist()) == (2, 1, [True, False])


@pytest.mark.usefixtures("as_user")
def test_a_class_that_is_missing_in_a_row_is_none() -> None:
    for classes in (np.array([1, None], object), np.array([1, np.nan])):
        assert Detections(xyxy_px=BOXES, score=np.ones(2), class_id=classes).class_id.tolist() == [1, NO_CLASS]


class _Tensor:
    """Numbers on another device, as far as they are read."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def cpu(self) -> _Tensor:
        return self

    def float(self) -> _Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return np.array(self.values, np.float32)


BY_OTHERS = SimpleNamespace(xyxy=BOXES, confidence=None, class_id=None)
OF_BOXES = SimpleNamespace(xyxy=_Tensor(BOXES.tolist()), conf=_Tensor([0.5, 0.75]), cls=_Tensor([3, 4]))


def test_detections_of_other_libraries_are_read() -> None:
    found = Detections.from_supervision(BY_OTHERS)
    assert (found.xyxy_px.tolist(), found.score.tolist(), found.class_id.tolist()) == (BOXES.tolist(), [1, 1], [-1, -1])
    results = SimpleNamespace(boxes=OF_BOXES)
    for given in (results, [results], SimpleNamespace(boxes=None, obb=OF_BOXES)):
        found = Detections.from_ultralytics(given)
        assert (found.xyxy_px.tolist(), found.score.tolist(), found.class_id.tolist()) == (
            BOXES.tolist(), [0.5, 0.75], [3, 4],
        )  # fmt: skip
    boxes = {"boxes": OF_BOXES.xyxy, "scores": OF_BOXES.conf, "labels": OF_BOXES.cls}
    assert Detections.from_rfdetr(boxes).class_id.tolist() == [3, 4]
    assert Detections.from_rfdetr([BY_OTHERS]).score.tolist() == [1, 1]


def test_results_of_several_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="ultralytics: got results of 2 pictures, expected one; give them one by one"):
        Detections.from_ultralytics([OF_BOXES, OF_BOXES])
    with pytest.raises(ValueError, match="ultralytics: got SimpleNamespace without boxes"):
        Detections.from_ultralytics(SimpleNamespace(probs=1))


def test_a_clip_has_detections_for_every_image() -> None:
    frames = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    assert Clip(clip_id="a", frames=frames, frame_rate_hz=30.0, detections=(Detections.empty(),) * 3).num_frames == 3
    with pytest.raises(ValueError, match="clip a: got 2 frames of detections for 3 images"):
        Clip(clip_id="a", frames=frames, frame_rate_hz=30.0, detections=(Detections.empty(),) * 2)


@pytest.mark.parametrize(("reason", "is_decided"), [("evidence", True), ("deleted", True), ("timeout", False)])
def test_only_the_horizon_leaves_a_track_undecided(reason: str, is_decided: bool) -> None:
    decision = Decision(
        track_id=1, label="transient", evidence=-4.0, probability=0.02, age=3, frame_index=7, time_s=0.2, reason=reason
    )
    assert decision.is_decided is is_decided
