"""The few values that travel between all parts: detections, clips, tracks at one frame, decisions.

Knows shapes, units and what is valid. Does not know where pixels come from or how anything is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Label = Literal["persistent", "transient"]
Reason = Literal["evidence", "timeout", "deleted", "reopened"]

NO_CLASS = -1
"""Class id of a detection whose detector names no classes."""
NO_OWNER = -1
"""Object index of a detection that lies on nothing."""
MAX_MAGNITUDE = 1e9
"""Largest coordinate in pixels, score or cue that is taken: squares of what lies beyond would overflow further on."""


def _require_shape(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    if value.shape != shape:
        raise ValueError(f"{name}: got shape {value.shape}, expected {shape}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What a detector found in one frame.

    Args:
        xyxy_px: boxes as (x_min, y_min, x_max, y_max) in pixels; width and height must be positive and finite.
        score: detector confidence on the detector's own scale, higher is surer.
        class_id: class per box, `NO_CLASS` where the detector names none.
        cue: optional log-likelihood ratio (nats) that a sensor measured on each detection; zeros when there is none.

    Raises:
        ValueError: shapes disagree, a number is not finite or larger than 1e9, or a box has no area.
    """

    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"] = None  # type: ignore[assignment]
    cue: Float[np.ndarray, " n"] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        xyxy_px = np.asarray(self.xyxy_px, dtype=np.float64).reshape(-1, 4)
        num = len(xyxy_px)
        set_field = object.__setattr__
        set_field(self, "xyxy_px", xyxy_px)
        set_field(self, "score", np.asarray(self.score, dtype=np.float64))
        class_id = np.full(num, NO_CLASS) if self.class_id is None else self.class_id
        set_field(self, "class_id", np.asarray(class_id, dtype=np.int64))
        cue = np.zeros(num) if self.cue is None else self.cue
        set_field(self, "cue", np.asarray(cue, dtype=np.float64))
        for name in ("score", "class_id", "cue"):
            _require_shape(f"Detections.{name}", getattr(self, name), (num,))
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"Detections.{name}: got a value that is not finite; drop or repair it first")
            if name != "class_id" and (np.abs(getattr(self, name)) > MAX_MAGNITUDE).any():
                raise ValueError(f"Detections.{name}: got a value beyond {MAX_MAGNITUDE:g}; drop or repair it first")
        bad = ~(np.abs(xyxy_px) <= MAX_MAGNITUDE).all(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"Detections.xyxy_px row {row}: got {xyxy_px[row]}, expected finite pixels of at most {MAX_MAGNITUDE:g}"
            )
        bad = (xyxy_px[:, 2] <= xyxy_px[:, 0]) | (xyxy_px[:, 3] <= xyxy_px[:, 1])
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"Detections.xyxy_px row {row}: got {xyxy_px[row]}, expected x_min < x_max and y_min < y_max"
            )

    def __len__(self) -> int:
        return len(self.xyxy_px)

    @classmethod
    def empty(cls) -> Detections:
        """Returns detections of a frame in which nothing was found."""
        return cls(xyxy_px=np.zeros((0, 4)), score=np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTruth:
    """Ground truth of a synthetic clip: K objects over T frames, label drawn last.

    Args:
        is_persistent: truth label per object.
        birth_frame: first frame (0-based) of each object.
        last_frame: last frame in which the object exists (T - 1 for persistent ones).
        xyxy_px: exact box of every object on every frame, also where it does not exist (its law goes on).
        is_alive: whether the object exists on that frame.
        cue: per-frame log-likelihood ratio (nats) of the rendered cue, defined on every frame; on frames without
            the object it follows the object's own class law (what a false box would report).
        detection_owner: per frame, for each detection the object whose gate it falls into, or `NO_OWNER`.
    """

    is_persistent: Bool[np.ndarray, " k"]
    birth_frame: Int[np.ndarray, " k"]
    last_frame: Int[np.ndarray, " k"]
    xyxy_px: Float[np.ndarray, "k t 4"]
    is_alive: Bool[np.ndarray, "k t"]
    cue: Float[np.ndarray, "k t"]
    detection_owner: tuple[Int[np.ndarray, " _"], ...]

    @property
    def num_objects(self) -> int:
        """Number of objects, k."""
        return len(self.is_persistent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """T frames with detections, and ground truth where it is known.

    Args:
        clip_id: unique name; carries no information about labels.
        frames: uint8 RGB, possibly memory-mapped.
        frame_rate_hz: frames per second.
        detections: one `Detections` per frame.
        truth: ground truth of a synthetic clip, else None.
    """

    clip_id: str
    frames: UInt8[np.ndarray, "t h w 3"]
    frame_rate_hz: float
    detections: tuple[Detections, ...]
    truth: ClipTruth | None = None

    def __post_init__(self) -> None:
        if len(self.detections) != len(self.frames):
            raise ValueError(
                f"clip {self.clip_id}: got {len(self.detections)} frames of detections for {len(self.frames)} images"
            )

    @property
    def num_frames(self) -> int:
        """Number of frames, t."""
        return len(self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFrame:
    """All live tracks at one frame, as arrays with one row a track; what a tracker returns from `update`.

    Args:
        frame_index: 0-based index of the frame.
        track_id: unique per tracker, never reused.
        age: frames since birth, birth = 1.
        is_hit: whether a detection was associated on this frame.
        xyxy_px: the detected box on a hit, the predicted box on a miss.
        score: score of the detection, 0 on a miss.
        class_id: class of the track (that of its latest detection).
        cue: cue of the detection, 0 on a miss.
        motion_residual: (detected - predicted centre) / box size, per axis; 0 on a miss and at birth.
        detection_index: row of the detection in this frame's `Detections`, -1 on a miss.
        num_hits: hits so far, this frame included.
        num_misses: consecutive misses up to this frame, 0 on a hit.
        deleted_track_id: tracks that end with this frame (their last allowed consecutive miss); they have no row.
    """

    frame_index: int
    track_id: Int[np.ndarray, " n"]
    age: Int[np.ndarray, " n"]
    is_hit: Bool[np.ndarray, " n"]
    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"]
    cue: Float[np.ndarray, " n"]
    motion_residual: Float[np.ndarray, "n 2"]
    detection_index: Int[np.ndarray, " n"]
    num_hits: Int[np.ndarray, " n"]
    num_misses: Int[np.ndarray, " n"]
    deleted_track_id: Int[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.track_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one track.

    Args:
        track_id: the tracker's id.
        label: `persistent` or `transient`.
        evidence: log-likelihood ratio in nats at the moment of decision, prior removed.
        probability: sigmoid(evidence + logit prior) of being persistent, in [0, 1].
        age: frames from birth (birth = 1) at the decision: the decision frame.
        frame_index: 0-based frame of the decision.
        time_s: time stamp of that frame in seconds.
        reason: `evidence` (a bound was crossed), `timeout` (forced at the horizon), `deleted` (the tracker gave the
            track up) or `reopened` (a rejected track that refused to die is undecided again; label is persistent
            once the evidence says so).
        class_id: class of the track, `NO_CLASS` where there is none.
    """

    track_id: int
    label: Label
    evidence: float
    probability: float
    age: int
    frame_index: int
    time_s: float
    reason: Reason
    class_id: int = NO_CLASS

    @property
    def is_decided(self) -> bool:
        """False if the horizon forced the decision."""
        return self.reason != "timeout"
