"""What the gate returns: one view per live track, and the decisions of the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perdure.rewind import Rewindable
from perdure.types import NO_CLASS, Decision

Status = Literal["tentative", "persistent", "transient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackView:
    """One live track as it stands after a frame.

    Args:
        track_id: the tracker's id.
        xyxy_px: detected box on a hit, predicted box on a miss.
        age: frames since birth, birth = 1.
        is_hit: whether a detection was associated on this frame.
        status: `tentative`, `persistent` or `transient`.
        evidence: latest evidence in nats, prior removed; frozen at the decision.
        probability: of being persistent, in [0, 1].
        class_id: class that most of its detections have.
        score: score of the detection, 0 on a miss.
        num_hits: hits so far.
        decided_age: age of the first decision, 0 while there is none.
        longest_streak: most hits in a row so far: what rules such as "three in a row" count.
    """

    track_id: int
    xyxy_px: tuple[float, float, float, float]
    age: int
    is_hit: bool
    status: Status
    evidence: float
    probability: float
    class_id: int = NO_CLASS
    score: float = 0.0
    num_hits: int = 1
    decided_age: int = 0
    longest_streak: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The state of a stream after one frame.

    Args:
        frame_index: 0-based.
        time_s: time stamp in seconds.
        tracks: all live tracks; each is made when somebody first looks.
        decisions: those taken on this frame.
        encoded_track_ids: tracks that the extractor ran on for this frame.
        drift: one sentence for each thing about the stream that no longer is as calibrated, or as it was in its first
            minute; renewed every second and every 30 frames.
        is_guaranteed: whether error rates were promised and nothing about the stream speaks against it that they hold.
            Never with a gate that stands for a rule: it promises none.
    """

    frame_index: int
    time_s: float
    tracks: Sequence[TrackView]
    decisions: tuple[Decision, ...]
    encoded_track_ids: tuple[int, ...] = ()
    drift: tuple[str, ...] = ()
    is_guaranteed: bool = False

    @property
    def num_encoded(self) -> int:
        """Number of tracks that the extractor ran on for this frame."""
        return len(self.encoded_track_ids)


@dataclass(slots=True)
class GateCost(Rewindable):
    """What a gate has spent so far: seconds per part, operations, and encoded track-frames.

    Args:
        crop_s: cutting windows out of frames.
        extractor_s: encoder and quantizer.
        evidence_s: lifetime evidence and evidence model.
        rule_s: stopping rule and book-keeping of decisions.
        flops: floating-point operations of extractor and evidence model, counted on the sizes that really ran.
        track_frames: frames encoded, summed over tracks.
    """

    crop_s: float = 0.0
    extractor_s: float = 0.0
    evidence_s: float = 0.0
    rule_s: float = 0.0
    flops: int = 0
    track_frames: int = 0

    @property
    def total_s(self) -> float:
        """Seconds of all parts."""
        return self.crop_s + self.extractor_s + self.evidence_s + self.rule_s
