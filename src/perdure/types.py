"""The few values that travel between all parts: detections, clips, tracks at one frame, decisions.

Knows shapes, units and what is valid. Does not know where pixels come from or how anything is decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Label = Literal["persistent", "transient"]
Reason = Literal["evidence", "lifetime", "timeout", "deleted", "reopened"]

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

    A row that cannot be a detection (a box without area or with swapped corners, a number that is not finite) keeps its
    place, so that rows still count as the detector gave them, but is not `is_valid` and is never used: real detectors
    write such rows at the edge of a picture, and a stream must not end on one.

    Args:
        xyxy_px: boxes as (x_min, y_min, x_max, y_max) in pixels.
        score: detector confidence on the detector's own scale, higher is surer.
        class_id: class per box, `NO_CLASS` where the detector names none.
        cue: optional log-likelihood ratio (nats) that a sensor measured on each detection; zeros when there is none.
        is_valid: whether a row can be a detection; found out here, not given.

    Raises:
        ValueError: shapes disagree.
    """

    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"] = None  # type: ignore[assignment]
    cue: Float[np.ndarray, " n"] = None  # type: ignore[assignment]
    is_valid: Bool[np.ndarray, " n"] = field(init=False)

    def __post_init__(self) -> None:
        xyxy_px = np.asarray(self.xyxy_px, dtype=np.float64).reshape(-1, 4)
        num = len(xyxy_px)
        set_field = object.__setattr__
        set_field(self, "xyxy_px", xyxy_px)
        set_field(self, "score", np.asarray(self.score, dtype=np.float64))
        set_field(self, "class_id", _classes(self.class_id, num))
        cue = np.zeros(num) if self.cue is None else self.cue
        set_field(self, "cue", np.asarray(cue, dtype=np.float64))
        for name in ("score", "class_id", "cue"):
            _require_shape(f"Detections.{name}", getattr(self, name), (num,))
        numbers = np.column_stack([xyxy_px, self.score, self.cue])
        has_area = (xyxy_px[:, 2] > xyxy_px[:, 0]) & (xyxy_px[:, 3] > xyxy_px[:, 1])
        set_field(self, "is_valid", has_area & (np.abs(numbers) <= MAX_MAGNITUDE).all(axis=1))

    @property
    def num_invalid(self) -> int:
        """Rows that can be no detection, and are never used."""
        return int(np.count_nonzero(~self.is_valid))

    def first_invalid(self) -> str:
        """Returns words on the first row that can be no detection."""
        row = int(np.argmin(self.is_valid))
        return f"row {row}, box {self.xyxy_px[row].tolist()} with score {self.score[row]:g}: no area, or not finite"

    def __len__(self) -> int:
        return len(self.xyxy_px)

    @classmethod
    def empty(cls) -> Detections:
        """Returns detections of a frame in which nothing was found."""
        return cls(xyxy_px=np.zeros((0, 4)), score=np.zeros(0))

    @classmethod
    def from_supervision(cls, found: Any) -> Detections:
        """Returns the boxes, scores and classes of a `supervision.Detections`; a missing score counts as 1."""
        return _read(found.xyxy, found.confidence, found.class_id)

    @classmethod
    def from_ultralytics(cls, results: Any) -> Detections:
        """Returns what `ultralytics` found in one picture.

        Args:
            results: one `Results`, or the list with one of them that a model returns for one picture; of turned boxes
                the upright ones around them are taken.

        Raises:
            ValueError: there are results of several pictures, or they hold no boxes.
        """
        one = _only("ultralytics", results)
        boxes = getattr(one, "boxes", None)
        boxes = getattr(one, "obb", None) if boxes is None else boxes
        if boxes is None:
            raise ValueError(f"ultralytics: got {type(one).__name__} without boxes, expected those of a detector")
        return _read(boxes.xyxy, boxes.conf, boxes.cls)

    @classmethod
    def from_rfdetr(cls, found: Any) -> Detections:
        """Returns what RF-DETR found in one picture.

        Args:
            found: what `predict` returns (a `supervision.Detections`, or a list with one), or the dictionary with
                `boxes`, `scores` and `labels` of its post-processing.

        Raises:
            ValueError: there are results of several pictures.
        """
        one = _only("rfdetr", found)
        return _read(one["boxes"], one["scores"], one["labels"]) if isinstance(one, dict) else cls.from_supervision(one)


def _only(what: str, found: Any) -> Any:
    """Returns the result of one picture."""
    if isinstance(found, list | tuple):
        if len(found) != 1:
            raise ValueError(f"{what}: got results of {len(found)} pictures, expected one; give them one by one")
        return found[0]
    return found


def _read(xyxy_px: Any, score: Any, class_id: Any) -> Detections:
    """Returns detections of arrays, or of tensors on any device."""
    boxes = np.asarray(_numbers(xyxy_px), np.float64).reshape(-1, 4)
    return Detections(
        xyxy_px=boxes,
        score=np.ones(len(boxes)) if score is None else np.asarray(_numbers(score), np.float64).reshape(-1),
        class_id=_classes(None if class_id is None else np.asarray(_numbers(class_id)).reshape(-1), len(boxes)),
    )


def _classes(class_id: Any, num: int) -> np.ndarray:
    """Returns whole numbers; `NO_CLASS` where there is no class, or a row has none (NaN or None)."""
    given = np.full(num, NO_CLASS) if class_id is None else np.asarray(class_id)
    if given.dtype.kind not in "iu":
        given = np.nan_to_num(np.asarray(given, np.float64), nan=NO_CLASS, posinf=NO_CLASS, neginf=NO_CLASS)
    return given.astype(np.int64)


def _numbers(values: Any) -> Any:
    """Returns the numbers of a tensor as it is kept on the host; all else as it is."""
    if hasattr(values, "detach"):
        values = values.detach()
    return values.cpu().float().numpy() if hasattr(values, "cpu") else values


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


class TrackHistory(NamedTuple):
    """The boxes that a track was detected at, oldest first: 0-based frames, corners in pixels, scores."""

    frame_index: Int[np.ndarray, " n"]
    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]


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
        reason: `evidence` (a bound was crossed), `lifetime` (detected more often than any transient, whatever the
            evidence says), `timeout` (forced at the horizon), `deleted` (the tracker gave the track up) or `reopened`
            (a rejected track that refused to die; label is persistent once evidence or lifetime say so).
        class_id: class of the track, `NO_CLASS` where there is none.
        history: where it was detected, from birth or re-opening to this frame (64 at most); None if nobody noted it.
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
    history: TrackHistory | None = field(default=None, repr=False, compare=False)

    @property
    def is_decided(self) -> bool:
        """False if the horizon forced the decision."""
        return self.reason != "timeout"
