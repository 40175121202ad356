"""Labels of tracks from the truth of the objects their hits lie on."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.tracking.tracker import Tracker, TrackerConfig
from perdure.tracking.truth import TrackTruth
from perdure.types import NO_OWNER, ClipTruth, Detections, TrackFrame

# Objects: 0 persistent, 1 transient (alive in frames 0 and 1 only), 2 persistent.
PERSISTENT_A, TRANSIENT, PERSISTENT_B = 0, 1, 2


def truth_of(owners: list[int]) -> ClipTruth:
    num_frames = len(owners)
    is_alive = np.ones((3, num_frames), dtype=bool)
    is_alive[TRANSIENT, 2:] = False
    return ClipTruth(
        is_persistent=np.array([True, False, True]),
        birth_frame=np.zeros(3, dtype=int),
        last_frame=np.array([num_frames - 1, 1, num_frames - 1]),
        xyxy_px=np.zeros((3, num_frames, 4)),
        is_alive=is_alive,
        cue=np.zeros((3, num_frames)),
        detection_owner=tuple(np.array([owner]) for owner in owners),
    )


def one_track(num_frames: int, missed: tuple[int, ...] = ()) -> list[TrackFrame]:
    tracker = Tracker()
    there = Detections(xyxy_px=np.array([[0.0, 0, 10, 10]]), score=np.ones(1))
    return [tracker.update(Detections.empty() if t in missed else there) for t in range(num_frames)]


@pytest.mark.parametrize(
    ("owners", "label", "owner"),
    [
        ([PERSISTENT_A], "persistent", PERSISTENT_A),
        ([PERSISTENT_A, PERSISTENT_A, NO_OWNER], "persistent", PERSISTENT_A),
        ([PERSISTENT_A, NO_OWNER], "transient", NO_OWNER),
        ([PERSISTENT_A, NO_OWNER, NO_OWNER], "transient", NO_OWNER),
        ([TRANSIENT, TRANSIENT, PERSISTENT_A], "transient", TRANSIENT),
        ([TRANSIENT, PERSISTENT_A, PERSISTENT_A], "persistent", PERSISTENT_A),
        ([PERSISTENT_A, PERSISTENT_B], "transient", NO_OWNER),
        # After its death a hit in the gate of the transient object is a hit on nothing.
        ([TRANSIENT, TRANSIENT, TRANSIENT, TRANSIENT], "transient", NO_OWNER),
        ([TRANSIENT, TRANSIENT, TRANSIENT], "transient", TRANSIENT),
        ([NO_OWNER, NO_OWNER], "transient", NO_OWNER),
    ],
)
def test_majority_of_hits_decides(owners: list[int], label: str, owner: int) -> None:
    truth = truth_of(owners)
    collected = TrackTruth(truth)
    frames = one_track(len(owners))
    for tracks in frames:
        collected.add(tracks)
    assert (collected.label(0), collected.owner(0)) == (label, owner)


def labels_of(frames: list[TrackFrame], truth: ClipTruth) -> dict[int, str]:
    collected = TrackTruth(truth)
    for tracks in frames:
        collected.add(tracks)
    return collected.labels()


def test_missed_frames_do_not_count() -> None:
    owners = [PERSISTENT_A, NO_OWNER, NO_OWNER, NO_OWNER, PERSISTENT_A]
    assert labels_of(one_track(5, missed=(1, 2, 3)), truth_of(owners)) == {0: "persistent"}


def test_each_track_has_its_own_label_also_after_deletion() -> None:
    tracker = Tracker(TrackerConfig(max_misses=1))
    there = Detections(xyxy_px=np.array([[0.0, 0, 10, 10]]), score=np.ones(1))
    frames = [tracker.update(d) for d in (there, Detections.empty(), there)]
    assert labels_of(frames, truth_of([TRANSIENT, NO_OWNER, PERSISTENT_A])) == {0: "transient", 1: "persistent"}
