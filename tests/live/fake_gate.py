"""A gate in a few lines, with the real tracker: confirms at the third hit, rejects at age 6."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import UInt8
from numpy import ndarray

from perdure.gate.results import GateResult, Status, TrackView
from perdure.tracking.tracker import Tracker
from perdure.types import NO_CLASS, Decision, Detections, Reason


@dataclass
class FakeGate:
    tracker: Tracker = field(default_factory=Tracker)
    status: dict[int, Status] = field(default_factory=dict)
    match: None = None

    def update(
        self, frame: UInt8[ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> GateResult:
        tracks, decisions, views, encoded = self.tracker.update(detections), [], [], []

        def decide(track_id: int, age: int, status: Status, reason: Reason, class_id: int = NO_CLASS) -> None:
            self.status[track_id] = status
            decisions.append(Decision(track_id=track_id, label=status, evidence=2.0, probability=0.9, age=age,
                                      frame_index=tracks.frame_index, time_s=time_s, reason=reason,
                                      class_id=class_id))  # fmt: skip

        for track_id in tracks.deleted_track_id.tolist():
            if self.status.pop(track_id) == "tentative":
                decide(track_id, 6, "transient", "deleted")
        for row, track_id in enumerate(tracks.track_id.tolist()):
            age, hits, class_id = int(tracks.age[row]), int(tracks.num_hits[row]), int(tracks.class_id[row])
            if self.status.setdefault(track_id, "tentative") == "tentative":
                encoded.append(track_id)
                if hits >= 3 or age >= 6:
                    decide(track_id, age, "persistent" if hits >= 3 else "transient", "evidence", class_id)
            views.append(TrackView(track_id=track_id, xyxy_px=tuple(tracks.xyxy_px[row].tolist()), age=age,
                                   is_hit=bool(tracks.is_hit[row]), status=self.status[track_id], evidence=2.0,
                                   probability=0.9, score=float(tracks.score[row]), num_hits=hits,
                                   class_id=class_id))  # fmt: skip
        return GateResult(frame_index=tracks.frame_index, time_s=time_s, tracks=tuple(views),
                          decisions=tuple(decisions), encoded_track_ids=tuple(encoded))  # fmt: skip
