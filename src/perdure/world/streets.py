"""Made-up detections of made-up scenes, without pixels: camera, targets, errors and scores are all drawn at random.

Every scene has a law of its own, so that what holds in all of them (hits come again, high scores are better) is what
can be learnt. Objects stay for half a second or more; clutter lives for a few frames, at random places, at places
where it comes again and again, or around objects. Knows no tracks and no files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

SIZES_PX = ((640, 480), (1242, 375), (1280, 720), (1920, 1080))
"""Width and height of pictures."""
MOST_CLUTTER = 10.0
"""Most births of clutter a frame: some twenty false boxes in every picture."""
QUIET_SHARE, UNSCORED_SHARE = 0.1, 0.1
"""Shares of scenes without any clutter, and of detectors without scores: both are common, and neither is obvious."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLaw:
    """What a camera, its targets and its detector are like.

    Args:
        size_px: width and height of the picture.
        frame_rate_hz: frames per second.
        num_objects: objects in sight at a time, on average.
        height_px: median height of an object.
        aspect: width over height of an object.
        speed: of objects, in their heights per frame.
        camera_px: motion of the camera, in pixels per frame.
        hit_probability: of an object in sight.
        clutter_rate: births of clutter a frame, on average; 0 in a quiet scene.
        clutter_stay: probability that clutter lives one frame more.
        clutter_hit: probability of a hit on clutter that lives.
        hot_share, part_share: shares of clutter that come again at few places, and that lie around an object.
        score_gap: distance between the scores of objects and of clutter, in standard deviations.
        has_scores: whether the detector scores at all; otherwise every score is 1.
        jitter: of boxes, in their sides.
    """

    size_px: tuple[int, int]
    frame_rate_hz: float
    num_objects: float
    height_px: float
    aspect: float
    speed: float
    camera_px: tuple[float, float]
    hit_probability: float
    clutter_rate: float
    clutter_stay: float
    clutter_hit: float
    hot_share: float
    part_share: float
    score_gap: float
    has_scores: bool
    jitter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """The detections of a scene and what they lie on.

    Args:
        law: that they were drawn from.
        num_frames: of the scene.
        frame: of each detection, 0-based.
        xyxy_px: its box.
        score: its score, in [0, 1].
        truth_frame, truth_id, truth_xyxy_px: boxes of all objects in sight, hit or not.
    """

    law: SceneLaw
    num_frames: int
    frame: np.ndarray
    xyxy_px: Float[np.ndarray, "n 4"]
    score: Float[np.ndarray, " n"]
    truth_frame: np.ndarray
    truth_id: np.ndarray
    truth_xyxy_px: Float[np.ndarray, "m 4"]


def draw_law(rng: np.random.Generator) -> SceneLaw:
    """Returns a law of its own for a scene."""
    size = SIZES_PX[rng.integers(len(SIZES_PX))]
    return SceneLaw(
        size_px=size,
        frame_rate_hz=float(rng.choice([5, 7, 10, 15, 25, 30, 60])),
        num_objects=float(np.exp(rng.uniform(np.log(1.5), np.log(40.0)))),
        height_px=float(size[1] * np.exp(rng.uniform(np.log(0.04), np.log(0.3)))),
        aspect=float(np.exp(rng.uniform(np.log(0.35), np.log(2.2)))),
        speed=float(np.exp(rng.uniform(np.log(0.005), np.log(0.15)))),
        camera_px=tuple(rng.normal(0, 3.0, 2) * (rng.random() < 0.5)),
        hit_probability=float(rng.uniform(0.6, 0.98)),
        clutter_rate=float(np.exp(rng.uniform(np.log(0.05), np.log(MOST_CLUTTER)))) * float(rng.random() > QUIET_SHARE),
        clutter_stay=float(rng.uniform(0.2, 0.75)),
        clutter_hit=float(rng.uniform(0.5, 0.95)),
        hot_share=float(rng.uniform(0.0, 0.7)),
        part_share=float(rng.uniform(0.0, 0.3)),
        score_gap=float(rng.uniform(0.3, 3.0)),
        has_scores=bool(rng.random() > UNSCORED_SHARE),
        jitter=float(rng.uniform(0.02, 0.1)),
    )


def make_street(seed: int, *, num_frames: int = 200) -> Street:
    """Returns the scene of a seed."""
    rng = np.random.default_rng(seed)
    law = draw_law(rng)
    steepness, offset = rng.uniform(0.6, 1.6), rng.uniform(-2.0, 1.0)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    truth: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number, (frames, boxes) in enumerate(_objects(law, num_frames, rng)):
        truth.append((frames, np.full(len(frames), number + 1), boxes))
        found.append(_detected(law, frames, boxes, _hits(len(frames), law.hit_probability, rng), law.score_gap, rng))
    for frames, boxes in _clutter(law, num_frames, truth, rng):
        is_hit = rng.random(len(frames)) < law.clutter_hit
        is_hit[0] = True
        found.append(_detected(law, frames, boxes, is_hit, 0.0, rng))
    frame, box, score = (np.concatenate(parts) for parts in zip(*found, strict=True))
    seen_frame, seen_id, seen_box = (np.concatenate(parts) for parts in zip(*truth, strict=True))
    order = np.argsort(frame, kind="stable")
    scaled = 1 / (1 + np.exp(-(steepness * score[order] + offset)))
    return Street(
        law=law,
        num_frames=num_frames,
        frame=frame[order],
        xyxy_px=box[order],
        score=scaled if law.has_scores else np.ones(len(order)),
        truth_frame=seen_frame,
        truth_id=seen_id,
        truth_xyxy_px=seen_box,
    )


