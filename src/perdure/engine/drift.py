"""Whether the stream still looks like the one that the gate was calibrated on.

Counts only what the gate sees anyway: time stamps, and the hits of confirmed tracks. It warns; it changes nothing.
"""

from __future__ import annotations

from statistics import median

from perdure.engine.memory import TrackMemory
from perdure.engine.model import PersistenceModel
from perdure.metrics.intervals import binomial_interval
from perdure.types import TrackFrame

MIN_FRAMES = 30
"""Time stamps needed before the frame rate is judged."""
MIN_TRACK_FRAMES = 300
"""Frames of confirmed tracks needed before the hit rate is judged."""
MAX_RATE_RATIO = 1.5
"""A frame rate further than this factor from the calibrated one is reported."""
MAX_HIT_DIFFERENCE = 0.05
"""A hit rate is reported if its 99 % interval lies further than this from the calibrated one."""


class DriftMonitor:
    """Watches the frame rate and the hit rate of confirmed tracks."""

    def __init__(self, model: PersistenceModel) -> None:
        self._rate_hz, self._hit_rate = model.operation.frame_rate_hz, model.lifetime.hit_alive
        self._steps_s: list[float] = []
        self._last_s: float | None = None
        self._num_frames = self._num_hits = 0

    def see(self, tracks: TrackFrame, memories: dict[int, TrackMemory], time_s: float) -> None:
        """Takes in one frame."""
        if self._last_s is not None:
            self._steps_s = [*self._steps_s[-(10 * MIN_FRAMES) :], time_s - self._last_s]
        self._last_s = time_s
        for track_id, is_hit in zip(tracks.track_id.tolist(), tracks.is_hit.tolist(), strict=True):
            memory = memories[track_id]
            # A confirmed track that vanishes says nothing about the hit rate of live ones: only frames right after a
            # hit count, so that it adds a single miss, and a stream that merely misses often looks as calibrated.
            if memory.status == "persistent" and memory.was_hit_before:
                self._num_frames += 1
                self._num_hits += int(is_hit)

    def messages(self) -> list[str]:
        """Returns one sentence for each thing that has drifted; empty while all is as calibrated."""
        found = []
        if len(self._steps_s) >= MIN_FRAMES and median(self._steps_s) > 0:
            rate_hz = 1.0 / median(self._steps_s)
            if max(rate_hz / self._rate_hz, self._rate_hz / rate_hz) > MAX_RATE_RATIO:
                found.append(f"frame rate is {rate_hz:.3g} Hz, calibrated at {self._rate_hz:.3g} Hz: calibrate again")
        if self._num_frames >= MIN_TRACK_FRAMES:
            low, high = binomial_interval(self._num_hits, self._num_frames, confidence=0.99)
            if low > self._hit_rate + MAX_HIT_DIFFERENCE or high < self._hit_rate - MAX_HIT_DIFFERENCE:
                share = self._num_hits / self._num_frames
                found.append(
                    f"confirmed tracks are hit on {share:.0%} of frames, calibrated at {self._hit_rate:.0%}: "
                    "calibrate again"
                )
        return found
