"""Many streams on one copy of the weights: what they ask of the model is asked at once.

Frames are taken as they come: a call has one frame of each stream that has one, and decides on all of them before it
returns. Nothing is queued here. Where frames come faster than they are decided on, the caller drops them, and says so
with `skip` unless time stamps do: tracks then move on by as much as the time that went by.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8

from perdure.gate.forest_slots import ForestSlots
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateCost, GateResult
from perdure.gate.streams import Observing, SlotStep
from perdure.rewind import Turn, whole
from perdure.tracking.tracker import Tracker
from perdure.types import Detections


class MultiStreamGate:
    """Streams by name, in and out; decisions on each are those of a gate of its own.

    A call that raises, for whatever reason, leaves all streams as if it had not been made. One thread at a time.

    Args:
        gate: how every stream is decided on: its model, rule and all else but what it has seen.

    Raises:
        ValueError: the gate learns while it runs, so that its model is that of one stream.
    """

    def __init__(self, gate: PersistenceGate) -> None:
        if type(gate) is not PersistenceGate:
            got = type(gate).__name__
            raise ValueError(f"gate: got {got}, expected one that does not learn; load it without adapt=True")
        self._like, self._gates, self.turn = gate, dict[Hashable, PersistenceGate](), Turn()

    def __len__(self) -> int:
        return len(self._gates)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._gates)

    def __getitem__(self, name: Hashable) -> PersistenceGate:
        """Returns the gate of a stream: its cost, state and all else of it can be asked for; update it here alone."""
        return self._gates[name]

    def remembered(self) -> Callable[[], None]:
        """Returns what puts all streams back to how they are now."""
        gates, put_back = dict(self._gates), [gate.remembered() for gate in self._gates.values()]

        def restore() -> None:
            self._gates = gates
            for one in put_back:
                one()

        return restore

    @whole
    def update(
        self,
        detections: Mapping[Hashable, Detections],
        *,
        frames: Mapping[Hashable, UInt8[np.ndarray, "h w 3"]] | None = None,
        times_s: Mapping[Hashable, float] | None = None,
    ) -> dict[Hashable, GateResult]:
        """Returns the result of each stream that has a frame; a name that is new starts a stream.

        Args:
            detections: of one frame of each of these streams.
            frames: uint8 RGB by stream; left out where the model reads detections alone.
            times_s: time stamps by stream, as in `PersistenceGate.update`.

        Raises:
            ValueError: as by `PersistenceGate.update`, for any of the streams.
            RuntimeError: another thread is in it.
        """
        observing: dict[Hashable, Observing] = {}
        for name, found in detections.items():
            gate, frame, time_s = self._gate_of(name), (frames or {}).get(name), (times_s or {}).get(name)
            gate.begin(frame, found, time_s=time_s)
            observing[name] = gate.observing(frame, gate.link(found), time_s=time_s)
        results: dict[Hashable, GateResult] = {}
        asked = {name: step for name, one in observing.items() if (step := _advanced(one, None, results, name))}
        for name, evidence in zip(asked, self._evidence_of(asked), strict=True):
            _advanced(observing[name], evidence, results, name)
        return {name: results[name] for name in detections}

    @whole
    def skip(self, name: Hashable, num_frames: int = 1) -> None:
        """Says that so many frames of a stream were not looked at: tracks move on, and none is missed by it."""
        self._gate_of(name).skip(num_frames)

    @whole
    def end(self, name: Hashable) -> None:
        """Forgets a stream.

        Raises:
            KeyError: there is none of that name.
        """
        if name not in self._gates:
            raise KeyError(name)
        self._gates = {other: gate for other, gate in self._gates.items() if other != name}

    def _gate_of(self, name: Hashable) -> PersistenceGate:
        if name not in self._gates:
            gate = copy.copy(self._like)
            gate.tracker, gate.turn = Tracker(gate.operation.tracker), self.turn
            gate.reset()
            self._gates = self._gates | {name: gate}
        return self._gates[name]

    def _evidence_of(self, asked: Mapping[Hashable, SlotStep]) -> list[np.ndarray]:
        sources: list[tuple[Any, SlotStep, GateCost]] = [
            (self._gates[name].streams.evidence, step, self._gates[name].cost) for name, step in asked.items()
        ]
        if sources and isinstance(sources[0][0], ForestSlots):
            return ForestSlots.together(sources)
        return [evidence.step(step, cost) for evidence, step, cost in sources]


def _advanced(
    observing: Observing, evidence: np.ndarray | None, results: dict[Hashable, GateResult], name: Hashable
) -> SlotStep | None:
    """Returns what a frame asks next; None once its result is there."""
    try:
        return next(observing) if evidence is None else observing.send(evidence)
    except StopIteration as end:
        results[name] = end.value
        return None
