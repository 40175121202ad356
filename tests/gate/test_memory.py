"""What is remembered of a track survives storage to the last bit."""

from __future__ import annotations

from perdure.gate.memory import HISTORY_MASK, TrackMemory, memories_from_arrays, memories_to_arrays


def test_hits_are_counted_in_the_latest_frames_alone() -> None:
    memory = TrackMemory(1, opened_age=1, first_frame=0)
    for age, is_hit in enumerate((True, True, False, True), start=1):
        memory.see(age, is_hit=is_hit, cue=0.5 * is_hit, score=(0.5 - 0.25 * age) * is_hit, class_id=2)
    assert memory.hit_history == 0b1101
    assert [memory.recent_hits(window) for window in (1, 2, 3, 4, 64)] == [1, 1, 2, 3, 3]
    assert not memory.was_hit_before
    assert (memory.age, memory.cue_total, memory.class_id) == (4, 1.5, 2)
    assert (memory.max_score, memory.mean_score) == (0.25, -0.25 / 3), "the miss has a score"


def test_the_class_of_a_track_is_that_of_most_of_its_detections() -> None:
    """One detection of another class at the end of a track once named all of it."""
    memory = TrackMemory(1, opened_age=1, first_frame=0)
    for age, class_id in enumerate((-1, 3, 3, 2, 3, -1, 3, 2), start=1):
        memory.see(age, is_hit=True, cue=0.0, score=0.5, class_id=class_id)
    memory.see(9, is_hit=False, cue=0.0, score=0.0, class_id=2)
    assert memory.class_id == 3
    assert memories_from_arrays(memories_to_arrays({1: memory}))[1] == memory


def test_history_keeps_64_frames() -> None:
    memory = TrackMemory(1, opened_age=1, first_frame=0)
    for age in range(1, 71):
        memory.see(age, is_hit=True, cue=0.0, score=0.0, class_id=-1)
    assert memory.hit_history == HISTORY_MASK
    assert memory.recent_hits(64) == 64


def test_opening_again_starts_with_the_hit_that_caused_it() -> None:
    memory = TrackMemory(1, opened_age=1, first_frame=5)
    for age in range(1, 12):
        memory.see(age, is_hit=True, cue=-1.0, score=0.5, class_id=-1)
    memory.status, memory.rejected_age, memory.decided_age, memory.evidence = "transient", 3, 3, -4.0
    memory.reopen(cue=-1.0, score=0.25)
    assert memory == TrackMemory(
        1, opened_age=11, first_frame=5, age=11, rejected_age=3, decided_age=3, hit_history=1, cue_total=-1.0,
        was_reopened=True, max_score=0.25, score_total=0.25, num_scored=1, num_hits=11, streak=11, longest_streak=11,
    )  # fmt: skip


def test_memories_survive_storage() -> None:
    memories = {
        7: TrackMemory(7, opened_age=3, first_frame=2, age=70, status="persistent", evidence=1.25, hit_history=1 << 63),
        2: TrackMemory(
            2,
            opened_age=1,
            first_frame=0,
            age=1,
            status="transient",
            cue_total=-0.5,
            was_reopened=True,
            max_score=-0.25,
            score_total=-1.5,
            num_scored=3,
        ),
        3: TrackMemory(3, opened_age=1, first_frame=0, hit_history=HISTORY_MASK, num_encoded=4, class_id=9),
    }
    stored = memories_from_arrays(memories_to_arrays(memories))
    assert stored == memories
    assert list(stored) == [7, 2, 3], "the order of tracks has changed"
    assert all(type(memory.was_reopened) is bool for memory in stored.values())
    assert memories_from_arrays(memories_to_arrays({})) == {}
