"""Running totals of a stream, times of its frames, a rule to compare with, and the summary at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any, Literal

from perdure.drawing.totals import StreamTotals
from perdure.gate.results import GateResult

LEAST_S = 1e-5
"""Lower edge of the second bin; all that is shorter is in the first."""
GROWTH = 1.05
"""Upper over lower edge of a bin: a quantile is off by at most half of this, 2.5 percent."""
NUM_BINS = 2 + math.ceil(math.log(1e3 / LEAST_S) / math.log(GROWTH))
"""Up to a thousand seconds; all that is longer is in the last bin."""


class Latency:
    """Times of the frames of a stream."""

    def __init__(self) -> None:
        self._counts = [0] * NUM_BINS
        self._least_s, self._most_s = math.inf, 0.0
        self.num = 0

    def add(self, seconds: float) -> None:
        """Takes in the time of one frame."""
        bin_index = 0 if seconds < LEAST_S else 1 + int(math.log(seconds / LEAST_S) / math.log(GROWTH))
        self._counts[min(bin_index, NUM_BINS - 1)] += 1
        self._least_s, self._most_s = min(self._least_s, seconds), max(self._most_s, seconds)
        self.num += 1

    def quantile_s(self, share: float) -> float:
        """Returns the time that this share of the frames did not exceed, within 2.5 percent; 0 without frames."""
        needed = max(1, math.ceil(share * self.num))
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= needed:
                middle_s = LEAST_S * GROWTH ** (index - 0.5) if index else 0.0
                return min(max(middle_s, self._least_s), self._most_s)
        return 0.0

    def to_ms(self) -> dict[str, float]:
        """Returns median, 95 and 99 percent and maximum in milliseconds; the maximum is exact."""
        quantiles = {"median": 0.5, "p95": 0.95, "p99": 0.99}
        found = {name: self.quantile_s(share) for name, share in quantiles.items()} | {"max": self._most_s}
        return {name: round(1e3 * seconds, 3) for name, seconds in found.items()}


Part = Literal["decode", "detect", "gate", "draw", "encode", "show", "page"]
PARTS: tuple[Part, ...] = ("decode", "detect", "gate", "draw", "encode", "show", "page")


class PartClock:
    """Seconds spent per part. Each part is timed by one thread only, so that no lock is needed."""

    def __init__(self) -> None:
        self.seconds: dict[Part, float] = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def timed(self, part: Part) -> Iterator[None]:
        """Adds the time of a block to a part."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += perf_counter() - start


@dataclass(slots=True)
class RuleComparison:
    """Counts confirmations of the rule and of the gate on one stream; remembers live tracks only.

    Args:
        streak: detections in a row that the rule asks for.
    """

    streak: int
    num_by_rule: int = 0
    num_by_gate: int = 0
    num_by_both: int = 0
    sum_rule_age: int = 0
    sum_gate_age: int = 0
    _live: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.streak < 1:
            raise ValueError(f"compare: got {self.streak} in a row, expected at least 1")

    def add(self, result: GateResult) -> None:
        """Takes in one frame."""
        confirmed = {decision.track_id: decision.age for decision in result.decisions if decision.label == "persistent"}
        live = {}
        for track in result.tracks:
            by_rule, by_gate = self._live.get(track.track_id, (0, 0))
            was_both = bool(by_rule and by_gate)
            if not by_rule and track.longest_streak >= self.streak:
                by_rule = track.age
                self.num_by_rule += 1
            if not by_gate and track.track_id in confirmed:
                by_gate = confirmed[track.track_id]
                self.num_by_gate += 1
            if by_rule and by_gate and not was_both:
                self.num_by_both += 1
                self.sum_rule_age += by_rule
                self.sum_gate_age += by_gate
            live[track.track_id] = (by_rule, by_gate)
        self._live = live

    @property
    def text(self) -> str:
        """What the status bar says."""
        return f"{self.streak} in a row: {self.num_by_rule} so far"

    def to_dict(self) -> dict[str, Any]:
        """Returns the counts as plain values; ages are means over tracks that both confirmed."""
        both = max(self.num_by_both, 1)
        return {
            "rule": f"{self.streak} in a row",
            "num_confirmed_by_rule": self.num_by_rule,
            "num_confirmed_by_gate": self.num_by_gate,
            "num_confirmed_by_both": self.num_by_both,
            "mean_age_rule": round(self.sum_rule_age / both, 3) if self.num_by_both else None,
            "mean_age_gate": round(self.sum_gate_age / both, 3) if self.num_by_both else None,
        }


