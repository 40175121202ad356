"""The gate in the place of a tracker's own confirmation rule, for trackers that speak `supervision.Detections`.

Works with every tracker that writes `tracker_id`, among them SORT and ByteTrack of the `trackers` library: let the
tracker report each track from its first frames on (`minimum_consecutive_frames=1`) and let the gate decide which of
them are real. Needs nothing but the attributes of `supervision.Detections`, so it imports no tracker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int, UInt8

from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.types import NO_CLASS, NO_OWNER, Detections

if TYPE_CHECKING:
    import supervision as sv

FORGET_AFTER = 300
"""Frames after which a confirmed track that no longer shows up is forgotten."""


def detections_from_supervision(found: sv.Detections) -> Detections:
    """Returns the boxes, scores and classes of `supervision.Detections`; a missing score counts as 1.

    Raises:
        ValueError: a box has no area or a number is not finite.
    """
    num = len(found)
    confidence = np.ones(num) if found.confidence is None else found.confidence
    class_id = np.full(num, NO_CLASS) if found.class_id is None else found.class_id
    return Detections(
        xyxy_px=np.asarray(found.xyxy, np.float64), score=np.asarray(confidence, np.float64), class_id=class_id
    )


@dataclass(slots=True)
class TrackConfirmer:
    """Decides which tracks of another tracker are reported.

    Args:
        gate: that has seen nothing yet; its own association is not used.
        last: what the gate said about the latest frame, tentative and rejected tracks included.
    """

    gate: PersistenceGate
    last: GateResult | None = None
    _confirmed: dict[int, _Confirmed] = field(default_factory=dict)
    _id_of_track: dict[int, int] = field(default_factory=dict)
    _frame_index: int = 0

    def update(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracked: sv.Detections, *, time_s: float | None = None
    ) -> sv.Detections:
        """Returns the detections of tracks that are confirmed, in their order.

        Their `data` gets `persistence_probability` and `persistence_age` (frames from the first one to the decision).

        Args:
            frame: uint8 RGB; None where the weights read detections alone.
            tracked: what the tracker returned for this frame, with `tracker_id`; -1 stands for no track.
            time_s: time stamp in seconds.

        Raises:
            ValueError: there are no tracker ids, or a box is not valid.
        """
        ids = self._ids(tracked)
        found = detections_from_supervision(tracked)
        # A confirmed track that has ended here does not begin anew; as long as it lives it is seen, since what stands
        # around tells about its neighbours.
        ended = list(self._confirmed.keys() - set(self._id_of_track.values()))
        owner = np.where(np.isin(ids, ended), NO_OWNER, ids)
        tracks = self.gate.tracker.update(found, owner=owner)
        self.gate.tracker.forget_ended_owners()
        for track_id, row in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
            if row >= 0:
                self._id_of_track[track_id] = int(owner[row])
        self.last = self.gate.observe(frame, tracks, time_s=time_s)
        for decision in self.last.decisions:
            if decision.label == "persistent":
                tracker_id = self._id_of_track[decision.track_id]
                self._confirmed[tracker_id] = _Confirmed(decision.probability, decision.age, self._frame_index)
        for track_id in tracks.deleted_track_id.tolist():
            self._id_of_track.pop(track_id, None)
        return self._reported(tracked, ids)

    @staticmethod
    def _ids(tracked: sv.Detections) -> Int[np.ndarray, " n"]:
        if tracked.tracker_id is None:
            if len(tracked):
                raise ValueError(
                    "detections: got no tracker_id, expected what a tracker returned; call its update first"
                )
            return np.zeros(0, np.int64)
        return np.asarray(tracked.tracker_id, np.int64)

    def _reported(self, tracked: sv.Detections, ids: Int[np.ndarray, " n"]) -> sv.Detections:
        for tracker_id in ids.tolist():
            if tracker_id in self._confirmed:
                self._confirmed[tracker_id].last_seen = self._frame_index
        is_confirmed = np.array([tracker_id in self._confirmed for tracker_id in ids.tolist()], bool)
        kept: Any = tracked[is_confirmed]
        known = [self._confirmed[tracker_id] for tracker_id in ids[is_confirmed].tolist()]
        kept.data["persistence_probability"] = np.array([item.probability for item in known], np.float64)
        kept.data["persistence_age"] = np.array([item.age for item in known], np.int64)
        oldest = self._frame_index - FORGET_AFTER
        self._confirmed = {key: item for key, item in self._confirmed.items() if item.last_seen >= oldest}
        self._frame_index += 1
        return kept


@dataclass(slots=True)
class _Confirmed:
    """A confirmed track of the other tracker."""

    probability: float
    age: int
    last_seen: int
