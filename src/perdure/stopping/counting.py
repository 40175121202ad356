"""Rules of tracking libraries that count hits: M of N, SORT, DeepSORT, ByteTrack.

They read hits and ages only, never evidence. Each confirms and gives up exactly as its library does; giving up counts
as "transient".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt64

from perdure.stopping.rules import MAX_HORIZON, Horizon, Observation, Verdict


def hits_in(history: UInt64[np.ndarray, " n"], window: int | Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Returns the number of hits among the latest `window` frames (0 to 64) of each history.

    >>> hits_in(np.array([0b1011, 0b1011], dtype=np.uint64), np.array([2, 64])).tolist()
    [2, 3]
    """
    width = np.clip(np.broadcast_to(window, history.shape), 0, MAX_HORIZON).astype(np.uint64)
    # Shifting 64 bits by 64 is undefined, so an empty window is masked out instead.
    kept = history << (np.uint64(MAX_HORIZON) - np.maximum(width, np.uint64(1)))
    return np.where(width == 0, 0, np.bitwise_count(kept)).astype(np.int64)


def is_hit_streak(history: UInt64[np.ndarray, " n"], length: int | Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Returns whether the latest `length` frames are all hits.

    >>> is_hit_streak(np.array([0b0111, 0b1011], dtype=np.uint64), 3).tolist()
    [True, False]
    """
    return hits_in(history, length) >= length


@dataclass(frozen=True, kw_only=True, slots=True)
class MOfN(Horizon):
    """Confirms on the M-th hit within the first N frames, gives up once M can no longer be reached."""

    num_hits: int = 4
    """M: hits that confirm, birth included."""
    num_frames: int = 6
    """N: frames from birth within which they must fall."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if not 1 <= self.num_hits <= self.num_frames <= MAX_HORIZON:
            raise ValueError(
                f"num_hits and num_frames: got {self.num_hits} of {self.num_frames}, "
                f"expected 1 <= M <= N <= {MAX_HORIZON}"
            )

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the number of hits and misses since birth."""
        hits = hits_in(observation.hit_history, observation.age)
        misses = observation.age - hits
        confirm = hits >= self.num_hits
        return self.verdict(
            observation.age, confirm=confirm, reject=~confirm & (misses > self.num_frames - self.num_hits)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SortLogic(Horizon):
    """SORT (abewley/sort, sort.py): reported once `hit_streak` reaches min_hits, deleted after max_age + 1 misses.

    `hit_streak` is 0 at birth, grows by 1 on every hit and is set to 0 on the frame after a miss. So the default
    needs 4 hits in a row from birth, or 3 in a row after a miss.
    """

    min_hits: int = 3
    """Value of `hit_streak` that confirms."""
    max_age: int = 1
    """Consecutive misses that a track survives."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if not 1 <= self.min_hits < MAX_HORIZON or not 0 <= self.max_age < MAX_HORIZON:
            raise ValueError(f"min_hits and max_age: got {self.min_hits} and {self.max_age}, expected 1 and 0 or more")

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the latest hits and misses."""
        history, age = observation.hit_history, observation.age
        # The hit at birth does not count: a streak as long as the track is worth one less.
        is_whole_track = age <= self.min_hits
        confirm = is_hit_streak(history, self.min_hits) & ~is_whole_track
        is_lost = (hits_in(history, self.max_age + 1) == 0) & (age > self.max_age + 1)
        return self.verdict(age, confirm=confirm, reject=is_lost)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepSortLogic(Horizon):
    """DeepSORT (nwojke/deep_sort, track.py): confirmed on the n_init-th hit in a row, deleted on the first miss."""

    n_init: int = 3
    """Hits in a row from birth (birth counts) that confirm."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if not 1 <= self.n_init <= MAX_HORIZON:
            raise ValueError(f"n_init: got {self.n_init}, expected 1 to {MAX_HORIZON}")

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the latest hits."""
        is_unbroken = is_hit_streak(observation.hit_history, observation.age)
        confirm = is_unbroken & (observation.age >= self.n_init)
        return self.verdict(observation.age, confirm=confirm, reject=~is_unbroken)


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteTrackLogic(Horizon):
    """ByteTrack (ifzhang/ByteTrack, byte_tracker.py): a new track must be hit on its second frame, or is removed."""

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the second frame on."""
        is_due = observation.age >= 2
        is_hit = is_hit_streak(observation.hit_history, 1)
        return self.verdict(observation.age, confirm=is_due & is_hit, reject=is_due & ~is_hit)
