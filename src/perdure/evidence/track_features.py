"""Numbers per track and frame from detections alone: what boxes and scores say about whether a track will stay.

A stream: every frame is taken in once, and all that is remembered are a few numbers per live track and rings of boxes
that lived long or flickered. Training and the gate run this same code. Knows no pixels, no truth, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from perdure.evidence.neighbourhood import (
    FLICKER_HITS,
    RECENT_FRAMES,
    VETERAN_HITS,
    BoxRing,
    SceneMemory,
    other_detections,
    other_tracks,
    the_dead,
)
from perdure.evidence.score_scale import StreamScale
from perdure.geometry import area_px
from perdure.rewind import Rewindable
from perdure.types import TrackFrame

_BANDWIDTH_PLACE = np.array([0.08, 0.08, np.inf, np.inf, np.inf])
_BANDWIDTH_LOOK = np.array([0.3, 0.08, 0.3, 0.3, np.inf])
_BANDWIDTH_SCORE = np.array([0.3, 0.15, 0.5, 0.5, 0.35])

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

_MEMORY = (
    "history", "first_score", "last_score", "max_score", "min_score", "sum_score",
    "last_iou", "sum_iou", "min_iou", "last_residual", "sum_residual", "last_resize", "sum_resize",
    "first_x", "first_y", "x_min", "y_min", "x_max", "y_max", "speed",
)  # fmt: skip
_COLUMN = {name: place for place, name in enumerate(_MEMORY)}


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
    memory: np.ndarray = field(default_factory=lambda: np.zeros((0, len(_MEMORY))))
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

    def step(self, tracks: TrackFrame) -> Float[np.ndarray, "n feature"]:
        """Returns one row of `FEATURES` per track of the frame; call it with every frame in turn.

        The detections of the frame are the hits of its tracks, since a detection that fits no track starts one.
        """
        before = self._bury(tracks)
        iou, residual, resize, moved = self._motion(tracks, before)
        self._see_scene(tracks)
        self._remember(tracks, before, iou, residual, resize, moved)
        around = self._around(tracks, moved)
        rows = np.concatenate([self._own(tracks), around, self._ranks(tracks)], axis=1)
        self._learn(tracks)
        return rows

    def _column(self, name: str) -> np.ndarray:
        return self.memory[:, _COLUMN[name]]

    def _bury(self, tracks: TrackFrame) -> np.ndarray:
        """Moves deleted tracks to the dead; returns the memory of live ones in order, NaN for new ones."""
        gone = np.isin(self.track_id, tracks.deleted_track_id)
        if gone.any():
            boxes = self.memory[gone][:, _COLUMN["x_min"] : _COLUMN["y_max"] + 1]
            hits = np.array([float(int(value).bit_count()) for value in self.memory[gone, 0].astype(np.int64)])
            when = np.full(len(hits), float(tracks.frame_index))
            self.dead = np.concatenate([self.dead, np.column_stack([boxes, hits, when])])
            short = hits <= FLICKER_HITS
            self.flickers.add(self._described(boxes[short], self.memory[gone, _COLUMN["max_score"]][short]))
        self.dead = self.dead[self.dead[:, 5] >= tracks.frame_index - RECENT_FRAMES]
        place = np.searchsorted(self.track_id, tracks.track_id)
        known = place < len(self.track_id)
        known[known] = self.track_id[place[known]] == tracks.track_id[known]
        before = np.full((len(tracks), len(_MEMORY)), np.nan)
        before[known] = self.memory[place[known]]
        return before

    def _motion(self, tracks: TrackFrame, before: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns overlap with the predicted box, motion residual, log change of size, and speed in box sides."""
        old = before[:, _COLUMN["x_min"] : _COLUMN["y_max"] + 1]
        box, side = tracks.xyxy_px, np.sqrt(np.maximum(area_px(tracks.xyxy_px), 1.0))
        centre, old_centre = (box[:, :2] + box[:, 2:]) / 2, (old[:, :2] + old[:, 2:]) / 2
        old_size = old[:, 2:] - old[:, :2]
        expected = centre - tracks.motion_residual * old_size
        low = np.maximum(box[:, :2], expected - old_size / 2)
        inside = np.maximum(np.minimum(box[:, 2:], expected + old_size / 2) - low, 0.0).prod(axis=1)
        iou = inside / np.maximum(area_px(box) + old_size.prod(axis=1) - inside, 1e-9)
        residual = np.hypot(tracks.motion_residual[:, 0], tracks.motion_residual[:, 1])
        with np.errstate(invalid="ignore"):
            resize = np.abs(np.log(np.maximum(box[:, 2:] - box[:, :2], 1.0) / np.maximum(old_size, 1.0))).sum(axis=1)
        return iou, residual, resize, (centre - old_centre) / side[:, None]

    def _see_scene(self, tracks: TrackFrame) -> None:
        scene, is_second, score = self.scene, tracks.age == 2, tracks.score[tracks.is_hit]
        scene.averaged("crowd", float(len(score)), 0.03)
        scene.averaged("births", float((tracks.age == 1).sum()), 0.03)
        for is_hit in tracks.is_hit[is_second]:
            scene.survival += 0.03 * (float(is_hit) - scene.survival)
        if len(score):
            scene.averaged("score_mean", float(score.mean()), 0.03)
            scene.averaged("score_square", float((score**2).mean()), 0.03)
        scene.num_frames += 1

    def _remember(
        self,
        tracks: TrackFrame,
        before: np.ndarray,
        iou: np.ndarray,
        residual: np.ndarray,
        resize: np.ndarray,
        moved: np.ndarray,
    ) -> None:
        is_new, hit = np.isnan(before[:, 0]), tracks.is_hit
        again = hit & ~is_new
        now, c = before.copy(), _COLUMN
        now[:, c["history"]] = (np.where(is_new, 0, before[:, c["history"]]) * 2 + hit) % 2**40
        score = tracks.score
        for name in ("first_score", "last_score", "max_score", "min_score", "sum_score"):
            now[is_new, c[name]] = score[is_new]
        now[again, c["last_score"]] = score[again]
        now[again, c["max_score"]] = np.maximum(before[again, c["max_score"]], score[again])
        now[again, c["min_score"]] = np.minimum(before[again, c["min_score"]], score[again])
        now[again, c["sum_score"]] += score[again]
        for name, value, fresh in (("iou", iou, 1.0), ("residual", residual, 0.0), ("resize", resize, 0.0)):
            now[is_new, c[f"last_{name}"]], now[is_new, c[f"sum_{name}"]] = fresh, 0.0
            now[again, c[f"last_{name}"]] = value[again]
            now[again, c[f"sum_{name}"]] += value[again]
        now[is_new, c["min_iou"]] = 1.0
        now[again, c["min_iou"]] = np.minimum(before[again, c["min_iou"]], iou[again])
        centre = (tracks.xyxy_px[:, :2] + tracks.xyxy_px[:, 2:]) / 2
        now[is_new, c["first_x"]], now[is_new, c["first_y"]] = centre[is_new, 0], centre[is_new, 1]
        now[:, c["x_min"] : c["y_max"] + 1] = tracks.xyxy_px
        now[:, c["speed"]] = np.where(is_new, 0.0, np.hypot(moved[:, 0], moved[:, 1]))
        self.track_id, self.memory = tracks.track_id.copy(), now

    def _own(self, tracks: TrackFrame) -> np.ndarray:
        """Returns the columns `OWN`."""
        width, height = self.image_size
        box = tracks.xyxy_px
        hits, again = tracks.num_hits, np.maximum(tracks.num_hits - 1, 1)
        history = self._column("history").astype(np.int64)
        centre = (box[:, :2] + box[:, 2:]) / 2
        size = np.maximum(box[:, 2:] - box[:, :2], 1.0)
        border = np.minimum.reduce([box[:, 0], box[:, 1], width - box[:, 2], height - box[:, 3]])
        travelled = np.hypot(centre[:, 0] - self._column("first_x"), centre[:, 1] - self._column("first_y"))
        columns = [
            tracks.age, hits, tracks.age - hits, tracks.num_misses,
            *[(history >> back) & 1 for back in range(4)],
            self._column("last_score"), self._column("first_score"), self._column("sum_score") / hits,
            self._column("max_score"), self._column("min_score"),
            self._column("last_score") - self._column("first_score"),
            self._column("last_iou"), np.where(hits > 1, self._column("sum_iou") / again, 1.0),
            self._column("min_iou"), self._column("last_residual"), self._column("sum_residual") / again,
            self._column("last_resize"), self._column("sum_resize") / again,
            self._column("speed"), travelled / np.sqrt(size.prod(axis=1)),
            centre[:, 0] / width, centre[:, 1] / height, box[:, 3] / height,
            np.log(size[:, 0] / width), np.log(size[:, 1] / height), np.log(size[:, 0] / size[:, 1]),
            np.clip(border / np.sqrt(size.prod(axis=1)), -1.0, 3.0),
        ]  # fmt: skip
        return np.column_stack(columns).astype(np.float64).reshape(len(tracks), len(OWN))

    def _around(self, tracks: TrackFrame, moved: np.ndarray) -> np.ndarray:
        """Returns the columns `AROUND`."""
        columns = [
            *other_detections(tracks, self._column("last_score")),
            *other_tracks(tracks),
            *the_dead(tracks, self.dead),
            *self._experience(tracks),
            *self._motion_of_scene(tracks, moved),
        ]
        return np.column_stack(columns).astype(np.float64).reshape(len(tracks), len(AROUND))

    def _ranks(self, tracks: TrackFrame) -> np.ndarray:
        """Returns the columns `RANKS`; the scores of this frame are among those that count."""
        scale = self.scale.after(tracks.score[tracks.is_hit])
        if scale is None:  # every track begins with a hit, so there is no track yet
            return np.zeros((len(tracks), len(RANKS)))
        names = ("last_score", "first_score", "max_score", "min_score")
        last, first, highest, lowest = (scale(self._column(name)) for name in names)
        mean = scale(self._column("sum_score") / tracks.num_hits)
        return np.column_stack([last, first, mean, highest, lowest]).reshape(len(tracks), len(RANKS))

    def _described(self, boxes: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Returns boxes as place, size and standardised score."""
        width, height = self.image_size
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
        return np.column_stack(
            [
                (boxes[:, 0] + boxes[:, 2]) / (2 * width),
                (boxes[:, 1] + boxes[:, 3]) / (2 * height),
                np.log(size[:, 0] / width),
                np.log(size[:, 1] / height),
                (score - self.scene.score_mean) / self.scene.score_std,
            ]
        ).reshape(len(boxes), 5)

    def _experience(self, tracks: TrackFrame) -> list[np.ndarray]:
        """Returns how much a track resembles, in place, size and score, what lived long here and what flickered."""
        own = self._described(tracks.xyxy_px, self._column("max_score"))
        place = [ring.kernel_sum(own, _BANDWIDTH_PLACE)[0] for ring in (self.veterans, self.flickers)]
        look = [ring.kernel_sum(own, _BANDWIDTH_LOOK) for ring in (self.veterans, self.flickers)]
        with_score = [ring.kernel_sum(own, _BANDWIDTH_SCORE)[0] for ring in (self.veterans, self.flickers)]
        near = self.veterans.kernel_sum(own, np.array([0.5, 0.06, np.inf, np.inf, np.inf]))
        typical = (near[1] @ self.veterans.rows[:, 3:5] + 1e-3 * own[:, 3:5]) / (near[0] + 1e-3)[:, None]
        surprise = own[:, 3:5] - typical
        return [
            np.log1p(place[0]), np.log1p(place[1]),
            np.log((look[0][0] + 1) / (look[1][0] + 1)), np.log((with_score[0] + 1) / (with_score[1] + 1)),
            surprise[:, 0], surprise[:, 1],
        ]  # fmt: skip

    def _motion_of_scene(self, tracks: TrackFrame, moved: np.ndarray) -> list[np.ndarray]:
        num, scene = len(tracks), self.scene
        side = np.sqrt(np.maximum(area_px(tracks.xyxy_px), 1.0))[:, None]
        steps = np.nan_to_num(moved) * side / np.array(self.image_size)
        moving = tracks.is_hit & (tracks.num_hits >= VETERAN_HITS)
        common = np.median(steps[moving], axis=0) if moving.any() else np.zeros(2)
        apart = np.hypot(*((steps - common) * np.array(self.image_size) / side).T)
        return [
            np.full(num, np.log1p(scene.crowd)),
            np.full(num, np.log1p(scene.births)),
            np.full(num, scene.survival),
            np.full(num, float(np.hypot(*common))),
            np.where(tracks.age > 1, apart, 0.0),
        ]

    def _learn(self, tracks: TrackFrame) -> None:
        lived = tracks.is_hit & (tracks.num_hits >= VETERAN_HITS)
        self.veterans.add(self._described(tracks.xyxy_px[lived], self._column("max_score")[lived]))
