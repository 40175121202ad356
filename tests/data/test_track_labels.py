"""Labels of detections and tracks: one to one by overlap, by centre for small targets, ignored boxes and regions."""

from __future__ import annotations

import numpy as np

from perdure.data.mot_truth import FrameTruth
from perdure.data.track_labels import SMALL_TARGETS, MatchConfig, TrackLabel, detection_labels

FALSE, TRUE, IGNORE = TrackLabel.FALSE, TrackLabel.TRUE, TrackLabel.IGNORE


def truth_of(*kinds: str) -> FrameTruth:
    """Returns boxes of 10 x 10 side by side, 100 pixels apart, of the given kinds."""
    boxes = np.array([[100.0 * place, 0, 100 * place + 10, 10] for place in range(len(kinds))])
    kind = np.array(kinds)
    return FrameTruth(
        xyxy_px=boxes, counts=kind == "counts", is_ignored=kind == "ignored", is_region=kind == "region",
        object_id=np.arange(len(kinds)),
    )  # fmt: skip


def test_each_kind_of_box_gives_its_label() -> None:
    found = np.array([[0.0, 0, 10, 10], [100, 0, 110, 10], [203, 3, 207, 7], [300, 0, 310, 10], [50, 0, 60, 10]])
    labels = detection_labels(found, truth_of("counts", "ignored", "region", "nothing"), MatchConfig())
    assert labels.tolist() == [TRUE, IGNORE, IGNORE, FALSE, FALSE]


def test_an_object_takes_its_best_detection_alone() -> None:
    found = np.array([[0.0, 0, 10, 8], [0, 0, 10, 10]])
    assert detection_labels(found, truth_of("counts"), MatchConfig()).tolist() == [FALSE, TRUE]
    assert detection_labels(found, truth_of("counts"), MatchConfig(is_one_to_one=False)).tolist() == [TRUE, TRUE]


def test_a_small_box_in_the_middle_is_on_a_small_target_only() -> None:
    found = np.array([[4.0, 4, 6, 6]])
    assert detection_labels(found, truth_of("counts"), MatchConfig()).tolist() == [FALSE]
    assert detection_labels(found, truth_of("counts"), SMALL_TARGETS).tolist() == [TRUE]


def test_a_frame_without_truth_holds_nothing() -> None:
    assert detection_labels(np.array([[0.0, 0, 1, 1]]), None, MatchConfig()).tolist() == [FALSE]
