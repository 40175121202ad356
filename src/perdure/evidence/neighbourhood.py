"""What lies around a box: other detections, other tracks, what died there before.

Pure functions on boxes of one frame. Few boxes are compared with all others at once, many through a grid; both go
through the same formulas. Knows no scores' scale and no truth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from perdure.evidence.box_pairs import ALL_PAIRS, AT_A_TIME, FAR, AllPairs, Pairs, pairs_near, sides_px
from perdure.evidence.loops import look_around_dead, look_around_tracks
from perdure.types import TrackFrame

VETERAN_HITS = 5
"""A track with this many hits is taken for something that lives."""
FLICKER_HITS = 3
"""A track that dies with at most this many hits is taken for a flicker."""
RECENT_FRAMES = 40
"""A death this long ago may still have to do with a birth."""
NEAR = 2.0
"""Distance in box sides up to which something is near."""
TOUCHING = 0.1
"""Overlap (intersection over union) from which on two boxes touch."""


def _shared(pairs: Pairs, boxes: Float[np.ndarray, "4 n"], others: Float[np.ndarray, "4 m"]) -> np.ndarray:
    """Returns the area in square pixels that the boxes of each pair have in common."""
    sides = [
        np.minimum(pairs.query(boxes[high]), pairs.other(others[high]))
        - np.maximum(pairs.query(boxes[high - 2]), pairs.other(others[high - 2]))
        for high in (2, 3)
    ]
    return np.maximum(sides[0], 0.0) * np.maximum(sides[1], 0.0)


def _apart(
    pairs: Pairs, centres: Float[np.ndarray, "2 n"], others: Float[np.ndarray, "2 m"], sides: Float[np.ndarray, " n"]
) -> np.ndarray:
    """Returns the distance between the centres of each pair, in sides of the query's box."""
    across, down = (pairs.query(centres[axis]) - pairs.other(others[axis]) for axis in (0, 1))
    return np.sqrt(across**2 + down**2) / pairs.query(sides)


def around_tracks(
    tracks: TrackFrame, rows: Int[np.ndarray, " n"], last_score: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "12 n"]:
    """Returns how tracks stand to the other detections of their frame, and to older tracks that are alive.

    Of detections: overlap, overlap with better scored ones, covered share, rank of the score, their number, the number
    of better ones, distance of the nearest. Of older tracks: overlap, hits of those that touch, distance of the nearest
    that has lived, of the nearest that is missed now, and hits of missed ones that are near.

    Args:
        tracks: all tracks of the frame; its detections are the hits among them.
        rows: of the tracks that are asked about.
        last_score: latest score of each of these.
    """
    hit_scores = np.sort(tracks.score[tracks.is_hit])
    num_better = len(hit_scores) - np.searchsorted(hit_scores, last_score, "right")
    found = np.zeros((12, len(rows)))
    found[6], found[9:11] = FAR, FAR
    asked = _Asked(tracks, rows, last_score)
    if look_around_tracks.run is None:
        with look_around_tracks.without():
            for pairs in pairs_near(asked.boxes, tracks.xyxy_px):
                asked.look(pairs, found)
    else:
        for pairs in pairs_near(asked.boxes, tracks.xyxy_px, at_a_time=ALL_PAIRS):
            asked.look_compiled(look_around_tracks.run, pairs, found)
    found[2] /= np.maximum(asked.own_numbers[2], 1e-9)
    found[3] = num_better / max(len(hit_scores), 1)
    found[4] = np.log1p(len(hit_scores))
    found[5] = np.log1p(num_better)
    found[8], found[11] = np.log1p(found[8]), np.log1p(found[11])
    return found


class _Asked:
    """Tracks that are asked about, and all tracks of their frame, as columns."""

    def __init__(self, tracks: TrackFrame, rows: Int[np.ndarray, " n"], last_score: Float[np.ndarray, " n"]) -> None:
        self.rows, self.boxes = rows, tracks.xyxy_px[rows]
        self.every, self.own = np.ascontiguousarray(tracks.xyxy_px.T), np.ascontiguousarray(self.boxes.T)
        self.is_hit, self.age, self.own_age = tracks.is_hit, tracks.age, tracks.age[rows]
        self.numbers, self.own_numbers = np.empty((5, len(tracks))), np.empty((5, len(rows)))
        for numbers, boxes in ((self.numbers, self.every), (self.own_numbers, self.own)):
            numbers[:2] = (boxes[:2] + boxes[2:]) / 2
            numbers[2] = (boxes[2] - boxes[0]) * (boxes[3] - boxes[1])
        self.numbers[3], self.numbers[4] = tracks.num_hits, tracks.score
        self.own_numbers[3], self.own_numbers[4] = np.sqrt(np.maximum(self.own_numbers[2], 1.0)), last_score

    def look(self, pairs: Pairs, found: Float[np.ndarray, "12 n"]) -> None:
        """Fills in what is found among some pairs."""
        at, query, other, own, numbers = pairs.rows, pairs.query, pairs.other, self.own_numbers, self.numbers
        shared = _shared(pairs, self.own, self.every)
        apart = np.minimum(_apart(pairs, own[:2], numbers[:2], own[3]), FAR)
        overlap = shared / np.maximum(query(own[2]) + other(numbers[2]) - shared, np.finfo(np.float64).tiny)
        is_detection = other(self.is_hit) & (query(self.rows) != other(np.arange(len(self.age))))
        is_better = is_detection & (other(numbers[4]) > query(own[4]))
        is_older = other(self.age) > query(self.own_age)
        is_missing = is_older & ~other(self.is_hit)
        hits = other(numbers[3])
        found[0, at] = pairs.most(overlap * is_detection)
        found[1, at] = pairs.most(overlap * is_better)
        found[2, at] = pairs.most(shared * is_detection)
        found[6, at] = pairs.least(np.where(is_detection, apart, FAR))
        found[7, at] = pairs.most(overlap * is_older)
        found[8, at] = pairs.most(hits * (is_older & (overlap > TOUCHING)))
        found[9, at] = pairs.least(np.where(is_older & (hits >= VETERAN_HITS), apart, FAR))
        found[10, at] = pairs.least(np.where(is_missing, apart, FAR))
        found[11, at] = pairs.most(hits * (is_missing & (apart < NEAR)))

    def look_compiled(self, run: Callable[..., None], pairs: Pairs, found: Float[np.ndarray, "12 n"]) -> None:
        """Does the same in compiled code."""
        run(
            self.own, self.own_numbers, self.rows, self.own_age, self.every, self.numbers, self.age, self.is_hit,
            pairs.listed(len(self.rows)), VETERAN_HITS, TOUCHING, NEAR, found,
        )  # fmt: skip


