"""What is remembered of tracks: counted frame by frame, all tracks at once, and stored to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from perdure.gate.memory import HISTORY_MASK, TRANSIENT, TrackMemories, TrackMemory
from perdure.gate.operation import Operation
from perdure.types import TrackFrame


def frame(index: int, *, age: int, is_hit: bool = True, cue: float = 0.0, score: float = 0.5, class_id: int = -1,
          track_id: int = 1) -> TrackFrame:  # fmt: skip
    """Returns a frame with one track, and before it one that is born on every frame."""
    two = np.array([0, 0])
    return TrackFrame(
        frame_index=index, track_id=np.array([1000 + index, track_id]), age=np.array([1, age]),
        is_hit=np.array([True, is_hit]), xyxy_px=np.zeros((2, 4)), score=np.array([0.25, score * is_hit]),
        class_id=np.array([7, class_id]), cue=np.array([0.0, cue * is_hit]), motion_residual=np.zeros((2, 2)),
        detection_index=two, num_hits=two, num_misses=two, deleted_track_id=np.array([999 + index]),
    )  # fmt: skip


def seen(*frames: TrackFrame) -> TrackMemories:
    memories = TrackMemories.empty()
    for tracks in frames:
        memories, is_new = memories.after(tracks)
        assert is_new.tolist() == [True, tracks.age[1] == 1]
    return memories


def test_hits_are_counted_in_the_latest_frames_alone() -> None:
    marks = enumerate((True, True, False, True), start=1)
    memories = seen(
        *(frame(age, age=age, is_hit=hit, cue=0.5, score=0.5 - 0.25 * age, class_id=2) for age, hit in marks)
    )
    memory = memories[1]
    assert memory.hit_history == 0b1101
    assert [memory.recent_hits(window) for window in (1, 2, 3, 4, 64)] == [1, 1, 2, 3, 3]
    assert not memory.was_hit_before
    assert (memory.age, memory.cue_total, memory.class_id) == (4, 1.5, 2)
    assert (memory.num_hits, memory.streak, memory.longest_streak, memory.first_frame) == (3, 1, 2, 1)
    known = memories.observation(np.array([1]), np.array([0.0]))
    assert (known.max_score[0], known.mean_score[0]) == (0.25, -0.25 / 3), "the miss has a score"
    assert list(memories) == [1004, 1] and 1003 not in memories, "what is no longer live is forgotten"


def test_the_class_of_a_track_is_that_of_most_of_its_detections() -> None:
    """One detection of another class at the end of a track once named all of it."""
    classes = enumerate((-1, 3, 3, 2, 3, -1, 3, 2), start=1)
    frames = [frame(age, age=age, class_id=class_id) for age, class_id in classes]
    memories = seen(*frames, frame(9, age=9, is_hit=False, class_id=2))
    assert memories[1].class_id == 3
    assert TrackMemories.from_arrays(memories.to_arrays())[1] == memories[1]


def test_history_keeps_64_frames() -> None:
    memory = seen(*(frame(age, age=age) for age in range(1, 71)))[1]
    assert memory.hit_history == HISTORY_MASK
    assert memory.recent_hits(64) == 64


def test_opening_again_starts_with_the_hit_that_caused_it() -> None:
    memories = seen(*(frame(age + 4, age=age, cue=-1.0) for age in range(1, 11)))
    for name, value in (("status", TRANSIENT), ("rejected_age", 3), ("decided_age", 3), ("evidence", -4.0)):
        memories.column(name)[1] = value
    operation = Operation(reopen_hits=6, reopen_window=8)
    assert memories.reopen(frame(14, age=10, cue=-1.0), operation).tolist() == [], "seven frames after its rejection"
    tracks = frame(15, age=11, cue=-1.0, score=0.25)
    memories, _ = memories.after(tracks)
    assert memories.reopen(tracks, operation).tolist() == [1]
    assert memories[1] == TrackMemory(
        1, opened_age=11, first_frame=5, age=11, rejected_age=3, decided_age=3, hit_history=1, cue_total=-1.0,
        was_reopened=True, max_score=0.25, score_total=0.25, num_scored=1, num_hits=11, streak=11, longest_streak=11,
    )  # fmt: skip


def test_a_track_that_is_missed_or_too_rarely_hit_stays_rejected() -> None:
    marks = enumerate("1111100001", start=1)
    memories = seen(*(frame(age, age=age, is_hit=mark == "1") for age, mark in marks))
    memories.column("status")[1] = TRANSIENT
    assert memories.reopen(frame(10, age=10), Operation(reopen_hits=6, reopen_window=8)).tolist() == []
    assert memories.reopen(frame(10, age=10, is_hit=False), Operation(reopen_hits=1, reopen_window=8)).tolist() == []
    assert memories.reopen(frame(10, age=10), Operation(reopen_hits=4, reopen_window=8)).tolist() == [1]


def test_what_a_frame_has_left_is_never_written_into() -> None:
    """Views of tracks are made when somebody looks, which may be frames later."""
    before = seen(*(frame(age, age=age) for age in range(1, 4)))
    stored = {name: values.copy() for name, values in before.to_arrays().items()}
    after, _ = before.after(frame(4, age=4))
    after.column("status")[:] = TRANSIENT
    assert all(np.array_equal(stored[name], values) for name, values in before.to_arrays().items())


def test_memories_survive_storage() -> None:
    one = TrackMemory(1, opened_age=1, first_frame=0)
    memories = [
        replace(one, track_id=7, opened_age=3, first_frame=2, age=70, status="persistent", evidence=1.25,
                hit_history=1 << 63),
        replace(one, track_id=2, age=1, status="transient", cue_total=-0.5, was_reopened=True, max_score=-0.25,
                score_total=-1.5, num_scored=3),
        replace(one, track_id=3, hit_history=HISTORY_MASK, num_encoded=4, class_id=9),
    ]  # fmt: skip
    table = TrackMemories.empty()
    table, _ = table.after(replace(frame(0, age=1), **{
        name: np.repeat(values[:1], 3, axis=0) for name, values in vars_of(frame(0, age=1)).items()
    } | {"track_id": np.array([7, 2, 3])}))  # fmt: skip
    for row, memory in enumerate(memories):
        for name in (*(set(memory.__dataclass_fields__) - {"track_id", "status", "hit_history"}),):
            table.column(name)[row] = getattr(memory, name)
        table.column("status")[row] = ("tentative", "persistent", "transient").index(memory.status)
        table.hit_history[row] = memory.hit_history
    stored = TrackMemories.from_arrays(table.to_arrays())
    assert list(stored.values()) == memories
    assert list(stored) == [7, 2, 3], "the order of tracks has changed"
    assert all(type(memory.was_reopened) is bool for memory in stored.values())
    assert memories[0].max_score == -math.inf
    assert dict(TrackMemories.from_arrays(TrackMemories.empty().to_arrays())) == {}


def vars_of(tracks: TrackFrame) -> dict[str, np.ndarray]:
    """Returns the arrays of a frame with a row a track."""
    names = set(tracks.__dataclass_fields__) - {"frame_index", "deleted_track_id"}
    return {name: getattr(tracks, name) for name in names}