def _objects(law: SceneLaw, num_frames: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns frames and boxes of every object; some come in at the border, some appear inside."""
    mean_life = float(np.exp(rng.uniform(np.log(20), np.log(120))))
    births = max(2, rng.poisson(law.num_objects * (1 + num_frames / mean_life)))
    objects = []
    for _ in range(births):
        first = int(rng.integers(-round(mean_life), num_frames - 10))
        life = max(int(0.5 * law.frame_rate_hz), 8, round(rng.exponential(mean_life)))
        frames = np.arange(max(first, 0), min(first + life, num_frames))
        if len(frames) >= 8:
            boxes = _path(law, len(frames), rng)
            inside = _is_inside(law, boxes)
            if inside[:8].all():
                last = len(frames) if inside.all() else int(np.argmin(inside))
                objects.append((frames[:last], boxes[:last]))
    return objects or [(np.arange(num_frames), np.tile(_box(law, (0.5, 0.5), law.height_px), (num_frames, 1)))]


def _path(law: SceneLaw, length: int, rng: np.random.Generator) -> Float[np.ndarray, "l 4"]:
    width, height = law.size_px
    side = law.height_px * float(np.exp(rng.normal(0, 0.4)))
    place = np.array([rng.uniform(0.02, 0.98) * width, rng.uniform(0.15, 0.95) * height])
    heading = rng.uniform(0, 2 * np.pi)
    velocity = law.speed * side * rng.exponential() * np.array([np.cos(heading), 0.4 * np.sin(heading)])
    steps = velocity + np.array(law.camera_px) + rng.normal(0, 0.01 * side, (length, 2))
    centres = place + np.cumsum(steps, axis=0) - steps[0]
    growth = np.exp(rng.normal(0, 0.004) * np.arange(length))
    half = np.stack([side * law.aspect * growth, side * growth], axis=1) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def _is_inside(law: SceneLaw, boxes: Float[np.ndarray, "l 4"]) -> Bool[np.ndarray, " l"]:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centre > 0) & (centre < np.array(law.size_px))).all(axis=1)


def _hits(length: int, hit_probability: float, rng: np.random.Generator) -> Bool[np.ndarray, " l"]:
    """Returns hits with misses that cling together, and the share of an object of its own."""
    own = np.clip(hit_probability + rng.normal(0, 0.08), 0.3, 0.995)
    is_hit, stay = np.zeros(length, dtype=bool), rng.uniform(0.0, 0.6)
    now = True
    for index in range(length):
        now = now if index and rng.random() < stay else bool(rng.random() < own)
        is_hit[index] = now
    is_hit[0] |= rng.random() < 0.9
    return is_hit


def _clutter(
    law: SceneLaw, num_frames: int, truth: list[tuple[np.ndarray, np.ndarray, np.ndarray]], rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    spots = rng.uniform(0.02, 0.98, (int(rng.integers(2, 12)), 2))
    sides = law.height_px * np.exp(rng.normal(-0.2, 0.5, len(spots)))
    clutter = []
    for first in np.repeat(np.arange(num_frames), rng.poisson(law.clutter_rate, num_frames)).tolist():
        life = int(rng.geometric(1 - law.clutter_stay))
        frames = np.arange(first, min(first + life, num_frames))
        kind = rng.random()
        if kind < law.hot_share:
            spot = int(rng.integers(len(spots)))
            boxes = np.tile(_box(law, tuple(spots[spot]), sides[spot] * np.exp(rng.normal(0, 0.1))), (len(frames), 1))
        elif kind < law.hot_share + law.part_share:
            boxes = _part(law, first, len(frames), truth, rng)
        else:
            place = tuple(rng.uniform(0.02, 0.98, 2))
            boxes = np.tile(_box(law, place, law.height_px * np.exp(rng.normal(-0.2, 0.6))), (len(frames), 1))
        moved = np.array([*law.camera_px, *law.camera_px]) * np.arange(len(frames))[:, None]
        clutter.append((frames, boxes + moved))
    return clutter


def _part(
    law: SceneLaw,
    first: int,
    length: int,
    truth: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> Float[np.ndarray, "l 4"]:
    """Returns boxes around or inside of an object that is in sight, of a size of its own."""
    there = [boxes[first - frames[0]] for frames, _, boxes in truth if frames[0] <= first <= frames[-1]]
    box = there[int(rng.integers(len(there)))] if there else _box(law, tuple(rng.uniform(0.05, 0.95, 2)), law.height_px)
    size = box[2:] - box[:2]
    centre = (box[:2] + box[2:]) / 2 + rng.normal(0, 0.4, 2) * size
    half = size * np.exp(rng.normal(-0.3, 0.4, 2)) / 2
    return np.tile(np.concatenate([centre - half, centre + half]), (length, 1))


def _box(law: SceneLaw, place: tuple[float, ...], height_px: float) -> Float[np.ndarray, " 4"]:
    centre = np.array(place) * np.array(law.size_px)
    half = np.array([height_px * law.aspect, height_px]) / 2
    return np.concatenate([centre - half, centre + half])


def _detected(
    law: SceneLaw,
    frames: np.ndarray,
    boxes: Float[np.ndarray, "l 4"],
    is_hit: Bool[np.ndarray, " l"],
    mean_score: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    side = np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))
    noisy = boxes + law.jitter * side * rng.normal(size=boxes.shape)
    level = mean_score + rng.normal(0, 0.7)
    score = level + rng.normal(0, 0.6, len(frames))
    return frames[is_hit], noisy[is_hit], score[is_hit]
