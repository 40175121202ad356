"""Rules that count hits: M of N with or without a score, and SORT, DeepSORT, ByteTrack as in tracking libraries.

They read hits, ages and scores only, never evidence. Each rule of a library confirms and gives up exactly as the
library does; giving up counts as "transient".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

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


ScoreOf = Literal["max", "mean"]
Window = Literal["latest", "first"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredMOfN(Horizon):
    """The M-of-N baseline: M hits within N frames and a good enough score of the hits so far.

    What people set by hand, and a strong opponent once it is tuned (`hand_rule.tune_hand_rule`): much of what is known
    about a young track is in its detector's score.
    """

    num_hits: int = 2
    """M: hits that are needed."""
    num_frames: int = 3
    """N: frames within which they must fall."""
    window: Window = "latest"
    """Which N frames: the latest ones, or the first ones from birth, which gives up once M can no longer be reached."""
    score_of: ScoreOf = "max"
    """Which score of all hits so far is compared: the largest, or the mean."""
    min_score: float = -math.inf
    """Least score that confirms, on the detector's own scale; minus infinity asks for none."""
    max_misses: int | None = None
    """Gives up after this many misses in a row; None leaves that to the tracker and the horizon."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if not 1 <= self.num_hits <= self.num_frames <= MAX_HORIZON:
            raise ValueError(
                f"num_hits and num_frames: got {self.num_hits} of {self.num_frames}, "
                f"expected 1 <= M <= N <= {MAX_HORIZON}"
            )
        if self.window not in ("latest", "first"):
            raise ValueError(f"window: got '{self.window}', expected latest or first")
        if self.score_of not in ("max", "mean"):
            raise ValueError(f"score_of: got '{self.score_of}', expected max or mean")
        if math.isnan(self.min_score):
            raise ValueError(f"min_score: got {self.min_score}, expected a number")
        if self.max_misses is not None and not 1 <= self.max_misses < MAX_HORIZON:
            raise ValueError(f"max_misses: got {self.max_misses}, expected 1 to {MAX_HORIZON - 1}, or None")

    def has_hits(self, observation: Observation) -> Bool[np.ndarray, " n"]:
        """Returns whether there are M hits."""
        window = self.num_frames if self.window == "latest" else observation.age
        return hits_in(observation.hit_history, window) >= self.num_hits

    def score(self, observation: Observation) -> Float[np.ndarray, " n"]:
        """Returns the score that is compared."""
        return observation.max_score if self.score_of == "max" else observation.mean_score

    def gives_up(self, observation: Observation) -> Bool[np.ndarray, " n"]:
        """Returns whether there are too many misses; a frame that adds one never confirms."""
        history, age = observation.hit_history, observation.age
        is_lost = np.zeros(len(observation), dtype=bool)
        if self.window == "first":
            is_lost |= age - hits_in(history, age) > self.num_frames - self.num_hits
        if self.max_misses is not None:
            is_lost |= (hits_in(history, self.max_misses) == 0) & (age > self.max_misses)
        return is_lost

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the latest hits and misses and the score."""
        is_lost = self.gives_up(observation)
        confirm = self.has_hits(observation) & (self.score(observation) >= self.min_score)
        return self.verdict(observation.age, confirm=confirm & ~is_lost, reject=is_lost)


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