def around_dead(
    boxes: Float[np.ndarray, "n 4"], birth: Int[np.ndarray, " n"], dead: Float[np.ndarray, "m 6"]
) -> Float[np.ndarray, "4 n"]:
    """Returns how tracks stand to what died before their birth.

    Distance of the nearest that had lived, its hits, frames since its death, and flickers that are near.

    Args:
        boxes: of the tracks.
        birth: their first frame.
        dead: rows of box, hits, frame of death.
    """
    found = np.zeros((4, len(boxes)))
    found[0], found[2] = np.inf, RECENT_FRAMES
    own_centre, side = np.ascontiguousarray(((boxes[:, :2] + boxes[:, 2:]) / 2).T), sides_px(boxes)
    others = np.empty((4, len(dead)))
    others[:2], others[2:] = ((dead[:, :2] + dead[:, 2:4]) / 2).T, dead[:, 4:].T
    centre, hits, died = others[:2], others[2], others[3]
    has_lived, nearest = hits > FLICKER_HITS, np.full(len(boxes), np.inf)
    at_a_time = AT_A_TIME if look_around_dead.run is None else ALL_PAIRS
    for pairs in pairs_near(boxes, dead[:, :4], at_a_time=at_a_time):
        if look_around_dead.run is not None:
            listed = pairs.listed(len(boxes))
            look_around_dead.run(own_centre, side, birth, others, listed, FLICKER_HITS, NEAR, found, nearest)
            continue
        with look_around_dead.without():
            apart = _apart(pairs, own_centre, centre, side)
            is_before = pairs.other(died) <= pairs.query(birth)
            is_lived = is_before & pairs.other(has_lived)
            apart_lived = np.where(is_lived, apart, np.inf)
            found[0, pairs.rows] = pairs.least(apart_lived)
            is_nearest = is_lived & (apart_lived == pairs.query(found[0]))
            nearest[pairs.rows] = pairs.least(np.where(is_nearest, pairs.other(_numbers(len(dead))), np.inf))
            found[3, pairs.rows] = pairs.count(is_before & ~pairs.other(has_lived) & (apart < NEAR))
    lived = np.flatnonzero(has_lived)
    if len(boxes) * len(dead) > ALL_PAIRS and len(lived):
        nearest[found[0] > FAR] = np.inf  # in a corner of the window, so that others may be nearer
        _nearest_afar(nearest, own_centre, birth, centre[:, lived], died[lived], lived)
    has = np.flatnonzero(np.isfinite(nearest))
    its = nearest[has].astype(np.int64)
    found[1, has], found[2, has] = hits[its], birth[has] - died[its]
    found[0] = np.minimum(found[0], FAR)
    found[[1, 3]] = np.log1p(found[[1, 3]])
    return found


def _numbers(num: int) -> Float[np.ndarray, " n"]:
    return np.arange(num, dtype=np.float64)


def _nearest_afar(
    nearest: Float[np.ndarray, " n"],
    centres: Float[np.ndarray, "2 n"],
    birth: Int[np.ndarray, " n"],
    others: Float[np.ndarray, "2 m"],
    died: Float[np.ndarray, " m"],
    numbers: Int[np.ndarray, " m"],
) -> None:
    """Fills in what is nearest where that is further than `FAR`; few deaths come before such births."""
    missing = np.flatnonzero(np.isinf(nearest) & (birth >= died.min()))
    for frame in np.unique(birth[missing]).tolist():
        queries, before = missing[birth[missing] == frame], np.flatnonzero(died <= frame)
        step = max(1, ALL_PAIRS // len(before))
        for first in range(0, len(queries), step):
            some = queries[first : first + step]
            pairs = AllPairs(np.arange(len(some)))
            apart = _apart(pairs, centres[:, some], others[:, before], np.ones(len(some)))
            nearest[some] = numbers[before[apart.argmin(axis=1)]]
