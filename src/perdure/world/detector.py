"""The simulated detector: an exact model of hits, misses and false boxes.

An existing object has a box with probability q1 = 1 - (1 - Pd)(1 - Pfa), the gate of one that is gone with
probability Pfa, and every object on its first frame. All boxes follow one law of jitter and score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.types import NO_OWNER, Detections
from perdure.world.config import WorldConfig
from perdure.world.scene import Disturbance, Fates, Layout

SCORE_NOISE = 0.5
"""Standard deviation over frames of the detector score of an object, in log-odds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDetections:
    """Detections of a clip and the object whose gate each lies in."""

    detections: tuple[Detections, ...]
    owner: tuple[Int[np.ndarray, " _"], ...]


def draw_hits(
    rng: np.random.Generator,
    config: WorldConfig,
    is_seen: Bool[np.ndarray, "k t"],
    birth_frame: Int[np.ndarray, " k"],
    *,
    false_alarm: Float[np.ndarray, " t"] | None = None,
) -> Bool[np.ndarray, "k t"]:
    """Returns on which frames the gate of each object holds a box; never before birth, always at birth.

    Args:
        rng: source of randomness.
        config: the world.
        is_seen: whether there is an object to be detected.
        birth_frame: first frame of each object.
        false_alarm: probability of a false box on each frame; None = that of the world on all.
    """
    pfa = np.full(config.num_frames, config.false_alarm_probability) if false_alarm is None else false_alarm
    probability = np.where(is_seen, 1 - (1 - config.detection_probability) * (1 - pfa), pfa)
    frame = np.arange(config.num_frames)
    is_hit = (rng.random(is_seen.shape) < probability) & (frame > birth_frame[:, None])
    return is_hit | (frame == birth_frame[:, None])


def jittered_boxes(rng: np.random.Generator, config: WorldConfig, layout: Layout) -> Float[np.ndarray, "k t 4"]:
    """Returns a detected box for every object and frame: the exact box, moved and resized a little."""
    paths = layout.paths
    noise = config.box_jitter * rng.standard_normal((4, *paths.side_px.shape))
    centre = paths.centre_px + np.stack([noise[0], noise[1]], axis=-1) * paths.side_px[..., None]
    half = 0.5 * paths.side_px[..., None] * np.exp(np.stack([noise[2], noise[3]], axis=-1))
    return np.concatenate([centre - half, centre + half], axis=-1)


def detect(
    rng: np.random.Generator, config: WorldConfig, layout: Layout, fates: Fates, *, disturbance: Disturbance
) -> SimulatedDetections:
    """Returns the detections of a clip; the cue of a box in the gate of an object is that of the object's class."""
    is_seen = fates.is_alive & ~disturbance.is_occluded
    is_hit = draw_hits(rng, config, is_seen, layout.birth_frame, false_alarm=disturbance.false_alarm)
    xyxy_px = jittered_boxes(rng, config, layout)
    score_logit = layout.score_logit[:, None] + SCORE_NOISE * rng.standard_normal(is_hit.shape)
    score = 1 / (1 + np.exp(-score_logit))
    cue = config.cue_strength * fates.cue_variable
    detections, owners = [], []
    for t in range(config.num_frames):
        rows = np.flatnonzero(is_hit[:, t])
        detections.append(
            Detections(
                xyxy_px=xyxy_px[rows, t], score=score[rows, t], class_id=np.zeros(len(rows), int), cue=cue[rows, t]
            )
        )
        owners.append(rows)
    simulated = SimulatedDetections(detections=tuple(detections), owner=tuple(owners))
    return _with_clutter(rng, config, simulated) if config.clutter_per_frame > 0 else simulated


def _with_clutter(rng: np.random.Generator, config: WorldConfig, simulated: SimulatedDetections) -> SimulatedDetections:
    """Adds false boxes anywhere in the image; score, size and cue follow the laws of transient objects."""
    size_px = np.array([config.frame_width_px, config.frame_height_px], dtype=np.float64)
    detections, owners = [], []
    for found, owner in zip(simulated.detections, simulated.owner, strict=True):
        num = int(rng.poisson(config.clutter_per_frame))
        half = rng.uniform(*config.box_side_px, (num, 1)) / 2
        centre = rng.uniform(half, size_px - half, (num, 2))
        logit = rng.normal(1.0, 0.6, num) + SCORE_NOISE * rng.standard_normal(num)
        strength = config.cue_strength
        cue = strength * (rng.standard_normal(num) - strength / 2)
        detections.append(
            Detections(
                xyxy_px=np.concatenate([found.xyxy_px, np.concatenate([centre - half, centre + half], axis=1)]),
                score=np.concatenate([found.score, 1 / (1 + np.exp(-logit))]),
                class_id=np.zeros(len(found) + num, int),
                cue=np.concatenate([found.cue, cue]),
            )
        )
        owners.append(np.concatenate([owner, np.full(num, NO_OWNER)]))
    return SimulatedDetections(detections=tuple(detections), owner=tuple(owners))
