"""What the gate remembers of every live track beside its streaming state: plain numbers, a column a track.

No tensors, no pixels. All tracks of a frame are updated at once: a loop over tracks would cost more than what it does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.gate.operation import Operation
from perdure.gate.results import Status
from perdure.rewind import Rewindable
from perdure.rows import places_of
from perdure.stopping.counting import hits_in
from perdure.stopping.rules import Observation
from perdure.types import TrackFrame

STATUSES: tuple[Status, ...] = ("tentative", "persistent", "transient")
TENTATIVE, PERSISTENT, TRANSIENT = range(3)
"""What stands for each of them in a column."""
HISTORY_MASK = (1 << 64) - 1

WHOLE = (
    "opened_age", "first_frame", "age", "status", "rejected_age", "decided_age", "num_encoded", "hit_history",
    "num_scored", "was_reopened", "class_id", "class_lead", "num_hits", "streak", "longest_streak",
)  # fmt: skip
REAL = ("evidence", "cue_total", "max_score", "score_total")
_PLACE = {name: place for names in (WHOLE, REAL) for place, name in enumerate(names)}


@dataclass(frozen=True, slots=True)
class TrackMemory:
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

    @property
    def was_hit_before(self) -> bool:
        """Whether the track was hit on the frame before the latest one."""
        return bool(self.hit_history & 2)

    def recent_hits(self, window: int) -> int:
        """Returns the number of hits among the latest `window` frames."""
        return (self.hit_history & ((1 << window) - 1)).bit_count()


class TrackMemories(Rewindable, Mapping[int, TrackMemory]):
    """The memory of all live tracks, by track.

    Arrays are written into within the frame that has made them and never after it.

    Args:
        track_id: of each column.
        whole: rows `WHOLE`; a status stands as its place in `STATUSES`, a history as the signed number of its bits.
        real: rows `REAL`.
    """

    __slots__ = ("real", "track_id", "whole")

    def __init__(
        self, track_id: Int[np.ndarray, " n"], whole: Int[np.ndarray, "whole n"], real: Float[np.ndarray, "real n"]
    ) -> None:
        self.track_id, self.whole, self.real = track_id, whole, real

    @classmethod
    def empty(cls) -> TrackMemories:
        """Returns the memory of no track."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros((len(WHOLE), 0), dtype=np.int64), np.zeros((len(REAL), 0)))

    def __len__(self) -> int:
        return len(self.track_id)

    def __iter__(self) -> Iterator[int]:
        return iter(self.track_id.tolist())

    def __getitem__(self, track_id: int) -> TrackMemory:
        found = np.flatnonzero(self.track_id == track_id)
        if not len(found):
            raise KeyError(track_id)
        return self.row(int(found[0]))

    def column(self, name: str) -> np.ndarray:
        """Returns one number of all tracks; what is written into it is remembered."""
        return (self.real if name in REAL else self.whole)[_PLACE[name]]

    @property
    def hit_history(self) -> np.ndarray:
        """Hits of all tracks, bit 0 on the latest frame."""
        return self.column("hit_history").view(np.uint64)

    def row(self, row: int) -> TrackMemory:
        """Returns one track."""
        values = dict(zip(WHOLE, self.whole[:, row].tolist(), strict=True))
        values |= dict(zip(REAL, self.real[:, row].tolist(), strict=True))
        values["status"] = STATUSES[values["status"]]
        values["was_reopened"] = bool(values["was_reopened"])
        values["hit_history"] &= HISTORY_MASK
        return TrackMemory(track_id=int(self.track_id[row]), **values)

    def after(self, tracks: TrackFrame) -> tuple[TrackMemories, Bool[np.ndarray, " n"]]:
        """Returns the memory of all tracks of one more frame, and which of them are new."""
        place, is_known = places_of(self.track_id, tracks.track_id)
        num, age, is_hit = len(tracks), tracks.age, tracks.is_hit
        if is_known.all():
            whole, real = self.whole[:, place], self.real[:, place]
        else:
            whole, real = np.zeros((len(WHOLE), num), dtype=np.int64), np.zeros((len(REAL), num))
            whole[:, is_known], real[:, is_known] = self.whole[:, place[is_known]], self.real[:, place[is_known]]
            is_new = ~is_known
            whole[_PLACE["opened_age"], is_new] = age[is_new]
            whole[_PLACE["first_frame"], is_new] = tracks.frame_index - age[is_new] + 1
            whole[_PLACE["class_id"], is_new] = -1
            real[_PLACE["max_score"], is_new] = -np.inf
        found = TrackMemories(tracks.track_id, whole, real)
        found.column("age")[:] = age
        found._vote(tracks)
        history, streak, longest = (found.column(name) for name in ("hit_history", "streak", "longest_streak"))
        history[:] = (history << 1) | is_hit
        streak[:] = (streak + 1) * is_hit
        np.maximum(longest, streak, out=longest)
        for name in ("num_hits", "num_scored"):
            found.column(name)[:] += is_hit
        found.column("cue_total")[:] += tracks.cue
        found.column("score_total")[:] += np.where(is_hit, tracks.score, 0.0)
        most = found.column("max_score")
        np.maximum(most, tracks.score, out=most, where=is_hit)
        return found, ~is_known

    def _vote(self, tracks: TrackFrame) -> None:
        """Counts the classes of detections; none at all is no vote."""
        votes = np.flatnonzero(tracks.is_hit & (tracks.class_id >= 0))
        if not len(votes):
            return
        class_id, lead, given = self.column("class_id"), self.column("class_lead"), tracks.class_id[votes]
        class_id[votes] = np.where(lead[votes] <= 0, given, class_id[votes])
        lead[votes] += np.where(class_id[votes] == given, 1, -1)

    def reopen(self, tracks: TrackFrame, operation: Operation) -> Int[np.ndarray, " n"]:
        """Makes rejected tracks tentative again that refuse to die; returns their columns.

        They were hit too often since to be let go, and count as born now, with the hit that has opened them again.
        """
        is_old = self.column("age") - self.column("rejected_age") >= operation.reopen_window
        rows = np.flatnonzero((self.column("status") == TRANSIENT) & is_old & tracks.is_hit)
        if len(rows):
            rows = rows[hits_in(self.hit_history[rows], operation.reopen_window) >= operation.reopen_hits]
        if len(rows):
            now = {
                "status": TENTATIVE, "was_reopened": 1, "opened_age": self.column("age")[rows], "evidence": 0.0,
                "cue_total": tracks.cue[rows], "max_score": tracks.score[rows], "score_total": tracks.score[rows],
                "num_scored": 1, "hit_history": 1,
            }  # fmt: skip
            for name, value in now.items():
                self.column(name)[rows] = value
        return rows

    def open_for(self, rows: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Returns the frames since evidence gathering began on tracks, this one included."""
        return self.column("age")[rows] - self.column("opened_age")[rows] + 1

    def take(self, rows: Int[np.ndarray, " m"], evidence: Float[np.ndarray, " m"]) -> None:
        """Takes in the evidence of tracks on this frame; that of decided ones stays as it was at the decision."""
        self.column("num_encoded")[rows] += 1
        is_tentative = self.column("status")[rows] == TENTATIVE
        self.column("evidence")[rows[is_tentative]] = evidence[is_tentative]

    def observation(self, rows: Int[np.ndarray, " m"], score: Float[np.ndarray, " m"]) -> Observation:
        """Returns what a stopping rule may know about tracks.

        Args:
            rows: their columns.
            score: of each on this frame, 0 on a miss.
        """
        return Observation(
            evidence=self.column("evidence")[rows],
            age=self.open_for(rows),
            hit_history=self.hit_history[rows],
            cue_total=self.column("cue_total")[rows],
            score=score,
            max_score=self.column("max_score")[rows],
            mean_score=self.column("score_total")[rows] / np.maximum(self.column("num_scored")[rows], 1),
            class_id=self.column("class_id")[rows],
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all memories as named arrays, one row a track."""
        return {"track_id": self.track_id} | {name: self.column(name) for name in (*WHOLE, *REAL)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> TrackMemories:
        """Returns the memories that `to_arrays` described, as a copy."""
        return cls(
            arrays["track_id"].copy(),
            np.stack([arrays[name] for name in WHOLE]).astype(np.int64),
            np.stack([arrays[name] for name in REAL]).astype(np.float64),
        )
