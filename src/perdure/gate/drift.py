"""Whether the stream still looks like the one that the gate was calibrated on, or like its own first minute.

Counts only what the gate sees anyway: time stamps, the hits of confirmed tracks, the hits in the gates of rejected
ones, and what new tracks look like. It warns, and says whether a promise stands; it changes no decision. However often
one looks, on at most `FALSE_ALARMS_A_DAY` of the days on which nothing has changed it says that something has.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.gauge import BLOCK_S, Gauge
from perdure.gate.memory import PERSISTENT, TrackMemories, TrackMemory
from perdure.gate.operation import Operation
from perdure.geometry import area_px
from perdure.rewind import Rewindable
from perdure.types import TrackFrame

MIN_FRAMES = 30
"""Time stamps needed before the frame rate is judged."""
MAX_RATE_RATIO = 1.5
"""A frame rate further than this factor from the calibrated one is reported."""
MAX_REMEMBERED = 64
"""Frames back to which a memory knows its hits."""
MIN_PLACE_FRAMES = 60
"""Frames of places that make one number: tracks end on a run of misses, which short ones would make too much of."""
FALSE_ALARMS_A_DAY = 0.05
"""Share of days without a change on which one may be reported."""
GAUGES: dict[str, Gauge] = {
    "confirmed": Gauge(kind="share", tolerance=0.05),
    "places": Gauge(kind="share", tolerance=0.02),
    "detections": Gauge(kind="count", tolerance=0.3),
    "births": Gauge(kind="count", tolerance=0.3),
    "scores": Gauge(kind="rank", tolerance=0.03),
    "sizes": Gauge(kind="rank", tolerance=0.15),
}
"""What is watched, and how far it may stray. A count may become four times as large: streets fill and empty, and where
fewer things pass no rate suffers."""
MOST_DAYS = len(GAUGES) / FALSE_ALARMS_A_DAY
"""Wealth that proves a change of one of them."""


def message_of(name: str, gauge: Gauge, *, is_calibrated: bool) -> str:
    """Returns what is said about a gauge that has drifted.

    >>> message_of("confirmed", Gauge(kind="share", tolerance=0.05, usual=0.9, now=0.7), is_calibrated=True)
    'confirmed tracks are hit on 70% of frames, calibrated at 90%: calibrate again'
    >>> message_of("births", Gauge(kind="count", tolerance=0.3, usual=0.5, now=4.25), is_calibrated=False)
    'births: 4.25 a frame, 0.5 at first: the stream has changed'
    """
    now, usual = gauge.now, gauge.usual
    before, advice = ("calibrated at", "calibrate again") if is_calibrated else ("at first", "the stream has changed")
    if gauge.kind == "count":
        return f"{name}: {now:.3g} a frame, {usual:.3g} {before}: {advice}"
    if gauge.kind == "share":
        whose = "confirmed tracks" if name == "confirmed" else "places of rejected tracks"
        then = f"{before} {usual:.0%}" if is_calibrated else f"{usual:.0%} {before}"
        return f"{whose} are hit on {now:.0%} of frames, {then}: {advice}"
    return f"{name} of new tracks are above {now:.0%} of those {before}, expected about half: {advice}"


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
class Block(Rewindable):
    """What was seen since the last number of each gauge was made.

    Args:
        confirmed: hits, and frames, of confirmed tracks right after a hit. A track that vanishes adds a single miss in
            this way.
        places: the same of rejected tracks that have ended, later than any transient object lives. That a run of misses
            ends them leaves the share of hits as it is (Wald's identity); an object that was rejected by mistake goes
            on, is opened again, and does not count.
        counts: detections and births, frame by frame.
        born: score and area in pixels of new tracks, one array a frame.
    """

    confirmed: tuple[int, int] = (0, 0)
    places: tuple[int, int] = (0, 0)
    counts: list[tuple[int, int]] = field(default_factory=list)
    born: list[np.ndarray] = field(default_factory=list)

    def see(self, tracks: TrackFrame, memories: TrackMemories) -> None:
        """Takes in one frame."""
        is_counted = (memories.column("status") == PERSISTENT) & ((memories.column("hit_history") & 2) > 0)
        num_hits, num_frames = self.confirmed
        self.confirmed = num_hits + int((tracks.is_hit & is_counted).sum()), num_frames + int(is_counted.sum())
        is_new = tracks.age == 1
        num_new = int(np.count_nonzero(is_new))
        self.counts.append((int(np.count_nonzero(tracks.is_hit)), num_new))
        if num_new:
            self.born.append(np.stack([tracks.score[is_new], area_px(tracks.xyxy_px[is_new])]))

    def values(self) -> dict[str, np.ndarray]:
        """Returns the values of each gauge."""
        born = np.concatenate(self.born, axis=1) if self.born else np.zeros((2, 0))
        counts = np.array(self.counts, dtype=np.float64)
        return {
            "confirmed": _share(*self.confirmed),
            "places": _share(*self.places) if self.places[1] >= MIN_PLACE_FRAMES else np.zeros(0),
            "detections": counts[:, 0] if counts[:, 0].any() else np.zeros(0),
            "births": counts[:, 1] if counts[:, 1].any() else np.zeros(0),
            "scores": born[0],
            "sizes": born[1],
        }

    def next(self) -> Block:
        """Returns the block after this one; places go on until there are enough of them."""
        return Block(places=(0, 0) if self.places[1] >= MIN_PLACE_FRAMES else self.places)


def _share(num_hits: int, num_frames: int) -> np.ndarray:
    return np.full(min(num_frames, 1), num_hits / max(num_frames, 1))


@dataclass(slots=True)
class DriftMonitor(Rewindable):
    """Watches frame rate, hit rate of confirmed tracks, clutter in the gates of rejected ones, and new tracks.

    Args:
        operation: says at which frame rate the model was calibrated.
        lifetime: says how long transients live.
        hit_alive: calibrated hit rate of confirmed tracks; None learns it from the stream's first minute.
        hit_dead: calibrated hit rate at places of rejected tracks; None learns it too.
        is_promised: whether error rates were promised for streams as calibrated.
    """

    operation: Operation
    lifetime: LifetimeModel
    hit_alive: float | None = None
    hit_dead: float | None = None
    is_promised: bool = False
    gauges: dict[str, Gauge] = field(init=False)
    _block: Block = field(default_factory=Block)
    _steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=10 * MIN_FRAMES))
    _last_s: float | None = None
    _block_s: float = 0.0
    _num_seen: int = 0
    _latest: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {name: mean for name, mean in self._calibrated().items() if mean is not None}
        self.gauges = GAUGES | {name: GAUGES[name].known(mean) for name, mean in known.items()}

    def _calibrated(self) -> dict[str, float | None]:
        return {"confirmed": self.hit_alive, "places": self.hit_dead}

    @property
    def is_guaranteed(self) -> bool:
        """Whether rates were promised, and nothing known speaks against it that this stream is as calibrated."""
        return self.is_promised and not self._latest

    def see(self, tracks: TrackFrame, memories: TrackMemories, time_s: float) -> None:
        """Takes in one frame."""
        step_s = 0.0 if self._last_s is None else time_s - self._last_s
        if self._last_s is not None:
            self._steps_s.append(step_s)
        self._last_s = time_s
        self._num_seen += 1
        self._block.see(tracks, memories)
        # A gap is no time in which anything was seen, and time that goes back is none at all.
        self._block_s += min(max(step_s, 0.0), BLOCK_S)
        is_full = self._block_s >= BLOCK_S - 1e-9
        if is_full:
            self._close()
        if is_full or self._num_seen % MIN_FRAMES == 0:
            self._latest = tuple(self.messages())

    def _close(self) -> None:
        """Makes the numbers of a block, and bets on them."""
        values = self._block.values()
        self.gauges = {name: gauge.after(values[name], most_days=MOST_DAYS) for name, gauge in self.gauges.items()}
        self._block, self._block_s = self._block.next(), 0.0

    def see_end(self, memory: TrackMemory) -> None:
        """Takes in a track that the tracker has deleted, on one more miss than its memory knows."""
        num_known = memory.age - memory.rejected_age - len(self.lifetime.pmf)
        if memory.status == "transient" and not memory.was_reopened and 0 <= num_known <= MAX_REMEMBERED:
            num_hits, num_frames = self._block.places
            self._block.places = num_hits + memory.recent_hits(num_known), num_frames + num_known + 1

    def latest(self) -> tuple[str, ...]:
        """Returns `messages` as they were at the last full second: cheap enough for every frame."""
        return self._latest

    def messages(self) -> list[str]:
        """Returns one sentence for each thing that has drifted; empty while all is as it was."""
        calibrated = self._calibrated()
        rate = frame_rate_message(list(self._steps_s), self.operation.frame_rate_hz, self.operation.frame_rate_range_hz)
        found = [
            message_of(name, gauge, is_calibrated=calibrated.get(name) is not None)
            for name, gauge in self.gauges.items()
            if gauge.is_drifted
        ]
        return ([] if rate is None else [rate]) + found

    def fresh(self) -> DriftMonitor:
        """Returns the monitor at the start of another stream."""
        return DriftMonitor(self.operation, self.lifetime, self.hit_alive, self.hit_dead, self.is_promised)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all that was counted by name, ready to be stored."""
        block, last_s = self._block, np.nan if self._last_s is None else self._last_s
        born = np.concatenate(block.born, axis=1) if block.born else np.zeros((2, 0))
        return {
            "block": np.array([*block.confirmed, *block.places, self._num_seen], dtype=np.int64),
            "counts": np.array(block.counts, dtype=np.int64).reshape(-1, 2),
            "born": born,
            "steps_s": np.array(self._steps_s, dtype=np.float64),
            "times_s": np.array([last_s, self._block_s], dtype=np.float64),
            **{
                f"{name}.{part}": value
                for name, gauge in self.gauges.items()
                for part, value in gauge.to_arrays().items()
            },
        }

    def set_arrays(self, arrays: dict[str, np.ndarray], *, latest: tuple[str, ...]) -> None:
        """Continues from what `to_arrays` described, with the messages that were the latest then.

        States of before counted the whole stream: what they saw first is unknown, so the next minute is the first.
        """
        self._latest = latest
        if "block" not in arrays:
            return
        hits, frames, place_hits, place_frames, self._num_seen = arrays["block"].tolist()
        born = [arrays["born"]] if arrays["born"].size else []
        counts = [(detections, births) for detections, births in arrays["counts"].tolist()]
        self._block = Block((hits, frames), (place_hits, place_frames), counts, born)
        self._steps_s = deque(arrays["steps_s"].tolist(), maxlen=self._steps_s.maxlen)
        last_s, self._block_s = arrays["times_s"].tolist()
        self._last_s = None if np.isnan(last_s) else last_s
        for name, gauge in self.gauges.items():
            parts = {part: arrays[f"{name}.{part}"] for part in ("sample", "wealth", "numbers")}
            self.gauges = self.gauges | {name: gauge.filled(parts)}
