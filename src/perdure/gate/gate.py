"""PersistenceGate: decides every track of one stream as early as the evidence allows, and spends nothing on it after.

One pass, frame by frame. The gate never sees where pixels or detections come from, and never the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.files import understood
from perdure.gate.drift import DriftMonitor
from perdure.gate.fates import BoundControl
from perdure.gate.gate_state import Parts, load_gate_state, save_gate_state
from perdure.gate.history import BoxHistory
from perdure.gate.intake import Intake, Pace
from perdure.gate.memory import PERSISTENT, TENTATIVE, TRANSIENT, TrackMemories, TrackMemory
from perdure.gate.operation import Operation
from perdure.gate.results import GateCost, GateResult
from perdure.gate.streams import Observing, answered
from perdure.gate.views import TrackViews
from perdure.gate.weights import GateModel
from perdure.metrics.probability import logit, probability_of
from perdure.rewind import Turn, kept, whole
from perdure.rows import places_of
from perdure.stopping.rules import StoppingRule
from perdure.stopping.streak import LifetimeBound
from perdure.tracking.tracker import Tracker
from perdure.tracking.tracker_state import TrackerState
from perdure.types import Decision, Detections, Reason, TrackFrame

REMEMBERED = ("tracker", "intake", "memories", "history", "streams", "drift", "match", "rule", "cost")
"""All of a gate that a frame changes."""


class PersistenceGate:
    """Streams detections (and frames) in, decisions out.

    A call that raises, for whatever reason, leaves the gate as if it had not been made. One thread at a time.

    Args:
        model: trained model, in evaluation mode.
        rule: when to stop, and with which label.
        prior: probability that a new track is persistent; enters probabilities only, never the evidence.
        is_gated: False keeps encoding decided tracks until the tracker deletes them, to measure what gating saves.
        lifetime_bound: what goes on being detected is confirmed once it passes it, rejected or not; None has none.
        match: moves the bounds of the rule on the stream; `rule` is then its rule.
        image_size: width and height in pixels, for gates that never see a frame.
        operation: how the model is run, if that is not how it is stored.
        drift: what watches for it; None compares with the first minute of the stream.
    """

    def __init__(
        self,
        model: GateModel,
        rule: StoppingRule,
        *,
        prior: float = 0.5,
        is_gated: bool = True,
        lifetime_bound: LifetimeBound | None = None,
        match: BoundControl | None = None,
        image_size: tuple[int, int] | None = None,
        operation: Operation | None = None,
        drift: DriftMonitor | None = None,
    ) -> None:
        self.operation = operation or model.operation
        self.model, self.rule, self.match = model, rule, match
        self.is_gated, self.lifetime_bound = is_gated, lifetime_bound
        self.logit_prior = logit(prior)
        self.tracker = Tracker(self.operation.tracker)
        self.cost, self.intake, self.history = GateCost(), Intake(image_size), BoxHistory()
        self.drift = drift or DriftMonitor(self.operation, model.lifetime)
        self.memories = TrackMemories.empty()
        self.streams, self.turn = model.init_streams(), Turn()

    def remembered(self) -> Callable[[], None]:
        """Returns what puts the stream back to how it is now."""
        return kept(self, REMEMBERED)

    @whole
    def update(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None,
        camera_motion: Float[np.ndarray, "2 3"] | None = None, owner: Int[np.ndarray, " n"] | None = None,
    ) -> GateResult:  # fmt: skip
        """Returns all live tracks and the new decisions after one more frame.

        Args:
            frame: uint8 RGB; None where the model reads detections alone.
            detections: what a detector found in it.
            time_s: time stamp; without it frames come as in training. A step much longer than usual ends all tracks.
            camera_motion: affine map in pixels from the picture before to this one, where it is known.
            owner: as in `link`.

        Raises:
            ValueError: the frame is missing though the model reads pixels, is not uint8 RGB, or is of another size than
                those before.
            RuntimeError: another thread is in this gate.
        """
        self.begin(frame, detections, time_s=time_s)
        tracks = self.link(detections, camera_motion=camera_motion, owner=owner)
        return self.observe(frame, tracks, time_s=time_s)

    @whole
    def begin(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> bool:
        """Takes in a frame before it is linked, as `update` does; returns whether a gap in time ended all tracks."""
        size = self.intake.size_of(frame, reads_pixels=self.model.uses_pixels)
        return self.intake.begin(self.tracker, detections, size, time_s)

    @whole
    def link(
        self,
        detections: Detections,
        *,
        owner: Int[np.ndarray, " n"] | None = None,
        owners_return: bool = False,
        camera_motion: Float[np.ndarray, "2 3"] | None = None,
    ) -> TrackFrame:
        """Returns all live tracks after one more frame, as `observe` wants them.

        Args:
            detections: what a detector found in it.
            owner: number of what each detection lies on, where that is known: `Tracker.update` then links by it.
            owners_return: whether an owner whose track has ended may start another one.
            camera_motion: affine map in pixels from the picture before to this one, where it is known.
        """
        tracks = self.tracker.update(detections, owner=owner, camera_motion=camera_motion)
        if owners_return:
            self.tracker.forget_ended_owners()
        return tracks

    @whole
    def skip(self, num_frames: int = 1) -> None:
        """Says that so many frames were not looked at: tracks move on, and none is missed or grows older by it."""
        self.intake.skip(self.tracker, num_frames)

    @whole
    def reset(self) -> None:
        """Forgets the stream, all but what was given: the next frame is the first of another one."""
        self.tracker.reset()
        self.memories, self.streams, self.cost = TrackMemories.empty(), self.model.init_streams(), GateCost()
        self.intake, self.drift, self.history = self.intake.fresh(), self.drift.fresh(), BoxHistory()
        if self.match is not None:
            self.match = self.match.fresh()
            self.rule = self.match.rule

    @whole
    def observe(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, *, time_s: float | None = None
    ) -> GateResult:
        """As `update`, for tracks that somebody else has linked; call it with every frame in turn."""
        return answered(self.observing(frame, tracks, time_s=time_s), self.streams.evidence, self.cost)

    def observing(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, *, time_s: float | None = None
    ) -> Observing:
        """Does what `observe` does, but asks for evidence in the middle of it: other streams may be asked with it."""
        time_s = tracks.frame_index / self.operation.frame_rate_hz if time_s is None else time_s
        size = self.intake.size_of(frame, reads_pixels=self.model.uses_pixels)
        before = self.memories
        self.memories, is_new = before.after(tracks)
        reopened = self.memories.reopen(tracks, self.operation)
        self.streams.close(tracks.track_id[reopened])
        is_new[reopened] = True
        self.streams.open(tracks.track_id[is_new])
        self.history.see(tracks, self.memories)
        deleted = self._delete(before, tracks, time_s)
        # What is encoded on this frame: undecided tracks, or all of them without gating.
        rows = np.flatnonzero(self.streams.is_open(tracks.track_id))
        self.streams.evidence.see(tracks, size, rows)
        if len(rows):
            age = self.memories.open_for(rows)
            self.memories.take(rows, (yield self.streams.advance(frame, tracks, rows, age=age, cost=self.cost)))
        start = time.perf_counter()
        decisions = (*deleted, *self._decide(tracks, rows, time_s), *self._confirm_lasting(tracks, time_s))
        self.cost.rule_s += time.perf_counter() - start
        self.drift.see(tracks, self.memories, time_s)
        return GateResult(
            frame_index=tracks.frame_index,
            time_s=time_s,
            tracks=TrackViews(self.memories, tracks, self.logit_prior),
            decisions=decisions,
            encoded_track_ids=tuple(tracks.track_id[rows].tolist()),
            drift=self.drift.latest(),
            is_guaranteed=self.drift.is_guaranteed,
        )

    def save_state(self, path: Path | str) -> None:
        """Writes the state of the stream atomically; `load_state` of a gate with the same weights continues from it."""
        model, drift = self.model.fingerprint(), self.drift.latest()
        save_gate_state(Path(path), self.parts(), model=model, cost=self.cost, drift=drift)

    def parts(self) -> Parts:
        """Returns all that is stored of the stream."""
        return {
            "tracker": self.tracker.get_state().to_arrays(),
            "memory": self.memories.to_arrays(),
            "history": self.history.to_arrays(),
            "streams": self.streams.to_arrays(),
            "drift": self.drift.to_arrays(),
            "pace": self.intake.pace.to_arrays(),
            "match": {} if self.match is None else self.match.to_arrays(),
        }

    @whole
    def load_state(self, path: Path | str) -> None:
        """Continues from a stored state.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, not the state of a gate, or that of a gate with another model.
        """
        with understood(path, "state"):
            match, model = {} if self.match is None else self.match.to_arrays(), self.model.fingerprint()
            parts, self.cost, latest = load_gate_state(Path(path), model=model, match=match)
            self.tracker.set_state(TrackerState.from_arrays(parts["tracker"]))
            self.memories = TrackMemories.from_arrays(parts["memory"])
            self.history = BoxHistory.from_arrays(parts["history"])
            self.streams.set_arrays(parts["streams"])
            self.drift.set_arrays(parts["drift"], latest=latest)
            self.intake.pace = Pace.from_arrays(parts["pace"])
            if self.match is not None:
                self.match.set_arrays(parts["match"])
                self.rule = self.match.rule

    def _delete(self, before: TrackMemories, tracks: TrackFrame, time_s: float) -> list[Decision]:
        """Takes leave of deleted tracks; those that were undecided are transient."""
        decisions, place, is_known = [], *places_of(before.track_id, tracks.deleted_track_id)
        for row in place[is_known].tolist():
            memory = before.row(row)
            self.drift.see_end(memory)
            if self.match is not None:
                self.match.see_end(memory)
                self.rule = self.match.rule
            if memory.status == "tentative" and not memory.was_reopened:
                last = replace(memory, age=memory.age + 1)
                decisions.append(self._decision(last, "deleted", tracks.frame_index, time_s))
        self.streams.close(tracks.deleted_track_id)
        return decisions

    def _decide(self, tracks: TrackFrame, rows: Int[np.ndarray, " n"], time_s: float) -> list[Decision]:
        """Asks the rule about all tentative tracks; decided ones give their slots back."""
        column = self.memories.column
        rows = rows[column("status")[rows] == TENTATIVE]
        if not len(rows):
            return []
        verdict = self.rule.decide(self.memories.observation(rows, tracks.score[rows]))
        decided = np.flatnonzero(verdict.is_decided)
        rows, is_persistent = rows[decided], verdict.is_persistent[decided]
        column("status")[rows] = np.where(is_persistent, PERSISTENT, TRANSIENT)
        column("rejected_age")[rows[~is_persistent]] = column("age")[rows[~is_persistent]]
        # Of what is rejected again holds what was said before.
        is_news = is_persistent | (column("was_reopened")[rows] == 0)
        if self.is_gated:
            self.streams.close(tracks.track_id[rows])
        return [
            self._decided(row, "timeout" if is_forced else "evidence", tracks.frame_index, time_s)
            for row, is_forced in zip(rows[is_news].tolist(), verdict.is_forced[decided][is_news].tolist(), strict=True)
        ]

    def _confirm_lasting(self, tracks: TrackFrame, time_s: float) -> list[Decision]:
        """Confirms tracks that were detected longer than any transient, those that were rejected before too."""
        if (bound := self.lifetime_bound) is None:
            return []
        column = self.memories.column
        is_passed = bound.is_passed(column("num_hits"), streak=column("streak"), is_decided=column("decided_age") > 0)
        rows = np.flatnonzero(is_passed & tracks.is_hit & (column("status") != PERSISTENT))
        column("was_reopened")[rows[column("status")[rows] == TRANSIENT]] = 1
        column("status")[rows] = PERSISTENT
        if self.is_gated:
            self.streams.close(tracks.track_id[rows])
        return [self._decided(row, "lifetime", tracks.frame_index, time_s) for row in rows.tolist()]

    def _decided(self, row: int, reason: Reason, frame_index: int, time_s: float) -> Decision:
        """Returns the decision on a track that stands in a column of the memory."""
        decided_age = self.memories.column("decided_age")
        decided_age[row] = decided_age[row] or self.memories.column("age")[row]
        return self._decision(self.memories.row(row), reason, frame_index, time_s)

    def _decision(self, memory: TrackMemory, reason: Reason, frame_index: int, time_s: float) -> Decision:
        return Decision(
            track_id=memory.track_id,
            label="persistent" if memory.status == "persistent" else "transient",
            evidence=memory.evidence,
            probability=probability_of(memory.evidence, self.logit_prior),
            age=memory.age,
            frame_index=frame_index,
            time_s=time_s,
            reason="reopened" if memory.was_reopened else reason,
            class_id=memory.class_id,
            history=self.history.of(memory.track_id),
        )
