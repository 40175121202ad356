"""What is noted about a track while a gate runs over its stream, and the record that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.metrics.decisions import DecisionRecord
from perdure.types import Decision, Label, TrackFrame


@dataclass(slots=True, kw_only=True)
class ObservedTrack:
    """One track; its first decision counts.

    Args:
        first_frame, last_frame: 0-based frames between which it lived.
        num_encoded: frames on which the gate looked at it.
        decision: the first one; None before it.
        was_reopened: whether it was opened again after a rejection.
    """

    first_frame: int
    last_frame: int = 0
    num_encoded: int = 0
    decision: Decision | None = None
    was_reopened: bool = False

    def record(self, clip_id: str, track_id: int, true_label: Label) -> DecisionRecord:
        """Returns the row of `decisions.jsonl`.

        Raises:
            ValueError: nothing was decided.
        """
        decision = self.decision
        if decision is None:
            raise ValueError(f"track {track_id} of {clip_id}: got no decision, expected one")
        return DecisionRecord(
            clip_id=clip_id,
            track_id=track_id,
            true_label=true_label,
            label=decision.label,
            evidence=decision.evidence,
            probability=decision.probability,
            decision_frame=decision.age,
            decided=decision.is_decided,
            reason=decision.reason,
            first_frame=self.first_frame,
            last_frame=self.last_frame,
            frames_encoded=self.num_encoded,
            reopened=self.was_reopened,
        )


def note_result(
    seen: Mapping[int, ObservedTrack], tracks: TrackFrame, result: GateResult, gate: PersistenceGate
) -> None:
    """Notes one frame of all tracks, which must be known already."""
    for track_id in tracks.track_id.tolist():
        seen[track_id].last_frame = tracks.frame_index
        seen[track_id].was_reopened |= gate.memories[track_id].was_reopened
    for track_id in result.encoded_track_ids:
        seen[track_id].num_encoded += 1
    for decision in result.decisions:
        item = seen[decision.track_id]
        item.decision = item.decision or decision
