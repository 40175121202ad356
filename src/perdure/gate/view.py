"""What the gate shows of a live track."""

from __future__ import annotations

from perdure.gate.memory import TrackMemory
from perdure.gate.results import TrackView
from perdure.metrics.probability import probability_of
from perdure.types import TrackFrame


def view_of(memory: TrackMemory, tracks: TrackFrame, row: int, logit_prior: float) -> TrackView:
    """Returns a track as it stands after a frame.

    Args:
        memory: what the gate remembers of it.
        tracks: of the frame.
        row: of the track.
        logit_prior: log odds of a new track being persistent.
    """
    x_min, y_min, x_max, y_max = tracks.xyxy_px[row].tolist()
    return TrackView(
        track_id=memory.track_id,
        xyxy_px=(x_min, y_min, x_max, y_max),
        age=memory.age,
        is_hit=bool(tracks.is_hit[row]),
        status=memory.status,
        evidence=memory.evidence,
        probability=probability_of(memory.evidence, logit_prior),
        class_id=memory.class_id,
        score=float(tracks.score[row]),
        num_hits=int(tracks.num_hits[row]),
        decided_age=memory.decided_age,
        longest_streak=memory.longest_streak,
    )