@dataclass(slots=True)
class StreamTally:
    """Counts of a stream so far; its size does not depend on the length of the stream.

    Args:
        rule: what the gate is compared with; None for nothing.
    """

    rule: RuleComparison | None = None
    num_frames: int = 0
    num_tracks: int = 0
    num_persistent: int = 0
    num_transient: int = 0
    num_reopened: int = 0
    num_by_reason: dict[str, int] = field(default_factory=dict)
    sum_age: dict[str, int] = field(default_factory=lambda: {"persistent": 0, "transient": 0})
    num_aged: dict[str, int] = field(default_factory=lambda: {"persistent": 0, "transient": 0})
    num_tentative: int = 0
    num_undecided: int = 0
    track_frames_encoded: int = 0
    track_frames_ungated: int = 0

    def add(self, result: GateResult) -> None:
        """Takes in one frame."""
        if self.rule is not None:
            self.rule.add(result)
        self.num_frames += 1
        self.num_tracks += sum(track.age == 1 for track in result.tracks)
        tentative = [track for track in result.tracks if track.status == "tentative"]
        self.num_tentative = len(tentative)
        # A re-opened track counts by its last decision until there is another one.
        self.num_undecided = sum(track.decided_age == 0 for track in tentative)
        self.track_frames_encoded += result.num_encoded
        self.track_frames_ungated += len(result.tracks)
        for decision in result.decisions:
            self.num_by_reason[decision.reason] = self.num_by_reason.get(decision.reason, 0) + 1
            if decision.reason == "reopened":  # the track was counted as transient before
                self.num_reopened += 1
                self.num_persistent += int(decision.label == "persistent")
                self.num_transient -= int(decision.label == "persistent")
                continue
            self.num_persistent += int(decision.label == "persistent")
            self.num_transient += int(decision.label == "transient")
            self.sum_age[decision.label] += decision.age
            self.num_aged[decision.label] += 1

    @property
    def savings(self) -> float:
        """Share of the track-frames of an ungated system that were not encoded, in [0, 1]; 0 without tracks."""
        if self.track_frames_ungated == 0:
            return 0.0
        return 1.0 - self.track_frames_encoded / self.track_frames_ungated

    def mean_age(self, label: str) -> float | None:
        """Returns the mean age at the first decision of the given label, None if there was none."""
        return self.sum_age[label] / self.num_aged[label] if self.num_aged[label] else None

    @property
    def compared(self) -> dict[str, Any]:
        """What the rule and the gate confirmed; empty without a rule."""
        return {} if self.rule is None else self.rule.to_dict()

    def totals(self, result: GateResult) -> StreamTotals:
        """Returns what the status bar shows after the frame of `result`."""
        return StreamTotals(
            frame_index=self.num_frames - 1,
            time_s=result.time_s,
            num_live=len(result.tracks),
            num_encoded=result.num_encoded,
            num_tentative=self.num_tentative,
            num_persistent_now=sum(track.status == "persistent" for track in result.tracks),
            num_persistent=self.num_persistent,
            num_transient=self.num_transient,
            savings=self.savings,
            compared="" if self.rule is None else self.rule.text,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchSummary:
    """What came of watching a video.

    Args:
        source: as it was named, without passwords.
        detector: `motion`, or the detections file.
        num_frames: frames watched.
        width: of the frames, in pixels.
        height: of the frames, in pixels.
        duration_s: time stamp of the last frame.
        frames_per_s: overall, everything included.
        part_frames_per_s: frames divided by the seconds of each part alone; parts run beside each other, so the
            overall rate is near that of the slowest of (decode + detect), (gate + show), (draw + encode) on enough
            cores.
        latency_ms: milliseconds from a decoded frame to its decisions: `median`, `p95`, `p99` (each within 2.5 %) and
            `max`. A file is decoded ahead, so that its frames wait for those before them and the wait is counted; a
            camera's frames hardly wait.
        num_tracks: tracks born.
        num_persistent: tracks called persistent; a re-opened track counts by its last label.
        num_transient: tracks called transient.
        num_undecided: tracks never decided on by the end; with the two above they are all tracks.
        num_reopened: rejections that were taken back.
        num_by_reason: decisions per reason.
        mean_decision_frame_persistent: mean age at the first decision of tracks called persistent, None if none.
        mean_decision_frame_transient: the same for tracks called transient.
        track_frames_encoded: frames that the extractor ran on, summed over tracks.
        track_frames_ungated: what a system without a gate would encode: every live track on every frame.
        savings_track_frames: 1 - encoded / ungated.
        compared: what a rule such as "3 in a row" confirmed on the same tracks; empty where none was asked for.
        held: of a gate that keeps rates by the fates of tracks, what was asked and what came of it; else empty.
        num_dropped: frames of a camera that came while others were worked on.
        num_invalid: detections left out since they had no area or were not finite.
        grey_range: values of pictures of more than 8 bits that are shown as black and white, None for ordinary ones.
        problems: one line for everything that went wrong or may mislead.
        outputs: files written.
    """

    source: str
    detector: str
    num_frames: int
    width: int
    height: int
    duration_s: float
    frames_per_s: float
    part_frames_per_s: dict[str, float]
    latency_ms: dict[str, float]
    num_tracks: int
    num_persistent: int
    num_transient: int
    num_undecided: int
    num_reopened: int
    num_by_reason: dict[str, int]
    mean_decision_frame_persistent: float | None
    mean_decision_frame_transient: float | None
    track_frames_encoded: int
    track_frames_ungated: int
    savings_track_frames: float
    compared: dict[str, Any]
    held: dict[str, Any]
    num_dropped: int
    num_invalid: int
    grey_range: tuple[float, float] | None
    problems: tuple[str, ...]
    outputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary as plain values."""
        return asdict(self)


def counts_of(tally: StreamTally) -> dict[str, Any]:
    """Returns the fields of a summary that are counts, from a tally."""
    names = ("num_frames", "num_tracks", "num_persistent", "num_transient", "num_undecided", "num_reopened")
    return {name: getattr(tally, name) for name in names} | {
        "num_by_reason": dict(sorted(tally.num_by_reason.items())),
        "mean_decision_frame_persistent": tally.mean_age("persistent"),
        "mean_decision_frame_transient": tally.mean_age("transient"),
        "track_frames_encoded": tally.track_frames_encoded,
        "track_frames_ungated": tally.track_frames_ungated,
        "savings_track_frames": tally.savings,
    }


def rates_of(clock: PartClock, num_frames: int) -> dict[str, float]:
    """Returns frames per second of each part; parts that took no measurable time are left out."""
    rates = {part: num_frames / seconds for part, seconds in clock.seconds.items() if seconds > 0}
    return {part: round(rate, 2) for part, rate in rates.items() if math.isfinite(rate)}
