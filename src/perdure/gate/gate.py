"""PersistenceGate: decides every track of one stream as early as the evidence allows, and spends nothing on it after.

One pass, frame by frame; nothing is computed twice for a prefix. The gate never sees where pixels or detections come
from, and never the truth.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from perdure.arrays import load_arrays, save_arrays
from perdure.evidence.track_geometry import track_geometry
from perdure.gate.drift import DriftMonitor
from perdure.gate.gate_model import GateModel
from perdure.gate.memory import TrackMemory, memories_from_arrays, memories_to_arrays
from perdure.gate.results import GateCost, GateResult, TrackView
from perdure.metrics.probability import logit, probability_of
from perdure.stopping.rules import Observation, StoppingRule
from perdure.tracking.crops import crop_tracks
from perdure.tracking.tracker import Tracker
from perdure.tracking.tracker_state import TrackerState
from perdure.types import Decision, Detections, Label, Reason, TrackFrame


class PersistenceGate:
    """Streams detections (and frames) in, decisions out.

    Args:
        model: trained model, in evaluation mode.
        rule: when to stop, and with which label.
        prior: probability that a new track is persistent; enters probabilities only, never the evidence.
        is_gated: False keeps encoding decided tracks until the tracker deletes them (to measure what gating saves);
            decisions are the same kind of decisions.
        image_size: width and height in pixels, for gates that never see a frame.
    """

    def __init__(
        self,
        model: GateModel,
        rule: StoppingRule,
        *,
        prior: float = 0.5,
        is_gated: bool = True,
        image_size: tuple[int, int] | None = None,
    ) -> None:
        self.model, self.rule, self.is_gated = model, rule, is_gated
        self.logit_prior = logit(prior)
        self.tracker = Tracker(model.operation.tracker)
        self.cost = GateCost()
        self.drift = DriftMonitor(model)
        self.memories: dict[int, TrackMemory] = {}
        self.streams = model.init_streams()
        self._image_size = image_size

    def update(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> GateResult:
        """Returns all live tracks and the new decisions after one more frame.

        Args:
            frame: uint8 RGB; None where the model reads detections alone.
            detections: what a detector found in it.
            time_s: time stamp; without it frames are taken to come at the rate of the training data.

        Raises:
            ValueError: the frame is missing though the model reads pixels, or is not uint8 RGB.
        """
        return self.observe(frame, self.tracker.update(detections), time_s=time_s)

    def observe(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, *, time_s: float | None = None
    ) -> GateResult:
        """As `update`, for tracks that somebody else has linked; call it with every frame in turn."""
        if time_s is None:
            time_s = tracks.frame_index / self.model.operation.frame_rate_hz
        self._remember(tracks)
        deleted = self._delete(tracks, time_s)
        self.streams.see(tracks, self._image_size if frame is None else (frame.shape[1], frame.shape[0]))
        rows = self._undecided_rows(tracks)
        encoded = tuple(tracks.track_id[rows].tolist())
        if rows:
            self._gather_evidence(frame, tracks, rows)
        start = time.perf_counter()
        decisions = (*deleted, *self._decide(tracks, rows, time_s))
        self.cost.rule_s += time.perf_counter() - start
        self.drift.see(tracks, self.memories, time_s)
        return GateResult(
            frame_index=tracks.frame_index,
            time_s=time_s,
            tracks=self._views(tracks),
            decisions=decisions,
            encoded_track_ids=encoded,
            drift=self.drift.latest(),
        )

    def save_state(self, path: Path | str) -> None:
        """Writes the state of the stream atomically; `load_state` of a gate with the same weights continues from it."""
        arrays = {f"tracker.{name}": value for name, value in self.tracker.get_state().to_arrays().items()}
        arrays |= {f"memory.{name}": value for name, value in memories_to_arrays(self.memories).items()}
        arrays |= {f"streams.{name}": value for name, value in self.streams.to_arrays().items()}
        save_arrays(Path(path), arrays, self._info() | {"cost": asdict(self.cost)})

    def load_state(self, path: Path | str) -> None:
        """Continues from a stored state.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, not the state of a gate, or that of a gate with another model.
        """
        arrays, info = load_arrays(Path(path))
        expected = self._info()
        if info.get("kind") != expected["kind"]:
            raise ValueError(f"state: {path} is not the state of a gate; give a file written by save_state")
        if info["model"] != expected["model"]:
            raise ValueError(f"state: {path} was stored by a gate with another model; load the weights it ran with")

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}

        self.tracker.set_state(TrackerState.from_arrays(part("tracker.")))
        self.memories = memories_from_arrays(part("memory."))
        self.streams.set_arrays(part("streams."))
        self.cost = GateCost(**info["cost"])

    def _info(self) -> dict[str, str]:
        return {"kind": "gate state", "model": self.model.fingerprint()}

    def _remember(self, tracks: TrackFrame) -> None:
        """Updates the memory of every live track, opens new ones, and re-opens rejected ones that refuse to die."""
        opened = []
        rows = zip(tracks.track_id.tolist(), tracks.age.tolist(), tracks.is_hit.tolist(), tracks.cue.tolist(),
                   tracks.score.tolist(), tracks.class_id.tolist(), strict=True)  # fmt: skip
        for track_id, age, is_hit, cue, score, class_id in rows:
            memory = self.memories.get(track_id)
            if memory is None:
                memory = TrackMemory(track_id, opened_age=age, first_frame=tracks.frame_index - age + 1)
                self.memories[track_id] = memory
                opened.append(track_id)
            memory.see(age, is_hit=is_hit, cue=cue, score=score, class_id=class_id)
            if is_hit and self._refuses_to_die(memory):
                memory.reopen(cue=cue, score=score)
                if track_id in self.streams:
                    self.streams.close([track_id])
                opened.append(track_id)
        if opened:
            self.streams.open(opened)

    def _refuses_to_die(self, memory: TrackMemory) -> bool:
        """Returns whether a rejected track was hit too often since to be let go."""
        operation = self.model.operation
        is_long_rejected = memory.status == "transient" and memory.age - memory.rejected_age >= operation.reopen_window
        return is_long_rejected and memory.recent_hits(operation.reopen_window) >= operation.reopen_hits

    def _delete(self, tracks: TrackFrame, time_s: float) -> list[Decision]:
        """Forgets deleted tracks; those that were undecided are transient."""
        decisions = []
        for track_id in tracks.deleted_track_id.tolist():
            memory = self.memories.pop(track_id, None)
            if memory is None:
                continue
            self.drift.see_end(memory)
            if memory.status == "tentative" and not memory.was_reopened:
                memory.age += 1
                decisions.append(self._decision(memory, "transient", "deleted", tracks.frame_index, time_s))
            if track_id in self.streams:
                self.streams.close([track_id])
        return decisions

    def _undecided_rows(self, tracks: TrackFrame) -> list[int]:
        """Returns the rows that are encoded on this frame: undecided tracks, or all of them without gating."""
        return [row for row, track_id in enumerate(tracks.track_id.tolist()) if track_id in self.streams]

    def _gather_evidence(self, frame: np.ndarray | None, tracks: TrackFrame, rows: list[int]) -> None:
        start = time.perf_counter()
        crops, image_size = self._crops(frame, tracks, rows), self._size_of(frame)
        self.cost.crop_s += time.perf_counter() - start
        track_ids = tracks.track_id[rows].tolist()
        memories = [self.memories[track_id] for track_id in track_ids]
        age = np.array([memory.age - memory.opened_age + 1 for memory in memories])
        evidence = self.streams.advance(
            track_ids,
            crops=crops,
            geometry=track_geometry(tracks, image_size, self.model.score_scale)[rows],
            age=age,
            frame_index=tracks.frame_index,
            cost=self.cost,
        )
        for memory, value in zip(memories, evidence.tolist(), strict=True):
            memory.num_encoded += 1
            if memory.status == "tentative":
                memory.evidence = value

    def _crops(self, frame: np.ndarray | None, tracks: TrackFrame, rows: list[int]) -> np.ndarray | None:
        if not self.model.uses_pixels:
            return None
        if frame is None:
            raise ValueError(
                f"frame {tracks.frame_index}: got None, expected pixels since these weights read them; "
                "give frames, or weights trained with uses_pixels = false"
            )
        crop = self.model.operation.crop
        return crop_tracks(frame, tracks.xyxy_px[rows], size_px=crop.size_px, context=crop.context)

    def _size_of(self, frame: np.ndarray | None) -> tuple[int, int]:
        if frame is not None:
            return (frame.shape[1], frame.shape[0])
        if self._image_size is None:
            raise ValueError("image_size: got None, expected (width, height) in pixels since there are no frames")
        return self._image_size

    def _decide(self, tracks: TrackFrame, rows: list[int], time_s: float) -> list[Decision]:
        """Asks the rule about all tentative tracks; decided ones give their slots back."""
        memories = [self.memories[track_id] for track_id in tracks.track_id[rows].tolist()]
        tentative = [(row, memory) for row, memory in zip(rows, memories, strict=True) if memory.status == "tentative"]
        if not tentative:
            return []
        verdict = self.rule.decide(_observation(tracks, tentative))
        decisions, closed = [], []
        for index in np.flatnonzero(verdict.is_decided).tolist():
            memory = tentative[index][1]
            label: Label = "persistent" if verdict.is_persistent[index] else "transient"
            memory.status = label
            closed.append(memory.track_id)
            if label == "transient":
                memory.rejected_age = memory.age
                if memory.was_reopened:  # rejected again: what was said of the track before still holds
                    continue
            reason: Reason = "timeout" if verdict.is_forced[index] else "evidence"
            reason = "reopened" if memory.was_reopened else reason
            decisions.append(self._decision(memory, label, reason, tracks.frame_index, time_s))
        if self.is_gated:
            self.streams.close(closed)
        return decisions

    def _decision(self, memory: TrackMemory, label: Label, reason: Reason, frame_index: int, time_s: float) -> Decision:
        memory.decided_age = memory.decided_age or memory.age
        return Decision(
            track_id=memory.track_id,
            label=label,
            evidence=memory.evidence,
            probability=probability_of(memory.evidence, self.logit_prior),
            age=memory.age,
            frame_index=frame_index,
            time_s=time_s,
            reason=reason,
            class_id=memory.class_id,
        )

    def _views(self, tracks: TrackFrame) -> tuple[TrackView, ...]:
        return tuple(self._view(tracks, row, track_id) for row, track_id in enumerate(tracks.track_id.tolist()))

    def _view(self, tracks: TrackFrame, row: int, track_id: int) -> TrackView:
        memory = self.memories[track_id]
        x_min, y_min, x_max, y_max = tracks.xyxy_px[row].tolist()
        return TrackView(
            track_id=track_id,
            xyxy_px=(x_min, y_min, x_max, y_max),
            age=memory.age,
            is_hit=bool(tracks.is_hit[row]),
            status=memory.status,
            evidence=memory.evidence,
            probability=probability_of(memory.evidence, self.logit_prior),
            class_id=memory.class_id,
            score=float(tracks.score[row]),
            num_hits=int(tracks.num_hits[row]),
            decided_age=memory.decided_age,
        )


def _observation(tracks: TrackFrame, tentative: list[tuple[int, TrackMemory]]) -> Observation:
    """Returns what a stopping rule may know about the given tracks."""
    rows = [row for row, _ in tentative]
    memories = [memory for _, memory in tentative]
    return Observation(
        evidence=np.array([memory.evidence for memory in memories], dtype=np.float64),
        age=np.array([memory.age - memory.opened_age + 1 for memory in memories], dtype=np.int64),
        hit_history=np.array([memory.hit_history for memory in memories], dtype=np.uint64),
        cue_total=np.array([memory.cue_total for memory in memories], dtype=np.float64),
        score=tracks.score[rows],
        max_score=np.array([memory.max_score for memory in memories], dtype=np.float64),
        mean_score=np.array([memory.mean_score for memory in memories], dtype=np.float64),
        class_id=np.array([memory.class_id for memory in memories], dtype=np.int64),
    )
