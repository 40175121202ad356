"""Whether the stream still looks like the one that the gate was calibrated on.

Counts only what the gate sees anyway: time stamps, the hits of confirmed tracks, and the hits in the gates of rejected
ones. It warns; it changes nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.memory import PERSISTENT, TrackMemories, TrackMemory
from perdure.gate.operation import Operation
from perdure.metrics.intervals import binomial_interval
from perdure.rewind import Rewindable
from perdure.types import TrackFrame

MIN_FRAMES = 30
"""Time stamps needed before the frame rate is judged."""
MIN_TRACK_FRAMES = 300
"""Frames of tracks needed before a hit rate is judged."""
MAX_RATE_RATIO = 1.5
"""A frame rate further than this factor from the calibrated one is reported."""
MAX_REMEMBERED = 64
"""Frames back to which a memory knows its hits."""
MAX_HIT_DIFFERENCE = 0.05
"""A hit rate of confirmed tracks is reported if its 99 % interval lies further than this from the calibrated one."""
MAX_CLUTTER_DIFFERENCE = 0.02
"""The same for places of rejected tracks, where twice the clutter is a few percent."""


@dataclass(slots=True)
class HitCount(Rewindable):
    """Hits among the frames of some tracks."""

    num_frames: int = 0
    num_hits: int = 0

    def add(self, num_hits: int, num_frames: int = 1) -> None:
        """Counts some frames."""
        self.num_frames += num_frames
        self.num_hits += num_hits

    def message(self, whose: str, calibrated: float, tolerance: float) -> str | None:
        """Returns a sentence if the hit rate has left the calibrated one, None if not or if it is too early to say.

        >>> HitCount(1000, 700).message("confirmed tracks", 0.9, 0.05)
        'confirmed tracks are hit on 70% of frames, calibrated at 90%: calibrate again'
        >>> HitCount(1000, 890).message("confirmed tracks", 0.9, 0.05)
        >>> HitCount(10, 0).message("confirmed tracks", 0.9, 0.05)
        """
        if self.num_frames < MIN_TRACK_FRAMES:
            return None
        low, high = binomial_interval(self.num_hits, self.num_frames, confidence=0.99)
        if calibrated - tolerance <= high and low <= calibrated + tolerance:
            return None
        share = self.num_hits / self.num_frames
        return f"{whose} are hit on {share:.0%} of frames, calibrated at {calibrated:.0%}: calibrate again"


def confirmed_message(count: HitCount, calibrated: float) -> str | None:
    """Returns a sentence if confirmed tracks are hit more or less often than calibrated."""
    return count.message("confirmed tracks", calibrated, MAX_HIT_DIFFERENCE)


def clutter_message(count: HitCount, calibrated: float) -> str | None:
    """Returns a sentence if there is more or less clutter than calibrated."""
    return count.message("places of rejected tracks", calibrated, MAX_CLUTTER_DIFFERENCE)


def frame_rate_message(
    steps_s: list[float], calibrated_hz: float, range_hz: tuple[float, float] | None = None
) -> str | None:
    """Returns a sentence if frames come much faster or slower than calibrated, None if not or too early to say.

    Args:
        steps_s: latest steps between frames.
        calibrated_hz: rate of the data.
        range_hz: lowest and highest rate of the data, where they were of several; rates between are as good as any.
    """
    if len(steps_s) < MIN_FRAMES or median(steps_s) <= 0:
        return None
    rate_hz = 1.0 / median(steps_s)
    low_hz, high_hz = range_hz or (calibrated_hz / MAX_RATE_RATIO, calibrated_hz * MAX_RATE_RATIO)
    if low_hz <= rate_hz * (1 + 1e-6) and rate_hz <= high_hz * (1 + 1e-6):
        return None
    if range_hz is not None:
        return f"frame rate is {rate_hz:.3g} Hz, calibrated at {low_hz:.3g} to {high_hz:.3g} Hz: calibrate again"
    return f"frame rate is {rate_hz:.3g} Hz, calibrated at {calibrated_hz:.3g} Hz: calibrate again"


@dataclass(slots=True)
class DriftMonitor(Rewindable):
    """Watches frame rate, hit rate of confirmed tracks, and clutter in the gates of rejected ones.

    Args:
        operation: says at which frame rate the model was calibrated.
        lifetime: says the same of hits, and how long transients live.
        hit_alive: calibrated hit rate of confirmed tracks if that is not the one of training.
        hit_dead: calibrated hit rate at places of rejected tracks if that is not the one of training.
        confirmed: frames of confirmed tracks right after a hit. A track that vanishes adds a single miss in this way.
        rejected: frames of rejected tracks that have ended, later than any transient object lives. That a run of misses
            ends them leaves the share of hits as it is (Wald's identity); an object that was rejected by mistake goes
            on, is opened again, and does not count.
    """

    operation: Operation
    lifetime: LifetimeModel
    hit_alive: float | None = None
    hit_dead: float | None = None
    confirmed: HitCount = field(default_factory=HitCount)
    rejected: HitCount = field(default_factory=HitCount)
    _steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=10 * MIN_FRAMES))
    _last_s: float | None = None
    _num_seen: int = 0
    _latest: tuple[str, ...] = ()

    def see(self, tracks: TrackFrame, memories: TrackMemories, time_s: float) -> None:
        """Takes in one frame."""
        if self._last_s is not None:
            self._steps_s.append(time_s - self._last_s)
        self._last_s = time_s
        self._num_seen += 1
        is_counted = (memories.column("status") == PERSISTENT) & ((memories.column("hit_history") & 2) > 0)
        self.confirmed.add(int((tracks.is_hit & is_counted).sum()), int(is_counted.sum()))

    def see_end(self, memory: TrackMemory) -> None:
        """Takes in a track that the tracker has deleted, on one more miss than its memory knows."""
        num_known = memory.age - memory.rejected_age - len(self.lifetime.pmf)
        if memory.status == "transient" and not memory.was_reopened and 0 <= num_known <= MAX_REMEMBERED:
            self.rejected.add(memory.recent_hits(num_known), num_known + 1)

    def latest(self) -> tuple[str, ...]:
        """Returns `messages` as they were at most `MIN_FRAMES` frames ago: cheap enough for every frame."""
        if self._num_seen % MIN_FRAMES == 0:
            self._latest = tuple(self.messages())
        return self._latest

    def messages(self) -> list[str]:
        """Returns one sentence for each thing that has drifted; empty while all is as calibrated."""
        lifetime, operation = self.lifetime, self.operation
        hit_alive = lifetime.hit_alive if self.hit_alive is None else self.hit_alive
        hit_dead = lifetime.hit_dead if self.hit_dead is None else self.hit_dead
        found = (
            frame_rate_message(list(self._steps_s), operation.frame_rate_hz, operation.frame_rate_range_hz),
            confirmed_message(self.confirmed, hit_alive),
            clutter_message(self.rejected, hit_dead),
        )
        return [message for message in found if message is not None]

    def fresh(self) -> DriftMonitor:
        """Returns the monitor at the start of another stream."""
        return DriftMonitor(self.operation, self.lifetime, self.hit_alive, self.hit_dead)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all that was counted by name, ready to be stored."""
        counts = [self.confirmed.num_frames, self.confirmed.num_hits, self.rejected.num_frames, self.rejected.num_hits]
        last_s = np.nan if self._last_s is None else self._last_s
        return {
            "counts": np.array([*counts, self._num_seen], dtype=np.int64),
            "steps_s": np.array(self._steps_s, dtype=np.float64),
            "last_s": np.array(last_s, dtype=np.float64),
        }

    def set_arrays(self, arrays: dict[str, np.ndarray], *, latest: tuple[str, ...]) -> None:
        """Continues from what `to_arrays` described, with the messages that were the latest then."""
        confirmed_frames, confirmed_hits, rejected_frames, rejected_hits, self._num_seen = arrays["counts"].tolist()
        self.confirmed = HitCount(confirmed_frames, confirmed_hits)
        self.rejected = HitCount(rejected_frames, rejected_hits)
        self._steps_s = deque(arrays["steps_s"].tolist(), maxlen=self._steps_s.maxlen)
        self._last_s = None if np.isnan(arrays["last_s"]) else float(arrays["last_s"])
        self._latest = latest
