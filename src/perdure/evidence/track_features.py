"""Numbers per track and frame from detections alone: what boxes and scores say about whether a track will stay.

A stream: every frame is taken in once, and all that is remembered are a few numbers per live track and rings of boxes
that lived long or flickered. Training and the gate run this same code. Knows no pixels, no truth, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.box_pairs import sides_px
from perdure.evidence.loops import sum_kernels
from perdure.evidence.neighbourhood import (
    FLICKER_HITS,
    RECENT_FRAMES,
    VETERAN_HITS,
    around_dead,
    around_tracks,
)
from perdure.evidence.scene_memory import LEAST_EXPONENT, BoxRing, Kernels, SceneMemory
from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_memory import BOX, COLUMN, MEMORY, after_frame
from perdure.rewind import Rewindable
from perdure.rows import places_of
from perdure.types import TrackFrame

_WEIGHTS = (
    1.0
    / np.array(
        [
            [0.08, 0.08, np.inf, np.inf, np.inf],
            [0.3, 0.08, 0.3, 0.3, np.inf],
            [0.3, 0.15, 0.5, 0.5, 0.35],
            [0.5, 0.06, np.inf, np.inf, np.inf],
        ]
    )[:, None]
    ** 2
)
"""Of place, of looks, of looks with the score, and of what tells which size is usual at a place: one over the squared
bandwidth, which is how far apart boxes are still alike."""

OWN = (
    "age", "num_hits", "num_misses", "misses_in_row", "hit_1", "hit_2", "hit_3", "hit_4",
    "score_last", "score_first", "score_mean", "score_max", "score_min", "score_trend",
    "iou_last", "iou_mean", "iou_min", "residual_last", "residual_mean", "resize_last", "resize_mean",
    "speed", "travelled", "centre_x", "centre_y", "bottom_y", "log_width", "log_height", "log_aspect", "border",
)  # fmt: skip
AROUND = (
    "other_iou", "better_iou", "other_covered", "score_rank", "num_detections", "num_better",
    "nearest_detection", "older_iou", "older_hits", "nearest_older", "nearest_missing", "missing_hits",
    "dead_distance", "dead_hits", "dead_age", "flickers_near",
    "veteran_place", "flicker_place", "look_ratio", "score_ratio", "size_surprise", "score_surprise",
    "crowd_mean", "birth_rate", "survival", "camera_speed", "relative_speed",
)  # fmt: skip
RANKS = ("rank_last", "rank_first", "rank_mean", "rank_max", "rank_min")
"""Scores on the scale of the stream: log odds of their rank among its latest scores, or among known ones."""
FEATURES: tuple[str, ...] = (*OWN, *AROUND, *RANKS)
"""Names of the columns, in order."""

MAX_KERNELS = 1 << 15
"""Kernels that are computed at a time; more would not stay near the processor."""
_BACK = np.arange(4)[:, None]
"""Frames back of the latest hits."""


@dataclass(slots=True)
class FeatureStream(Rewindable):
    """Turns the tracks of each frame into rows of `FEATURES`.

    Args:
        image_size: width and height in pixels.
        scale: of scores; `StreamScale.given` where those of the detector are known.
    """

    image_size: tuple[int, int]
    scene: SceneMemory = field(default_factory=SceneMemory)
    track_id: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    memory: np.ndarray = field(default_factory=lambda: np.zeros((0, len(MEMORY))))
    dead: np.ndarray = field(default_factory=lambda: np.zeros((0, 6)))
    veterans: BoxRing = field(default_factory=lambda: BoxRing(5))
    flickers: BoxRing = field(default_factory=lambda: BoxRing(5))
    scale: StreamScale = field(default_factory=StreamScale)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all that is remembered as named arrays."""
        scene = [float(getattr(self.scene, name)) for name in SceneMemory.__slots__]
        return {
            "image_size": np.array(self.image_size, dtype=np.int64), "scene": np.array(scene),
            "track_id": self.track_id, "memory": self.memory, "dead": self.dead,
            "veterans": self.veterans.rows, "flickers": self.flickers.rows,
            "scores": self.scale.scores, "are_scores_given": np.array(self.scale.is_given),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> FeatureStream:
        """Returns the stream that `to_arrays` described, as a copy."""
        width, height = arrays["image_size"].tolist()
        stream = cls(image_size=(width, height))
        for name, value in zip(SceneMemory.__slots__, arrays["scene"].tolist(), strict=True):
            setattr(stream.scene, name, int(value) if name == "num_frames" else value)
        for name in ("track_id", "memory", "dead"):
            setattr(stream, name, arrays[name].copy())
        stream.scale = StreamScale(arrays["scores"].copy(), bool(arrays["are_scores_given"]))
        stream.veterans.rows, stream.flickers.rows = arrays["veterans"].copy(), arrays["flickers"].copy()
        return stream

    def step(self, tracks: TrackFrame, rows: Int[np.ndarray, " m"] | None = None) -> Float[np.ndarray, "m feature"]:
        """Returns one row of `FEATURES` per track that is asked about; call it with every frame in turn.

        The detections of the frame are the hits of its tracks, since a detection that fits no track starts one.

        Args:
            tracks: all tracks of the frame; all of them are remembered.
            rows: of the tracks that are asked about; None asks about all.
        """
        place, is_known = self._bury(tracks)
        self.memory, moved = after_frame(self.memory, tracks, place, is_known)
        self.track_id = tracks.track_id.copy()
        self._see_scene(tracks)
        asked = np.arange(len(tracks)) if rows is None else rows
        found = np.zeros((len(FEATURES), len(asked)))
        if len(asked):
            self._describe(tracks, asked, moved, found)
        self._learn(tracks)
        return found.T

    def _describe(
        self,
        tracks: TrackFrame,
        rows: Int[np.ndarray, " m"],
        moved: Float[np.ndarray, "n 2"],
        found: Float[np.ndarray, "feature m"],
    ) -> None:
        """Fills in the features of some tracks."""
        own = np.ascontiguousarray(self.memory[rows].T)
        boxes, num_own, num_around = tracks.xyxy_px[rows], len(OWN), len(OWN) + len(AROUND)
        self._own(tracks, rows, own, found[:num_own])
        found[num_own : num_own + 12] = around_tracks(tracks, rows, own[COLUMN["last_score"]])
        birth = tracks.frame_index - tracks.age[rows] + 1
        found[num_own + 12 : num_own + 16] = around_dead(boxes, birth, self.dead)
        self._experience(self._described(boxes, own[COLUMN["max_score"]]), found[num_own + 16 : num_own + 22])
        self._motion_of_scene(tracks, rows, moved, found[num_own + 22 : num_around])
        self._ranks(own, tracks.num_hits[rows], found[num_around:])

    def _bury(self, tracks: TrackFrame) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Moves deleted tracks to the dead; returns where the memory of live ones is, and which are known."""
        if len(tracks.deleted_track_id):
            gone = self.memory[np.isin(self.track_id, tracks.deleted_track_id)]
            boxes = gone[:, BOX]
            hits = np.bitwise_count(gone[:, 0].astype(np.int64)).astype(np.float64)
            when = np.full(len(hits), float(tracks.frame_index))
            self.dead = np.concatenate([self.dead, np.column_stack([boxes, hits, when])])
            short = hits <= FLICKER_HITS
            self.flickers.add(self._described(boxes[short], gone[short, COLUMN["max_score"]]).T)
        if len(self.dead) and self.dead[0, 5] < tracks.frame_index - RECENT_FRAMES:
            self.dead = self.dead[self.dead[:, 5] >= tracks.frame_index - RECENT_FRAMES]
        return places_of(self.track_id, tracks.track_id)

    def _see_scene(self, tracks: TrackFrame) -> None:
        scene, score = self.scene, tracks.score[tracks.is_hit]
        scene.averaged("crowd", float(len(score)), 0.03)
        scene.averaged("births", float(np.count_nonzero(tracks.age == 1)), 0.03)
        scene.survived(tracks.is_hit[tracks.age == 2])
        if len(score):
            scene.averaged("score_mean", float(score.sum()) / len(score), 0.03)
            scene.averaged("score_square", float((score**2).sum()) / len(score), 0.03)
        scene.num_frames += 1
        self.scale.see(score)

    def _own(
        self,
        tracks: TrackFrame,
        rows: Int[np.ndarray, " m"],
        own: Float[np.ndarray, "column m"],
        found: Float[np.ndarray, "feature m"],
    ) -> None:
        """Fills in the columns `OWN`."""
        width, height = self.image_size
        left, top, right, bottom = own[BOX]
        age, hits = tracks.age[rows], tracks.num_hits[rows]
        history, again, c = own[0].astype(np.int64), np.maximum(hits - 1, 1), COLUMN
        across, down = (left + right) / 2, (top + bottom) / 2
        wide, high = np.maximum(right - left, 1.0), np.maximum(bottom - top, 1.0)
        side = np.sqrt(wide * high)
        border = np.minimum(np.minimum(left, top), np.minimum(width - right, height - bottom))
        found[:4] = age, hits, age - hits, tracks.num_misses[rows]
        found[4:8] = (history >> _BACK) & 1
        found[8:10] = own[c["last_score"]], own[c["first_score"]]
        found[10] = own[c["sum_score"]] / hits
        found[11:13] = own[c["max_score"]], own[c["min_score"]]
        found[13] = own[c["last_score"]] - own[c["first_score"]]
        found[14] = own[c["last_iou"]]
        found[15] = np.where(hits > 1, own[c["sum_iou"]] / again, 1.0)
        found[16:18] = own[c["min_iou"]], own[c["last_residual"]]
        found[18] = own[c["sum_residual"]] / again
        found[19] = own[c["last_resize"]]
        found[20] = own[c["sum_resize"]] / again
        found[21] = own[c["speed"]]
        found[22] = np.hypot(across - own[c["first_x"]], down - own[c["first_y"]]) / side
        found[23:26] = across / width, down / height, bottom / height
        found[26:29] = np.log([wide / width, high / height, wide / high])
        found[29] = np.clip(border / side, -1.0, 3.0)

    def _ranks(
        self,
        own: Float[np.ndarray, "column m"],
        num_hits: Int[np.ndarray, " m"],
        found: Float[np.ndarray, "feature m"],
    ) -> None:
        """Fills in the columns `RANKS`; the scores of this frame are among those that count."""
        scale = self.scale.scale()
        if scale is not None:  # every track begins with a hit, so there is no track yet
            names = ("last_score", "first_score", "sum_score", "max_score", "min_score")
            scores = own[[COLUMN[name] for name in names]]
            scores[2] /= num_hits
            found[:] = scale(scores)

    def _described(self, boxes: Float[np.ndarray, "n 4"], score: Float[np.ndarray, " n"]) -> Float[np.ndarray, "5 n"]:
        """Returns place, size and standardised score of boxes."""
        width, height = self.image_size
        described = np.empty((5, len(boxes)))
        described[0] = (boxes[:, 0] + boxes[:, 2]) / (2 * width)
        described[1] = (boxes[:, 1] + boxes[:, 3]) / (2 * height)
        described[2] = np.maximum(boxes[:, 2] - boxes[:, 0], 1.0) / width
        described[3] = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0) / height
        np.log(described[2:4], out=described[2:4])
        described[4] = (score - self.scene.score_mean) / self.scene.score_std
        return described

    def _experience(self, own: Float[np.ndarray, "5 m"], found: Float[np.ndarray, "feature m"]) -> None:
        """Fills in how much a track resembles, in place, size and score, what lived long here and what flickered."""
        lived, every = self.veterans.rows, np.concatenate([self.veterans.rows, self.flickers.rows])
        sums = np.empty((4, 3, own.shape[1]))
        if sum_kernels.run is not None:
            columns = np.ascontiguousarray(every.T)
            sum_kernels.run(own, columns, len(lived), _WEIGHTS[:, 0], LEAST_EXPONENT, sums)
        else:
            with sum_kernels.without():
                _sum_kernels(own, every, len(lived), sums)
        found[0], found[1] = np.log1p(sums[0, 0]), np.log1p(sums[0, 1])
        found[2:4] = np.log((sums[1:3, 0] + 1) / (sums[1:3, 1] + 1))
        found[4:] = own[3:] - (sums[3, 1:] + 1e-3 * own[3:]) / (sums[3, 0] + 1e-3)

    def _motion_of_scene(
        self,
        tracks: TrackFrame,
        rows: Int[np.ndarray, " m"],
        moved: Float[np.ndarray, "n 2"],
        found: Float[np.ndarray, "feature m"],
    ) -> None:
        """Fills in what the stream is like, and how a track moves against it."""
        scene, size = self.scene, np.array(self.image_size)
        is_moving = tracks.is_hit & (tracks.num_hits >= VETERAN_HITS)
        steps = np.sort(moved[is_moving] / size, axis=0)
        middle = len(steps) // 2
        common = (steps[(len(steps) - 1) // 2] + steps[middle]) / 2 if len(steps) else np.zeros(2)
        found[:3] = np.array([[np.log1p(scene.crowd)], [np.log1p(scene.births)], [scene.survival]])
        found[3] = np.hypot(*common)
        apart = moved[rows] - common * size
        found[4] = np.where(
            tracks.age[rows] > 1, np.hypot(apart[:, 0], apart[:, 1]) / sides_px(tracks.xyxy_px[rows]), 0.0
        )

    def _learn(self, tracks: TrackFrame) -> None:
        lived = np.flatnonzero(tracks.is_hit & (tracks.num_hits >= VETERAN_HITS))
        if len(lived):
            self.veterans.add(self._described(tracks.xyxy_px[lived], self.memory[lived, COLUMN["max_score"]]).T)


def _sum_kernels(
    own: Float[np.ndarray, "5 m"], every: Float[np.ndarray, "k 5"], num_lived: int, sums: Float[np.ndarray, "4 3 m"]
) -> None:
    """Does what the compiled loop of this name does, by products of matrices."""
    told, on = np.c_[np.ones(num_lived), every[:num_lived, 3:5]].T, Kernels.on(every, _WEIGHTS)
    step = max(1, MAX_KERNELS // max(1, 4 * len(every)))
    for first in range(0, own.shape[1], step):
        part = slice(first, first + step)
        alike = on.at(own[:, part].T)
        sums[:3, 0, part] = alike[:3, :, :num_lived].sum(axis=2)
        sums[:3, 1, part] = alike[:3, :, num_lived:].sum(axis=2)
        sums[3, :, part] = told @ alike[3, :, :num_lived].T
