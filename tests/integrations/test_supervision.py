"""The gate behind another tracker: what is reported, from when on, and what it costs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.small_model import HORIZON, OPERATION, small_model
from perdure.gate.gate import PersistenceGate
from perdure.integrations.supervision import FORGET_AFTER, WARN_AFTER, TrackConfirmer
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.rules import TruncatedSPRT

sv = pytest.importorskip("supervision", reason="supervision is not installed (pip install 'perdure[supervision]')")

THREE = ScoredMOfN(window="first", num_hits=3, num_frames=4, horizon=HORIZON, on_timeout="transient")


def confirmer(rule: object = THREE) -> TrackConfirmer:
    """Returns one whose weights need no picture; the rule counts hits, so what it confirms is known."""
    model = small_model(uses_pixels=False, uses_cue=True)
    return TrackConfirmer(PersistenceGate(model, rule, image_size=(200, 200)))  # type: ignore[arg-type]


def tracked(**boxes: float) -> object:
    """Returns detections of tracks by id, as in `tracked(_7=30.0)`: a box of side 20 at that place."""
    ids = np.array([int(name[1:].replace("m", "-")) for name in boxes], int)
    xyxy = np.array([[x, 10, x + 20, 30] for x in boxes.values()], float).reshape(-1, 4)
    return sv.Detections(xyxy=xyxy, confidence=np.full(len(ids), 0.9), class_id=np.zeros(len(ids), int), tracker_id=ids)


def named(ids: object, at: list[float]) -> Any:
    """Returns detections with ids of any kind, a box of side 20 at each place."""
    xyxy = np.array([[x, 10, x + 20, 30] for x in at], float)
    given = ids if isinstance(ids, np.ndarray) else np.array(ids, object)
    return sv.Detections(xyxy=xyxy, confidence=np.full(len(at), 0.9), tracker_id=given)


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


@pytest.mark.parametrize("nothing", [-1, None, np.nan, ""], ids=["-1", "None", "NaN", "empty"])
def test_boxes_without_a_track_are_not_reported(nothing: object) -> None:
    confirm = confirmer()
    for step in range(6):
        found = named([nothing, "a"], [30, 120 + step])
        assert confirm.update(None, found).tracker_id.tolist() == ([] if step < 2 else ["a"])


def test_the_first_box_of_a_track_counts_though_the_tracker_gives_it_no_id_yet() -> None:
    """The `trackers` library reports the first box of every track with id -1, so that the gate was a frame late."""
    confirm = confirmer()
    confirm.update(None, tracked(_m1=30))
    confirm.update(None, tracked(_7=33, _m1=120))
    found = confirm.update(None, tracked(_7=36, _8=121))
    assert (ids_of(found), found.data["persistence_age"].tolist()) == ([7], [3])
    assert ids_of(confirm.update(None, tracked(_7=39, _8=122))) == [7, 8]
    far = confirmer()
    far.update(None, tracked(_m1=30))
    far.update(None, tracked(_7=100))
    assert far.last is not None
    assert sorted(view.age for view in far.last.tracks if view.is_hit) == [1]


KINDS = {
    "floats": np.array([7.0, 3.0], np.float32), "texts": np.array(["7", "3"]), "negative": np.array([-7, -3]),
    "uuids": np.array([uuid.uuid5(uuid.NAMESPACE_URL, name) for name in "ab"], object), "zero": np.array([0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("ids", KINDS.values(), ids=KINDS)
def test_ids_of_any_kind_are_told_apart(ids: np.ndarray) -> None:
    confirm = confirmer()
    for step in range(4):
        found = confirm.update(None, named(ids[: 1 + (step > 0)], [30 + step, 120][: 1 + (step > 0)]))
        assert found.tracker_id.tolist() == ids[: max(step - 1, 0)].tolist()


def test_ids_that_cannot_be_told_apart_are_refused() -> None:
    ids = np.empty(1, object)
    ids[0] = [7]
    with pytest.raises(ValueError, match=r"tracker_id: got \[7\] of type list, expected numbers, texts or UUIDs"):
        confirmer().update(None, named(ids, [30]))


@pytest.mark.parametrize("bad", [[30, 480, 80, 480], [np.nan, 1, 2, 3], [50, 10, 30, 30], [0, 1, np.inf, 3]])
def test_a_row_that_can_be_no_detection_is_left_out_and_the_stream_goes_on(bad: list[float]) -> None:
    confirm = confirmer()
    for step in range(3):
        found = named([7, 8], [30 + step, 120])
        found.xyxy[1] = bad  # type: ignore[attr-defined]
        shown = confirm.update(None, found)
    assert (shown.tracker_id.tolist(), confirm.gate.tracker.num_invalid) == ([7], 3)


def test_memory_does_not_grow_with_tracks_that_are_gone() -> None:
    confirm = confirmer()
    for track in range(0, 400, 4):
        for _ in range(4):
            confirm.update(None, tracked(**{f"_{track}": 50}))
    assert len(confirm._confirmed) <= FORGET_AFTER // 4 + 2
    assert len(confirm._number_of_track) <= OPERATION.tracker.max_misses + 2
    assert len(confirm.gate.tracker.get_state().started_owner) <= OPERATION.tracker.max_misses + 2


def test_a_confirmer_goes_on_over_a_restart_with_its_gate(tmp_path: Path) -> None:
    ids = [uuid.uuid5(uuid.NAMESPACE_URL, "a"), "b", 7, 2.5]
    shown = [named([-1, *ids], [10 + step, *(100 + 100 * k + step for k in range(4))]) for step in range(4)]
    one, other = confirmer(), confirmer()
    for found in shown[:2]:
        one.update(None, found)
    one.save_state(tmp_path / "state.safetensors")
    other.load_state(tmp_path / "state.safetensors")
    for found in (*shown[2:], named(["late"], [14])):
        results = [confirm.update(None, found) for confirm in (one, other)]
        assert results[0].tracker_id.tolist() == results[1].tracker_id.tolist()
        assert results[0].data["persistence_age"].tolist() == results[1].data["persistence_age"].tolist()
    assert results[1].tracker_id.tolist() == ["late"]
    with pytest.raises(ValueError, match="of type tuple, expected int, float, str, UUID to store it"):
        one.update(None, named(np.array([(1, 2), None], object)[:1], [10]))
        one.save_state(tmp_path / "other.safetensors")


def test_a_new_confirmer_goes_on_with_the_state_of_its_gate_alone(tmp_path: Path) -> None:
    """Its numbers began at 0 again, those of other tracks: nothing was reported for as long as these lived."""
    shown = [tracked(_9=10 + step, _7=60 + step, _3=150 + step) for step in range(3)]
    one = confirmer()
    for found in shown:
        one.update(None, found)
    one.update(None, tracked(_9=13, _7=63, _3=153, _5=110))  # confirmed, and a track that is one frame old
    one.gate.save_state(tmp_path / "state.safetensors")
    other = confirmer()
    other.gate.load_state(tmp_path / "state.safetensors")
    other = TrackConfirmer(other.gate)
    for step in range(4, 8):
        found = tracked(_5=106 + step, _3=150 + step, _9=10 + step, _7=60 + step)
        results = [confirm.update(None, found) for confirm in (one, other)]
        assert ids_of(results[1]) == ids_of(results[0]) != []
        assert results[1].data["persistence_age"].tolist() == results[0].data["persistence_age"].tolist()


def test_a_gate_alone_is_no_confirmer(tmp_path: Path) -> None:
    confirmer().gate.save_state(tmp_path / "state.safetensors")
    with pytest.raises(FileNotFoundError, match=r"state\.ids\.json"):
        confirmer().load_state(tmp_path / "state.safetensors")


def test_ids_mean_nothing_after_a_reset_or_an_hour() -> None:
    """Trackers count from 1 again in the next video; whatever got the id of a confirmed track was reported at once."""
    for is_reset in (True, False):
        confirm = confirmer()
        for step in range(8):
            found = confirm.update(None, tracked(_1=30 + step), time_s=step / 25)
        assert ids_of(found) == [1]
        if is_reset:
            confirm.reset()
        assert ids_of(confirm.update(None, tracked(_1=150), time_s=0.0 if is_reset else 3600.0)) == []
        assert confirm.last is not None and [view.age for view in confirm.last.tracks] == [1]


def test_no_ids_at_all_mean_no_tracks_on_this_frame(caplog: pytest.LogCaptureFixture) -> None:
    """Ultralytics gives None for a frame without tracks, and boxes beside it; that ended the stream."""
    confirm = confirmer()
    nothing = replace(tracked(_1=5), tracker_id=None)  # type: ignore[type-var]
    shown = [nothing, tracked(_7=30), nothing, tracked(_7=32)]
    assert [len(confirm.update(None, found)) for found in shown] == [0] * 4
    assert len(confirm.update(None, tracked(_7=33))) == 1
    assert not caplog.messages
    never = confirmer()
    for _ in range(3 * WARN_AFTER):
        assert len(never.update(None, nothing)) == 0
    assert len(caplog.messages) == 1
    assert "got no tracker_id on 3 frames with boxes, expected what a tracker returned" in caplog.text
    assert len(never.update(None, sv.Detections.empty())) == 0


def test_what_is_reported_late_is_given_from_its_birth_on_once() -> None:
    """The first frames of every track, which nobody can report in time, cost detection in every score of tracks."""
    confirm, given = confirmer(), []
    shown = [tracked(_m1=30), tracked(_7=31, _3=120), tracked(), tracked(_7=32, _3=121), tracked(_7=33)]
    for found in shown:
        confirm.update(None, found)
        given.append(dict(confirm.backfilled))
    assert [list(one) for one in given] == [[], [], [], [7], []]
    history = given[3][7]
    assert history.frame_index.tolist() == [0, 1, 3], "the box that had no id yet is the first one"
    assert history.xyxy_px[:, 0].tolist() == [30, 31, 32] and history.score.tolist() == [0.9] * 3
    confirm.reset()
    assert confirm.backfilled == {}


def test_a_track_confirmed_before_it_has_an_id_is_given_when_it_is_named(tmp_path: Path) -> None:
    at_once = ScoredMOfN(window="first", num_hits=1, num_frames=2, horizon=HORIZON, on_timeout="transient")
    one, other = confirmer(at_once), confirmer(at_once)
    one.update(None, tracked(_m1=30))
    assert one.last is not None and one.last.decisions[0].label == "persistent" and one.backfilled == {}
    one.save_state(tmp_path / "state.safetensors")
    other.load_state(tmp_path / "state.safetensors")
    assert ids_of(other.update(None, tracked(_7=31))) == [7]
    assert other.backfilled[7].xyxy_px.tolist() == [[30, 10, 50, 30]]


LOW = {"minimum_consecutive_frames": 1, "track_activation_threshold": 0.1}
OF_TRACKERS = {
    "SORTTracker": LOW,
    "ByteTrackTracker": LOW | {"high_conf_det_threshold": 0.1},
    "OCSORTTracker": {"minimum_consecutive_frames": 1, "high_conf_det_threshold": 0.1},
}
"""What the how-to page says that each tracker needs."""


@pytest.mark.parametrize("name", OF_TRACKERS)
def test_trackers_of_the_trackers_library_are_confirmed_by_the_gate(name: str) -> None:
    """With weak detections, which a threshold of its own would keep from starting a track."""
    trackers = pytest.importorskip("trackers", reason="trackers is not installed (pip install --no-deps trackers)")
    make: Callable[..., Any] = getattr(trackers, name)
    tracker = make(**OF_TRACKERS[name])
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "behind-my-tracker.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page
    confirm, reported = confirmer(), []
    for step in range(8):
        boxes = [[30.0 + 2 * step, 10, 60.0 + 2 * step, 40]]
        if step == 2:
            boxes.append([120.0, 100, 150, 130])  # one flash
        found = sv.Detections(
            xyxy=np.array(boxes), confidence=np.full(len(boxes), 0.3), class_id=np.zeros(len(boxes), int)
        )
        shown = confirm.update(None, tracker.update(found))
        reported.append([box[0] for box in shown.xyxy.tolist()])
    # The tracker names a track on its second frame only; the gate has held the first one and confirms on the third.
    assert reported == [[], [], [34.0], [36.0], [38.0], [40.0], [42.0], [44.0]]
