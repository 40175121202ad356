"""The gate behind another tracker: what is reported, from when on, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gate.small_model import HORIZON, OPERATION, small_model
from perdure.gate.gate import PersistenceGate
from perdure.integrations.supervision import FORGET_AFTER, TrackConfirmer, detections_from_supervision
from perdure.stopping.counting import MOfN
from perdure.stopping.rules import TruncatedSPRT
from perdure.types import Detections

sv = pytest.importorskip("supervision", reason="supervision is not installed (pip install 'perdure[supervision]')")

THREE = MOfN(num_hits=3, num_frames=4, horizon=HORIZON, on_timeout="transient")


def confirmer(rule: object = THREE) -> TrackConfirmer:
    """Returns one whose weights need no picture; the rule counts hits, so what it confirms is known."""
    model = small_model(uses_pixels=False, uses_cue=True)
    return TrackConfirmer(PersistenceGate(model, rule, image_size=(200, 200)))  # type: ignore[arg-type]


def tracked(**boxes: float) -> object:
    """Returns detections of tracks by id, as in `tracked(_7=30.0)`: a box of side 20 at that place."""
    ids = np.array([int(name[1:].replace("m", "-")) for name in boxes], int)
    xyxy = np.array([[x, 10, x + 20, 30] for x in boxes.values()], float).reshape(-1, 4)
    return sv.Detections(xyxy=xyxy, confidence=np.full(len(ids), 0.9), class_id=np.zeros(len(ids), int), tracker_id=ids)


def ids_of(found: object) -> list[int]:
    return found.tracker_id.tolist()  # type: ignore[attr-defined]


def test_a_track_is_reported_from_its_confirmation_on() -> None:
    confirm = confirmer()
    assert ids_of(confirm.update(None, tracked(_7=30))) == []
    assert ids_of(confirm.update(None, tracked(_7=31, _3=120))) == []
    found = confirm.update(None, tracked(_7=32, _3=121))
    assert ids_of(found) == [7]
    assert found.data["persistence_age"].tolist() == [3]
    assert 0 <= found.data["persistence_probability"][0] <= 1
    assert found.xyxy.tolist() == [[32, 10, 52, 30]]
    assert ids_of(confirm.update(None, tracked(_3=122, _7=33))) == [3, 7]


def test_flicker_is_never_reported_and_rejected_tracks_stay_away() -> None:
    confirm = confirmer()
    for shown in (tracked(_1=30), tracked(), tracked(), tracked(_1=30), tracked(_1=30), tracked()):
        assert ids_of(confirm.update(None, shown)) == []


def test_what_is_confirmed_costs_nothing_and_comes_back_at_once() -> None:
    confirm = confirmer()
    for step in range(3):
        confirm.update(None, tracked(_5=30 + step))
    spent = confirm.gate.cost.track_frames
    for _ in range(20):  # longer than the gate's own tracker keeps a track
        assert ids_of(confirm.update(None, tracked())) == []
    assert ids_of(confirm.update(None, tracked(_5=90))) == [5]
    assert confirm.gate.cost.track_frames == spent


def test_what_is_confirmed_is_still_seen_by_its_neighbours() -> None:
    confirm = confirmer()
    for step in range(12):
        confirm.update(None, tracked(_5=30 + step))
    assert confirm.last is not None
    assert [(view.status, view.is_hit) for view in confirm.last.tracks] == [("persistent", True)]


def test_an_id_that_ended_undecided_may_start_again() -> None:
    patient = TruncatedSPRT(upper=99.0, lower=-99.0, horizon=HORIZON, on_timeout="transient")
    confirm = confirmer(patient)
    confirm.update(None, tracked(_5=30))
    for _ in range(OPERATION.tracker.max_misses):
        confirm.update(None, tracked())
    assert confirm.last is not None
    assert [(item.label, item.reason) for item in confirm.last.decisions] == [("transient", "deleted")]
    confirm.update(None, tracked(_5=60))
    assert [view.age for view in confirm.last.tracks] == [1]


def test_boxes_without_a_track_start_nothing() -> None:
    confirm = confirmer()
    for _ in range(6):
        assert ids_of(confirm.update(None, tracked(_m1=30))) == []
    assert confirm.last is not None and confirm.last.tracks == ()


def test_memory_does_not_grow_with_tracks_that_are_gone() -> None:
    confirm = confirmer()
    for track in range(0, 400, 4):
        for _ in range(4):
            confirm.update(None, tracked(**{f"_{track}": 50}))
    assert len(confirm._confirmed) <= FORGET_AFTER // 4 + 2
    assert len(confirm._id_of_track) <= OPERATION.tracker.max_misses + 2
    assert len(confirm.gate.tracker.get_state().started_owner) <= OPERATION.tracker.max_misses + 2


def test_untracked_detections_are_refused_in_one_line() -> None:
    found = replace(tracked(_1=5), tracker_id=None)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="got no tracker_id, expected what a tracker returned"):
        confirmer().update(None, found)
    assert len(confirmer().update(None, sv.Detections.empty())) == 0


def test_missing_scores_and_classes_have_their_default() -> None:
    found = detections_from_supervision(sv.Detections(xyxy=np.array([[1.0, 2, 3, 4]])))
    assert isinstance(found, Detections)
    assert (found.score.tolist(), found.class_id.tolist()) == ([1.0], [-1])


@pytest.mark.parametrize("name", ["SORTTracker", "ByteTrackTracker"])
def test_trackers_of_the_trackers_library_are_confirmed_by_the_gate(name: str) -> None:
    trackers = pytest.importorskip("trackers", reason="trackers is not installed (pip install --no-deps trackers)")
    make: Callable[..., object] = getattr(trackers, name)
    tracker = make(minimum_consecutive_frames=1, track_activation_threshold=0.1)
    confirm, reported = confirmer(), []
    for step in range(8):
        boxes = [[30.0 + 2 * step, 10, 60.0 + 2 * step, 40]]
        if step == 2:
            boxes.append([120.0, 100, 150, 130])  # one flash
        found = sv.Detections(
            xyxy=np.array(boxes), confidence=np.full(len(boxes), 0.9), class_id=np.zeros(len(boxes), int)
        )
        shown = confirm.update(None, tracker.update(found))  # type: ignore[attr-defined]
        reported.append([box[0] for box in shown.xyxy.tolist()])
    # The tracker names a track on its second frame, the gate confirms it on the third one that it sees.
    assert reported == [[], [], [], [36.0], [38.0], [40.0], [42.0], [44.0]]
