"""What lies around a box: other detections, other tracks, what lived or flickered there before.

Pure functions on boxes of one frame, a ring of remembered boxes, and running means of a stream. Knows no scores' scale
and no truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from perdure.geometry import area_px, iou_matrix
from perdure.rewind import Rewindable
from perdure.types import TrackFrame

VETERAN_HITS = 5
"""A track with this many hits is taken for something that lives."""
FLICKER_HITS = 3
"""A track that dies with at most this many hits is taken for a flicker."""
RECENT_FRAMES = 40
"""A death this long ago may still have to do with a birth."""
FAR = 20.0
"""Distance in box sides that stands for 'nothing near'."""


def covered_share(boxes: Float[np.ndarray, "n 4"], others: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Returns which share of each box lies inside each other box, in [0, 1].

    >>> covered_share(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 9.0, 9.0]])).tolist()
    [[0.5]]
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    side = np.maximum(np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - low, 0.0)
    return side[..., 0] * side[..., 1] / np.maximum(area_px(boxes)[:, None], 1e-9)


def centre_distance(boxes: Float[np.ndarray, "n 4"], others: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Returns the distance between centres in units of the geometric mean side of the first box."""
    apart = (boxes[:, None, :2] + boxes[:, None, 2:] - others[None, :, :2] - others[None, :, 2:]) / 2
    side = np.sqrt(np.maximum(area_px(boxes), 1.0))[:, None]
    return np.hypot(apart[..., 0], apart[..., 1]) / side


@dataclass(slots=True)
class SceneMemory(Rewindable):
    """What a stream has shown so far, beside its live tracks.

    Args:
        crowd: running mean number of detections.
        births: running mean number of births a frame.
        survival: running share of tracks that are hit right after birth.
        score_mean, score_square: running moments of all scores, for distances in scores.
        num_frames: frames seen.
    """

    crowd: float = 0.0
    births: float = 0.0
    survival: float = 0.5
    score_mean: float = 0.0
    score_square: float = 1.0
    num_frames: int = 0

    def averaged(self, name: str, value: float, rate: float) -> None:
        """Moves one running mean towards a value; the first frames count fully."""
        step = max(rate, 1.0 / (self.num_frames + 1))
        setattr(self, name, (1 - step) * getattr(self, name) + step * value)

    @property
    def score_std(self) -> float:
        """Standard deviation of all scores so far."""
        return float(np.sqrt(max(self.score_square - self.score_mean**2, 1e-6)))


@dataclass(slots=True)
class BoxRing(Rewindable):
    """The latest `capacity` descriptions of boxes.

    Args:
        width: numbers per description.
        capacity: descriptions that are kept.
    """

    width: int
    capacity: int = 400
    rows: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.zeros((0, self.width))

    def add(self, rows: Float[np.ndarray, "n w"]) -> None:
        """Takes in more descriptions and forgets the oldest."""
        if len(rows):
            self.rows = np.concatenate([self.rows, rows])[-self.capacity :]

    def kernel_sum(
        self, queries: Float[np.ndarray, "n w"], bandwidth: Float[np.ndarray, " w"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n m"]]:
        """Returns the Gaussian kernel mass of the ring at each query, and the weights behind it.

        Columns with infinite bandwidth do not count.
        """
        if not len(self.rows):
            return np.zeros(len(queries)), np.zeros((len(queries), 0))
        scaled = (queries[:, None] - self.rows[None]) / bandwidth
        weight = np.exp(-0.5 * np.minimum((scaled**2).sum(axis=2), 60.0))
        return weight.sum(axis=1), weight


def best_of(
    values: Float[np.ndarray, "n m"], is_allowed: Bool[np.ndarray, "n m"], *, otherwise: float
) -> Float[np.ndarray, " n"]:
    """Returns the largest allowed value of each row."""
    if values.shape[1] == 0:
        return np.full(len(values), otherwise)
    best = np.where(is_allowed, values, -np.inf).max(axis=1)
    return np.where(np.isfinite(best), best, otherwise)


def other_detections(tracks: TrackFrame, score: Float[np.ndarray, " n"]) -> list[np.ndarray]:
    """Returns how each track stands to the other detections of its frame: overlap, rank of its last score, crowd."""
    hit = np.flatnonzero(tracks.is_hit)
    boxes, others = tracks.xyxy_px, tracks.xyxy_px[hit]
    overlap, covered, apart = iou_matrix(boxes, others), covered_share(boxes, others), centre_distance(boxes, others)
    own = np.arange(len(hit))
    overlap[hit, own] = covered[hit, own] = 0.0
    apart[hit, own] = FAR
    is_better = tracks.score[hit][None, :] > score[:, None]
    everything = np.ones_like(is_better)
    return [
        best_of(overlap, everything, otherwise=0.0),
        best_of(overlap, is_better, otherwise=0.0),
        best_of(covered, everything, otherwise=0.0),
        is_better.sum(axis=1) / max(len(hit), 1),
        np.full(len(tracks), np.log1p(len(hit))),
        np.log1p(is_better.sum(axis=1)),
        np.minimum(-best_of(-apart, everything, otherwise=-FAR), FAR),
    ]


def other_tracks(tracks: TrackFrame) -> list[np.ndarray]:
    """Returns how each track stands to older tracks that are alive: overlap, distance, those that are missed now."""
    is_older = tracks.age[None, :] > tracks.age[:, None]
    overlap, apart = iou_matrix(tracks.xyxy_px, tracks.xyxy_px), centre_distance(tracks.xyxy_px, tracks.xyxy_px)
    is_missing = is_older & ~tracks.is_hit[None, :]
    older_iou = best_of(overlap, is_older, otherwise=0.0)
    touched = np.where(is_older & (overlap > 0.1), tracks.num_hits[None, :], 0)
    near = is_missing & (apart < 2.0)
    return [
        older_iou,
        np.log1p(touched.max(axis=1, initial=0)),
        np.minimum(-best_of(-apart, is_older & (tracks.num_hits >= VETERAN_HITS)[None, :], otherwise=-FAR), FAR),
        np.minimum(-best_of(-apart, is_missing, otherwise=-FAR), FAR),
        np.log1p(np.where(near, tracks.num_hits[None, :], 0).max(axis=1, initial=0)),
    ]


def the_dead(tracks: TrackFrame, dead: Float[np.ndarray, "m 6"]) -> list[np.ndarray]:
    """Returns how each track stands to what died before its birth (rows: box, hits, frame of death)."""
    num = len(tracks)
    birth = tracks.frame_index - tracks.age + 1
    died_before = dead[None, :, 5] <= birth[:, None]
    apart = centre_distance(tracks.xyxy_px, dead[:, :4])
    lived = died_before & (dead[:, 4] > FLICKER_HITS)[None, :]
    distance = -best_of(-apart, lived, otherwise=-FAR)
    hits, ago = np.zeros(num), np.full(num, float(RECENT_FRAMES))
    if lived.any():
        nearest = np.where(lived, apart, np.inf).argmin(axis=1)
        has = lived.any(axis=1)
        hits[has] = dead[nearest[has], 4]
        ago[has] = birth[has] - dead[nearest[has], 5]
    flickers = died_before & (dead[:, 4] <= FLICKER_HITS)[None, :] & (apart < 2.0)
    return [np.minimum(distance, FAR), np.log1p(hits), ago, np.log1p(flickers.sum(axis=1))]
