"""What a gate knew of its undecided tracks, frame by frame, written down on request.

An observer beside the gate: it stands in front of the source of evidence and notes what was asked and answered. A gate
that nobody traces does nothing for it. Numpy only; attention is the business of `perdure.gate.attention_trace`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.config import to_dict
from perdure.gate.fates import FateControl
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.matching import StreakMatch
from perdure.gate.results import GateCost, GateResult
from perdure.gate.streams import SlotEvidence, SlotStep
from perdure.rewind import Rewindable
from perdure.stopping.rules import StoppingRule, TruncatedSPRT
from perdure.stopping.streak import StreakRule
from perdure.types import Detections, TrackFrame

TRACE = "trace.jsonl"
"""Name of the file beside the decisions."""
KIND, VERSION = "perdure trace", 1
_DIGITS = 6
Attention = list[tuple[int, int, float]]
"""Where a track looked: track, frame and share, most first."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of the tracks that evidence was asked of on one frame.

    Args:
        frame_index: of the frame.
        track_id: of the tracks.
        lifetime: closed-form evidence of associated and missed frames alone, nats.
        without_crops: evidence as if every crop so far had been its own background; None where no pixels are read.
        attention: where each track looked; None where there is no attention.
    """

    frame_index: int
    track_id: Int[np.ndarray, " n"]
    lifetime: Float[np.ndarray, " n"]
    without_crops: Float[np.ndarray, " n"] | None
    attention: list[Attention] | None


class TracedEvidence(Rewindable):
    """Gives the evidence of another source unchanged, and notes it.

    Args:
        own: the source.
        shadow: another one of the same model, fresh, that is shown background in the place of every crop.
        watch_attention: calls a function and returns its result with where each track looked.
    """

    def __init__(
        self,
        own: SlotEvidence,
        shadow: SlotEvidence | None = None,
        watch_attention: Callable[..., Any] | None = None,
    ) -> None:
        self.own, self.shadow, self._watch_attention = own, shadow, watch_attention
        self._tracks: TrackFrame | None = None
        self._track_of: dict[int, int] = {}
        self.noted: Noted | None = None

    def resize(self, num: int) -> None:
        """Has so many slots from now on."""
        for source in self._sources():
            source.resize(num)

    def reset(self, slots: Int[np.ndarray, " n"]) -> None:
        """Makes slots fresh."""
        for slot in slots.tolist():
            self._track_of.pop(slot, None)
        for source in self._sources():
            source.reset(slots)

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None, rows: Int[np.ndarray, " n"]) -> None:
        """Takes in all tracks of a frame."""
        self._tracks = tracks
        for source in self._sources():
            source.see(tracks, image_size, rows)

    def step(self, step: SlotStep, cost: GateCost) -> Float[np.ndarray, " n"]:
        """Returns the evidence of the source that is traced."""
        if self._tracks is None:
            raise ValueError("trace: got tracks to advance before any frame")
        ids = self._tracks.track_id[step.rows]
        self._track_of |= dict(zip(step.slots.tolist(), ids.tolist(), strict=True))
        attention = None
        if self._watch_attention is None:
            evidence = self.own.step(step, cost)
        else:
            evidence, attention = self._watch_attention(
                self.own, step, cost, frame_index=self._tracks.frame_index, track_of=self._track_of
            )
        hidden = None
        if self.shadow is not None and step.crops is not None:
            hidden = self.shadow.step(replace(step, crops=as_background(step.crops)), GateCost())
        self.noted = Noted(self._tracks.frame_index, ids, step.lifetime, hidden, attention)
        return evidence

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state of the source: a trace is no part of a stored stream."""
        return self.own.to_arrays()

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state; what was hidden before is not hidden then."""
        for source in self._sources():
            source.set_arrays(arrays)

    def _sources(self) -> tuple[SlotEvidence, ...]:
        return (self.own,) if self.shadow is None else (self.own, self.shadow)


def as_background(crops: UInt8[np.ndarray, "n size size 3"]) -> UInt8[np.ndarray, "n size size 3"]:
    """Returns crops that show nothing but the colour of their own rim: its median."""
    rim = np.concatenate([crops[:, 0], crops[:, -1], crops[:, 1:-1, 0], crops[:, 1:-1, -1]], axis=1)
    return np.broadcast_to(np.median(rim, axis=1).astype(np.uint8)[:, None, None], crops.shape).copy()


class Tracer:
    """Writes down what a gate does; make it before the first frame of the stream.

    A gate that learns while it runs, and one of another kind, are traced by what they return alone.

    Args:
        gate: what decides.
        image_size: width and height in pixels.
        origin: what whoever runs the gate knows of it, such as `weights` and `source`; stored as it is.
    """

    def __init__(
        self, gate: object, *, image_size: tuple[int, int] | None = None, origin: dict[str, Any] | None = None
    ) -> None:
        self.gate = gate if isinstance(gate, PersistenceGate) else None
        self._size, self._origin = image_size, origin or {}
        self._persistent: frozenset[int] = frozenset()
        if self.gate is not None and type(self.gate) is PersistenceGate:
            self.gate.streams.evidence = _traced(self.gate)

    def header(self) -> dict[str, Any]:
        """Returns the first line: how the gate decides, all that is needed to run it again."""
        head: dict[str, Any] = {"kind": KIND, "version": VERSION, "image_size": self._size, **self._origin}
        gate = self.gate
        if gate is None:
            return head
        known = gate.model.known_scores if isinstance(gate.model, ForestModel) else None
        return head | {
            "model": gate.model.fingerprint(),
            "is_replayable": type(gate) is PersistenceGate,
            "rule": rule_row(gate.rule),
            "lifetime_bound": None if gate.lifetime_bound is None else asdict(gate.lifetime_bound),
            "is_matched": isinstance(gate.match, StreakMatch),
            "held": gate.match.asked() if isinstance(gate.match, FateControl) else None,
            "is_promised": gate.drift.is_promised,
            "operation": to_dict(gate.operation),
            "known_scores": None if known is None else known.tolist(),
        }

    def row(
        self, result: GateResult, detections: Detections | None = None, owner: Int[np.ndarray, " n"] | None = None
    ) -> dict[str, Any]:
        """Returns the line of one frame; call it after every frame in turn.

        Args:
            result: what the gate has returned.
            detections: of the frame, if a replay is to need nothing else.
            owner: number of what each lies on, where tracks were linked by it.
        """
        news = {decision.track_id for decision in result.decisions}
        tracks = [track for track in result.tracks if track.track_id in news or track.track_id not in self._persistent]
        self._persistent = frozenset(track.track_id for track in result.tracks if track.status == "persistent")
        line: dict[str, Any] = {"frame": result.frame_index, "time_s": _short(result.time_s)}
        line |= {"is_guaranteed": result.is_guaranteed, "drift": list(result.drift)}
        if self.gate is not None and isinstance(rule := self.gate.rule, StreakRule):
            line |= {"bound": _short(rule.bound), "floor": _finite(rule.floor)}
        elif self.gate is not None and isinstance(self.gate.match, FateControl):
            held = self.gate.match.rule
            line["bounds"] = {"upper": _short(held.upper), "lower": _finite(held.lower)}
        line["track"] = [track.track_id for track in tracks]
        for name in ("age", "is_hit"):
            line[name] = [int(getattr(track, name)) for track in tracks]
        for name in ("score", "evidence"):
            line[name] = [_short(getattr(track, name)) for track in tracks]
        line |= self._noted(result, line["track"])
        line["decisions"] = [
            [made.track_id, made.label, made.reason, made.age, _short(made.evidence), _short(made.probability)]
            for made in result.decisions
        ]
        if detections is not None:
            boxes = np.column_stack([detections.xyxy_px, detections.score]).tolist()
            line["detections"] = [
                [*box, class_id] for box, class_id in zip(boxes, detections.class_id.tolist(), strict=True)
            ]
            line["owner"] = None if owner is None else owner.tolist()
        return line

    def _noted(self, result: GateResult, ids: list[int]) -> dict[str, Any]:
        source = None if self.gate is None else self.gate.streams.evidence
        if not isinstance(source, TracedEvidence):
            return {"lifetime": [None] * len(ids)}
        noted = source.noted
        if noted is None or noted.frame_index != result.frame_index:
            return {"lifetime": [None] * len(ids)}
        place = {track_id: row for row, track_id in enumerate(noted.track_id.tolist())}
        rows = [place.get(track_id) for track_id in ids]
        found: dict[str, Any] = {"lifetime": [None if row is None else _short(noted.lifetime[row]) for row in rows]}
        if (hidden := noted.without_crops) is not None:
            found["without_crops"] = [None if row is None else _short(hidden[row]) for row in rows]
        if (looks := noted.attention) is not None:
            found["attention"] = [None if row is None else looks[row] for row in rows]
        return found


def _traced(gate: PersistenceGate) -> TracedEvidence:
    own = gate.streams.evidence
    if isinstance(own, TracedEvidence):
        raise ValueError("trace: this gate is traced already; make one tracer for a stream")
    if not gate.model.uses_pixels:
        return TracedEvidence(own)
    shadow = gate.model.init_streams().evidence
    if isinstance(gate.model, ForestModel):
        return TracedEvidence(own, shadow)
    from perdure.gate.attention_trace import watched_step  # loads torch

    return TracedEvidence(own, shadow, watched_step)


def rule_row(rule: StoppingRule) -> dict[str, Any] | None:
    """Returns a rule as plain values, infinities as None; None for one that is none of the two that gates come with."""
    if not isinstance(rule, TruncatedSPRT | StreakRule):
        return None
    values = asdict(rule)
    return {"name": type(rule).__name__} | {
        name: _finite(value, exactly=True) if isinstance(value, float) else value for name, value in values.items()
    }


def trace_line(row: dict[str, Any]) -> str:
    """Returns a row as a line of the file."""
    return json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n"


def _short(value: float) -> float:
    return round(float(value), _DIGITS)


def _finite(value: float, *, exactly: bool = False) -> float | None:
    if not math.isfinite(value):
        return None
    return value if exactly else _short(value)
