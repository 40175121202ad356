"""Detections and clips refuse what cannot be true, and say where."""

from __future__ import annotations

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
        ({"score": np.array([0.5, np.nan])}, "Detections.score: got a value that is not finite"),
        ({"cue": np.array([np.inf, 0])}, "Detections.cue: got a value that is not finite"),
        ({"xyxy_px": np.array([[0.0, 0, 4, 4], [np.nan, 1, 3, 9]])}, r"Detections.xyxy_px row 1: got \[nan"),
        ({"score": np.array([0.5, -1e200])}, "Detections.score: got a value beyond 1e\\+09"),
        ({"xyxy_px": np.array([[0.0, 0, 4, 4], [1, 1, 3, 1e100]])}, r"xyxy_px row 1: got .* of at most 1e\+09"),
        ({"xyxy_px": np.array([[0.0, 0, 4, 4], [3, 1, 3, 9]])}, r"xyxy_px row 1: got .*, expected x_min < x_max"),
        ({"xyxy_px": np.array([[0.0, 5, 4, 4], [1, 1, 3, 9]])}, r"xyxy_px row 0: got .* and y_min < y_max"),
    ],
)
def test_a_wrong_detection_is_named(changes: dict[str, np.ndarray], message: str) -> None:
    values = {"xyxy_px": BOXES, "score": np.array([0.5, 0.9])} | changes
    with pytest.raises(ValueError, match=message):
        Detections(**values)


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
