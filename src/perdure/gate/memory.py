"""What the gate remembers of every live track beside its streaming state.

Plain numbers only: no tensors, no pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from jaxtyping import Float

from perdure.gate.operation import Operation
from perdure.gate.results import Status, TrackView
from perdure.metrics.probability import probability_of
from perdure.rewind import Rewindable
from perdure.stopping.rules import Observation
from perdure.types import TrackFrame

STATUSES: tuple[Status, ...] = ("tentative", "persistent", "transient")

HISTORY_MASK = (1 << 64) - 1


@dataclass(slots=True)
class TrackMemory(Rewindable):
    """One live track.

    Args:
        track_id: the tracker's id.
        opened_age: age at which evidence gathering began: 1, or the age of re-opening.
        first_frame: frame index of birth.
        age: age at the latest frame.
        status: tentative until decided.
        evidence: latest evidence in nats.
        rejected_age: age of the latest rejection, 0 while there is none.
        decided_age: age of the first decision, 0 while there is none.
        num_encoded: frames on which the extractor ran.
        hit_history: bit 0 = hit on the latest frame, bit 1 the one before, and so on.
        cue_total: sum of the cues of all hits since opening.
        max_score: largest detection score of all hits since opening.
        score_total: sum of the detection scores of all hits since opening.
        num_scored: hits since opening.
        was_reopened: whether a rejection was taken back.
        class_id: class that most of its detections have, by a vote in constant memory (Boyer and Moore, 1981).
        class_lead: votes that it is ahead by.
        num_hits: hits since birth.
        streak: hits in a row up to the latest frame, 0 on a miss.
        longest_streak: the longest of all so far.
    """

    track_id: int
    opened_age: int
    first_frame: int
    age: int = 0
    status: Status = "tentative"
    evidence: float = 0.0
    rejected_age: int = 0
    decided_age: int = 0
    num_encoded: int = 0
    hit_history: int = 0
    cue_total: float = 0.0
    max_score: float = -math.inf
    score_total: float = 0.0
    num_scored: int = 0
    was_reopened: bool = False
    class_id: int = -1
    class_lead: int = 0
    num_hits: int = 0
    streak: int = 0
    longest_streak: int = 0

    def copied(self) -> TrackMemory:
        """Returns a copy; there is nothing in it but values, and it is made of every track on every frame."""
        return TrackMemory(*_VALUES(self))

    def see(self, age: int, *, is_hit: bool, cue: float, score: float, class_id: int) -> None:
        """Takes in one more frame."""
        self.age = age
        if is_hit:
            self._vote(class_id)
        self.hit_history = ((self.hit_history << 1) | int(is_hit)) & HISTORY_MASK
        self.cue_total += cue
        self.streak = self.streak + 1 if is_hit else 0
        self.longest_streak = max(self.longest_streak, self.streak)
        if is_hit:
            self.num_hits += 1
            self.max_score = max(self.max_score, score)
            self.score_total += score
            self.num_scored += 1

    def _vote(self, class_id: int) -> None:
        """Counts the class of a detection; none at all is no vote."""
        if class_id < 0:
            return
        if self.class_lead <= 0:
            self.class_id = class_id
        self.class_lead += 1 if class_id == self.class_id else -1

    @property
    def mean_score(self) -> float:
        """Mean detection score of all hits since opening; 0 before the first."""
        return self.score_total / max(self.num_scored, 1)

    @property
    def was_hit_before(self) -> bool:
        """Whether the track was hit on the frame before the latest one."""
        return bool(self.hit_history & 2)

    def recent_hits(self, window: int) -> int:
        """Returns the number of hits among the latest `window` frames."""
        return (self.hit_history & ((1 << window) - 1)).bit_count()

    def refuses_to_die(self, operation: Operation) -> bool:
        """Returns whether a rejected track was hit too often since to be let go."""
        window = operation.reopen_window
        is_long_rejected = self.status == "transient" and self.age - self.rejected_age >= window
        return is_long_rejected and self.recent_hits(window) >= operation.reopen_hits

    def reopen(self, *, cue: float, score: float) -> None:
        """Makes a rejected track tentative again, as if born now, with a hit of the given cue and score."""
        self.status, self.was_reopened = "tentative", True
        self.opened_age, self.evidence, self.cue_total = self.age, 0.0, cue
        self.max_score, self.score_total, self.num_scored = score, score, 1
        self.hit_history = 1

    def view(self, tracks: TrackFrame, row: int, logit_prior: float) -> TrackView:
        """Returns what the gate shows of the track after a frame.

        Args:
            tracks: of the frame.
            row: of the track.
            logit_prior: log odds of a new track being persistent.
        """
        x_min, y_min, x_max, y_max = tracks.xyxy_px[row].tolist()
        return TrackView(
            track_id=self.track_id,
            xyxy_px=(x_min, y_min, x_max, y_max),
            age=self.age,
            is_hit=bool(tracks.is_hit[row]),
            status=self.status,
            evidence=self.evidence,
            probability=probability_of(self.evidence, logit_prior),
            class_id=self.class_id,
            score=float(tracks.score[row]),
            num_hits=int(tracks.num_hits[row]),
            decided_age=self.decided_age,
            longest_streak=self.longest_streak,
        )


_VALUES = attrgetter(*(item.name for item in fields(TrackMemory)))


def remember(memories: dict[int, TrackMemory], tracks: TrackFrame, operation: Operation) -> tuple[list[int], list[int]]:
    """Updates the memory of every live track of a frame.

    Returns:
        The ids of tracks to be looked at from here on, new ones and those re-opened, and the ids of the latter alone:
        rejected ones that refuse to die.
    """
    opened, reopened = [], []
    rows = zip(tracks.track_id.tolist(), tracks.age.tolist(), tracks.is_hit.tolist(), tracks.cue.tolist(),
               tracks.score.tolist(), tracks.class_id.tolist(), strict=True)  # fmt: skip
    for track_id, age, is_hit, cue, score, class_id in rows:
        memory = memories.get(track_id)
        if memory is None:
            memory = TrackMemory(track_id, opened_age=age, first_frame=tracks.frame_index - age + 1)
            memories[track_id] = memory
            opened.append(track_id)
        memory.see(age, is_hit=is_hit, cue=cue, score=score, class_id=class_id)
        if is_hit and memory.refuses_to_die(operation):
            memory.reopen(cue=cue, score=score)
            opened.append(track_id)
            reopened.append(track_id)
    return opened, reopened


def observation(memories: list[TrackMemory], score: Float[np.ndarray, " n"]) -> Observation:
    """Returns what a stopping rule may know about tracks.

    Args:
        memories: of the tracks.
        score: of each on this frame, 0 on a miss.
    """
    return Observation(
        evidence=np.array([memory.evidence for memory in memories], dtype=np.float64),
        age=np.array([memory.age - memory.opened_age + 1 for memory in memories], dtype=np.int64),
        hit_history=np.array([memory.hit_history for memory in memories], dtype=np.uint64),
        cue_total=np.array([memory.cue_total for memory in memories], dtype=np.float64),
        score=score,
        max_score=np.array([memory.max_score for memory in memories], dtype=np.float64),
        mean_score=np.array([memory.mean_score for memory in memories], dtype=np.float64),
        class_id=np.array([memory.class_id for memory in memories], dtype=np.int64),
    )


def memories_to_arrays(memories: dict[int, TrackMemory]) -> dict[str, np.ndarray]:
    """Returns all memories as named arrays, one row a track."""
    rows = list(memories.values())
    arrays = {}
    for item in fields(TrackMemory):
        values = [getattr(row, item.name) for row in rows]
        if item.name == "status":
            arrays[item.name] = np.array([STATUSES.index(value) for value in values], dtype=np.int64)
        elif item.name == "hit_history":
            arrays[item.name] = np.array(values, dtype=np.uint64).view(np.int64)
        else:
            is_number = item.type == "float"
            arrays[item.name] = np.array(values, dtype=np.float64 if is_number else np.int64)
    return arrays


def memories_from_arrays(arrays: dict[str, np.ndarray]) -> dict[int, TrackMemory]:
    """Returns the memories that `memories_to_arrays` described."""
    memories = {}
    for row in range(len(arrays["track_id"])):
        values = {item.name: arrays[item.name][row].item() for item in fields(TrackMemory)}
        values["status"] = STATUSES[values["status"]]
        values["was_reopened"] = bool(values["was_reopened"])
        values["hit_history"] &= HISTORY_MASK
        memories[values["track_id"]] = TrackMemory(**values)
    return memories
