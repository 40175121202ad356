"""Tentative tracks from detections, frame by frame: predict, associate, update, mark missed, delete, initiate.

Knows boxes and their motion only: it sees no pixels and takes no decision about persistence, so every detection that
fits no track starts one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from perdure.geometry import cxcywh_from_xyxy, grow_boxes, xyxy_from_cxcywh
from perdure.rewind import Rewindable
from perdure.tracking.association import NO_DETECTION, best_row_of_owner, match_by_overlap, match_by_owner
from perdure.tracking.kalman import BoxStates, KalmanConfig, born, corrected, predicted
from perdure.tracking.tracker_state import TrackerState
from perdure.types import NO_OWNER, Detections, TrackFrame

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerConfig:
    """How detections are linked into tracks."""

    max_misses: int = 5
    """A track is deleted on this many consecutive frames without a detection."""
    min_iou: float = 0.3
    """Least overlap (intersection over union) of a grown predicted box and a grown detection that may be linked."""
    box_growth: float = 1.5
    """Boxes are made this many times larger before their overlap is measured: small objects move by more than a box."""
    box_growth_px: float = 6.0
    """Added to the sides of the grown boxes, in pixels."""
    min_score: float | None = None
    """Detections below this score are ignored; leave out to use all (score scales differ between detectors)."""
    min_birth_score: float | None = None
    """Detections below this score may continue a track but not start one; leave out to let all start one."""
    max_detections: int = 300
    """At most this many detections a frame are used, the best-scored ones; the rest is ignored with a warning."""
    kalman: KalmanConfig = field(default_factory=KalmanConfig)
    """Noise of the motion filter."""

    def __post_init__(self) -> None:
        for name, least in (("max_misses", 1), ("max_detections", 1), ("box_growth", 1.0), ("box_growth_px", 0.0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        if not 0 < self.min_iou < 1:
            raise ValueError(f"min_iou: got {self.min_iou}, expected above 0 and below 1")


class Tracker(Rewindable):
    """Links detections into tracks; every unexplained detection starts a tentative one."""

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self._state, self._ended = TrackerState.empty(), np.zeros(0, dtype=np.int64)
        self.num_left_out = 0
        """Detections that were not used since a frame had more than `max_detections`."""
        self.num_invalid = 0
        """Rows that were not used since they can be no detection: no area, or a number that is not finite."""

    def get_state(self) -> TrackerState:
        """Returns a copy of the whole state; `set_state` continues from it exactly."""
        return TrackerState.from_arrays(self._state.to_arrays())

    def set_state(self, state: TrackerState) -> None:
        """Continues from a state of `get_state` (it is copied)."""
        self._state = TrackerState.from_arrays(state.to_arrays())

    def reset(self) -> None:
        """Forgets all tracks and counts, and starts again at frame 0 and track 0."""
        self._state, self._ended = TrackerState.empty(), np.zeros(0, dtype=np.int64)
        self.num_left_out = self.num_invalid = 0

    def end_all(self) -> None:
        """Ends all tracks; the next frame says that they are deleted, and what is found there starts new ones."""
        state = self._state
        self._ended = np.concatenate([self._ended, state.track_id])
        state.keep(np.zeros(len(state.track_id), dtype=bool))
        state.started_owner = state.started_owner[:0]

    def move_on(self, num_frames: int) -> None:
        """Moves all tracks on by some frames that there are no detections of; no track is missed by it."""
        for _ in range(num_frames if len(self._state.track_id) else 0):
            self._predict(None)

    def skip(self, num_frames: int) -> None:
        """Moves all tracks on by some frames that count but were not looked at."""
        self.move_on(num_frames)
        self._state.next_frame_index += num_frames

    def forget_ended_owners(self) -> None:
        """Lets owners whose track was deleted start another one; for ids that a tracker of somebody else gave out."""
        self._state.started_owner = self._state.owner[self._state.owner != NO_OWNER]

    def update(
        self,
        detections: Detections,
        *,
        owner: Int[np.ndarray, " n"] | None = None,
        camera_motion: Float[np.ndarray, "2 3"] | None = None,
    ) -> TrackFrame:
        """Returns all live tracks after one more frame.

        Args:
            detections: what was found in this frame.
            owner: object index per detection where the truth is known. Then a detection goes to the track of its
                owner, an owner's first detection starts its only track, and detections with `NO_OWNER` start nothing.
            camera_motion: affine map in pixels from the picture before to this one, where it is known.

        Raises:
            ValueError: `owner` has another length than the detections.
        """
        if owner is not None and len(owner) != len(detections):
            raise ValueError(f"owner: got {len(owner)} owners for {len(detections)} detections")
        usable = self._usable_rows(detections)
        expected = self._predict(camera_motion)
        self._state.age = self._state.age + 1
        detection_index = self._associate(expected, detections, usable, owner)
        residual = self._update(detection_index, detections)
        self._mark_missed(detection_index)
        is_kept, deleted_track_id = self._delete()
        deleted_track_id = np.concatenate([self._ended, deleted_track_id])
        self._ended = self._ended[:0]
        birth_index = self._initiate(detections, usable, detection_index, owner)
        self._state.next_frame_index += 1
        detection_index = np.concatenate([detection_index[is_kept], birth_index])
        residual = np.concatenate([residual[is_kept], np.zeros((len(birth_index), 2))])
        return self._track_frame(detections, detection_index, residual, deleted_track_id)

    def _usable_rows(self, detections: Detections) -> Int[np.ndarray, " m"]:
        """Returns the detection rows that may be used: valid, scored high enough, and not too many."""
        rows = np.flatnonzero(detections.is_valid)
        if detections.num_invalid and not self.num_invalid:
            text = "frame %d: left out %s; not said again"
            logger.warning(text, self._state.next_frame_index, detections.first_invalid())
        self.num_invalid += detections.num_invalid
        if self.config.min_score is not None:
            rows = rows[detections.score >= self.config.min_score]
        limit = self.config.max_detections
        if len(rows) > limit:
            if self.num_left_out == 0:
                text = "frame %d: got %d detections, used the %d best-scored ones (max_detections); not said again"
                logger.warning(text, self._state.next_frame_index, len(rows), limit)
            self.num_left_out += len(rows) - limit
            best = np.argpartition(-detections.score[rows], limit - 1)[:limit]
            rows = rows[np.sort(best)]
        return rows

    def _predict(self, camera_motion: Float[np.ndarray, "2 3"] | None) -> Float[np.ndarray, "n 4"]:
        """Moves every track one frame on; returns the predicted boxes as centre and size."""
        state = self._state
        before = BoxStates(position=state.position, velocity=state.velocity, covariance=state.covariance)
        after = predicted(before, self.config.kalman, camera_motion)
        state.position, state.velocity, state.covariance = after.position, after.velocity, after.covariance
        return self._state.position

    def _associate(
        self,
        expected_cxcywh_px: Float[np.ndarray, "n 4"],
        detections: Detections,
        usable: Int[np.ndarray, " m"],
        owner: Int[np.ndarray, " k"] | None,
    ) -> Int[np.ndarray, " n"]:
        """Returns the detection row of each track, `NO_DETECTION` on a miss."""
        if owner is not None:
            row = match_by_owner(self._state.owner, np.asarray(owner)[usable], detections.score[usable])
        else:
            growth = {"factor": self.config.box_growth, "margin_px": self.config.box_growth_px}
            row = match_by_overlap(
                grow_boxes(xyxy_from_cxcywh(expected_cxcywh_px), **growth),
                grow_boxes(detections.xyxy_px[usable], **growth),
                min_iou=self.config.min_iou,
            )
        padded = np.append(usable, NO_DETECTION)
        return padded[row]

    def _update(self, detection_index: Int[np.ndarray, " n"], detections: Detections) -> Float[np.ndarray, "n 2"]:
        """Corrects the hit tracks; returns how far each lay from its prediction, as a share of the predicted box."""
        state = self._state
        # Written to below, and what is remembered never is.
        for name in ("velocity", "num_hits", "num_misses", "class_id"):
            setattr(state, name, getattr(state, name).copy())
        residual = np.zeros((len(detection_index), 2))
        hit = np.flatnonzero(detection_index != NO_DETECTION)
        if len(hit) == 0:
            return residual
        source = detection_index[hit]
        measured = cxcywh_from_xyxy(detections.xyxy_px[source])
        expected = state.position[hit]
        residual[hit] = (measured[:, :2] - expected[:, :2]) / expected[:, 2:]
        before = BoxStates(position=expected, velocity=state.velocity[hit], covariance=state.covariance[hit])
        after = corrected(before, measured, self.config.kalman)
        state.position[hit], state.velocity[hit], state.covariance[hit] = (
            after.position, after.velocity, after.covariance,
        )  # fmt: skip
        state.num_hits[hit] += 1
        state.num_misses[hit] = 0
        state.class_id[hit] = detections.class_id[source]
        return residual

    def _mark_missed(self, detection_index: Int[np.ndarray, " n"]) -> None:
        self._state.num_misses[detection_index == NO_DETECTION] += 1

    def _delete(self) -> tuple[np.ndarray, Int[np.ndarray, " m"]]:
        """Drops tracks that were missed too often; returns which rows stay, and the ids of those that went."""
        is_kept = self._state.num_misses < self.config.max_misses
        deleted_track_id = self._state.track_id[~is_kept]
        if len(deleted_track_id) > 0:
            self._state.keep(is_kept)
        return is_kept, deleted_track_id

    def _initiate(
        self,
        detections: Detections,
        usable: Int[np.ndarray, " m"],
        detection_index: Int[np.ndarray, " n"],
        owner: Int[np.ndarray, " k"] | None,
    ) -> Int[np.ndarray, " b"]:
        """Starts a track on each usable detection that continues none; returns their detection rows."""
        state, config = self._state, self.config
        is_free = np.ones(len(detections), dtype=bool)
        is_free[detection_index[detection_index != NO_DETECTION]] = False
        birth = usable[is_free[usable]]
        if config.min_birth_score is not None:
            birth = birth[detections.score[birth] >= config.min_birth_score]
        birth_owner = np.full(len(birth), NO_OWNER, dtype=np.int64)
        if owner is not None:
            candidates = np.asarray(owner)[birth]
            first = best_row_of_owner(candidates, detections.score[birth])
            started = set(state.started_owner.tolist())
            rows = np.array(sorted(row for k, row in first.items() if k not in started), dtype=np.int64)
            birth, birth_owner = birth[rows], candidates[rows].astype(np.int64)
            state.started_owner = np.concatenate([state.started_owner, birth_owner])
        if len(birth) == 0:
            return birth
        boxes = born(cxcywh_from_xyxy(detections.xyxy_px[birth]), config.kalman)
        ones = np.ones(len(birth), dtype=np.int64)
        state.append(
            {
                "track_id": state.next_track_id + np.arange(len(birth)),
                "owner": birth_owner, "age": ones, "num_hits": ones, "num_misses": 0 * ones,
                "class_id": detections.class_id[birth],
                "position": boxes.position, "velocity": boxes.velocity, "covariance": boxes.covariance,
            }
        )  # fmt: skip
        state.next_track_id += len(birth)
        return birth

    def _track_frame(
        self,
        detections: Detections,
        detection_index: Int[np.ndarray, " n"],
        motion_residual: Float[np.ndarray, "n 2"],
        deleted_track_id: Int[np.ndarray, " m"],
    ) -> TrackFrame:
        state = self._state
        hit = detection_index != NO_DETECTION
        source = detection_index[hit]
        xyxy_px = xyxy_from_cxcywh(state.position)
        xyxy_px[hit] = detections.xyxy_px[source]
        score, cue = np.zeros(len(hit)), np.zeros(len(hit))
        score[hit], cue[hit] = detections.score[source], detections.cue[source]
        return TrackFrame(
            frame_index=state.next_frame_index - 1, track_id=state.track_id.copy(), age=state.age.copy(),
            is_hit=hit, xyxy_px=xyxy_px, score=score, class_id=state.class_id.copy(), cue=cue,
            motion_residual=motion_residual, detection_index=detection_index,
            num_hits=state.num_hits.copy(), num_misses=state.num_misses.copy(), deleted_track_id=deleted_track_id,
        )  # fmt: skip
