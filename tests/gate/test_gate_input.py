"""What the gate takes in: frames or none, tracks of its own or of somebody else; and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate.scripted import NEVER, CueRule, Script, detections, evidence_by_age, picture, play
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.tracking.tracker import Tracker
from perdure.types import Detections, TrackFrame

ONE = Detections(xyxy_px=np.array([[10.0, 10.0, 20.0, 20.0]]), score=np.array([0.5]))


def test_a_model_that_reads_pixels_needs_frames(model: PersistenceModel) -> None:
    with pytest.raises(ValueError, match=r"frame 0: got None, expected pixels .* or weights trained with uses_pixels"):
        PersistenceGate(model, NEVER, image_size=(40, 40)).update(None, ONE)


def test_without_frames_the_image_size_must_be_given(pixelless: PersistenceModel) -> None:
    with pytest.raises(ValueError, match=r"image_size: got None, expected \(width, height\) in pixels"):
        PersistenceGate(pixelless, NEVER).update(None, ONE)


def test_frames_are_not_needed_where_there_is_nothing_to_encode(model: PersistenceModel) -> None:
    assert PersistenceGate(model, NEVER).update(None, Detections.empty()).num_encoded == 0


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize(
    ("frame", "got"),
    [
        (np.zeros((40, 40, 3)), r"float64 of shape \(40, 40, 3\)"),
        (np.zeros((40, 40), np.uint8), r"uint8 of shape \(40, 40\)"),
        (np.zeros((3, 40, 40), np.uint8), r"uint8 of shape \(3, 40, 40\)"),
    ],
)
def test_a_frame_of_another_kind_is_named(model: PersistenceModel, frame: np.ndarray, got: str) -> None:
    with pytest.raises(ValueError, match=rf"frame: got {got}, expected uint8 \(height, width, 3\)"):
        PersistenceGate(model, NEVER).update(frame, ONE)


def test_without_pixels_the_frame_only_tells_its_size(pixelless: PersistenceModel) -> None:
    scripts = [Script("0.00"), Script("00")]
    with_frames = list(play(PersistenceGate(pixelless, NEVER), scripts, 8))
    without = list(play(PersistenceGate(pixelless, NEVER, image_size=(80, 40)), scripts, 8, pixels=False))
    assert with_frames == without
    assert np.isfinite([value for values in evidence_by_age(without).values() for value in values]).all()
    other_size = list(play(PersistenceGate(pixelless, NEVER, image_size=(400, 400)), scripts, 8, pixels=False))
    assert other_size != without


def test_boxes_outside_the_frame_and_absurd_scores_are_survived(model: PersistenceModel) -> None:
    gate = PersistenceGate(model, NEVER)
    boxes = np.array([[-500.0, -500.0, -490.0, -480.0], [0, 0, 1e5, 1e5], [39.0, 39.0, 39.5, 39.5]])
    found = Detections(xyxy_px=boxes, score=np.array([1e9, -1e9, 0.0]), cue=np.array([1e6, 0.0, -1e6]))
    for frame in range(4):
        result = gate.update(picture(1, frame), found)
        assert np.isfinite([track.evidence for track in result.tracks]).all()
        assert len(result.tracks) == 3


def test_time_stamps_are_handed_through(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), image_size=(40, 40))
    stamps = [5.0, 5.1, 5.25]
    results = [gate.update(None, detections([Script("+++")], n), time_s=stamp) for n, stamp in enumerate(stamps)]
    assert [result.time_s for result in results] == stamps
    assert results[-1].decisions[0].time_s == 5.25


def renamed(tracks: TrackFrame) -> TrackFrame:
    return replace(tracks, track_id=1000 - tracks.track_id, deleted_track_id=1000 - tracks.deleted_track_id)


def test_tracks_of_somebody_else_are_decided_alike(model: PersistenceModel) -> None:
    scripts = [Script("+0++0"), Script("---++++++++++++"), Script("0"), Script("0" * 12, start=2)]
    rule = CueRule(horizon=9)
    own = list(play(PersistenceGate(model, rule), scripts, 18))
    gate, tracker = PersistenceGate(model, rule), Tracker()
    other = [
        gate.observe(picture(4, frame), renamed(tracker.update(detections(scripts, frame)))) for frame in range(18)
    ]
    assert sum(len(result.decisions) for result in own) == 5
    for mine, theirs in zip(own, other, strict=True):
        assert [replace(item, track_id=1000 - item.track_id) for item in theirs.decisions] == list(mine.decisions)
        assert [replace(item, track_id=1000 - item.track_id) for item in theirs.tracks] == list(mine.tracks)


def test_a_track_that_is_met_late_is_gathered_from_then_on(model: PersistenceModel) -> None:
    """Its age counts from its birth, the horizon from the first frame that the gate saw."""
    gate, tracker = PersistenceGate(model, CueRule(horizon=5)), Tracker()
    results = []
    for frame in range(10):
        tracks = tracker.update(detections([Script("0" * 10)], frame))
        if frame >= 4:
            results.append(gate.observe(picture(1, frame), tracks))
    decisions = [item for result in results for item in result.decisions]
    assert [(item.age, item.frame_index, item.reason) for item in decisions] == [(9, 8, "timeout")]
    assert gate.memories[0].first_frame == 0
    assert gate.memories[0].num_encoded == 5


def test_deletion_of_an_unknown_track_is_no_decision(model: PersistenceModel) -> None:
    empty = Tracker().update(Detections.empty())
    gate = PersistenceGate(model, NEVER)
    result = gate.observe(picture(1, 0), replace(empty, deleted_track_id=np.array([7])))
    assert result.decisions == ()
