"""What exists in a clip: everything that can be seen is drawn first, from one law; labels are drawn last.

The streams of randomness are separate: the same scene with another label law, cue or detector keeps its ways,
colours and births. Knows nothing of pixels (`rendering`) or detections (`detector`).

A disturbance makes a world harder than the exact model, occlusion and bursts of false boxes; it falls on all objects
alike, is drawn without knowing labels, and is off unless asked for. Optima of stopping rules are exact only without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.world.config import MOTION_FAMILIES, WorldConfig
from perdure.world.placement import Paths, place_objects

SCORE_LOGIT = (1.0, 0.6)
"""Mean and standard deviation over objects of the detector score of an object, in log-odds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All that is drawn before the labels, for K objects.

    Args:
        paths: where they are.
        family: index of the motion family.
        birth_frame: first frame.
        contrast_grey: wanted colour distance from the background.
        score_logit: mean detector score in log-odds.
    """

    paths: Paths
    family: Int[np.ndarray, " k"]
    birth_frame: Int[np.ndarray, " k"]
    contrast_grey: Float[np.ndarray, " k"]
    score_logit: Float[np.ndarray, " k"]

    @property
    def num_objects(self) -> int:
        """K."""
        return len(self.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What is drawn last: labels, and what follows from them.

    Args:
        is_persistent: label.
        last_frame: last frame on which the object exists.
        is_alive: whether it exists on a frame.
        cue_variable: u ~ N(+-d/2, 1) on every frame, whether the object exists or not.
    """

    is_persistent: Bool[np.ndarray, " k"]
    last_frame: Int[np.ndarray, " k"]
    is_alive: Bool[np.ndarray, "k t"]
    cue_variable: Float[np.ndarray, "k t"]


def draw_layout(rng: np.random.Generator, config: WorldConfig) -> Layout:
    """Returns everything about the objects of a scene that is the same for both labels.

    Raises:
        ValueError: the image is too small for the objects.
    """
    num = int(rng.integers(1, config.max_objects + 1))
    family = rng.integers(0, len(MOTION_FAMILIES), num)
    birth_frame = rng.integers(0, config.last_birth_frame + 1, num)
    side_px = rng.uniform(*config.box_side_px, num)
    contrast_grey = rng.uniform(*config.contrast_grey, num)
    score_logit = rng.normal(*SCORE_LOGIT, num)
    paths = place_objects(rng, config, family=family, birth_frame=birth_frame, side_px=side_px)
    return Layout(
        paths=paths, family=family, birth_frame=birth_frame, contrast_grey=contrast_grey, score_logit=score_logit
    )


def draw_fates(rng: np.random.Generator, config: WorldConfig, birth_frame: Int[np.ndarray, " k"]) -> Fates:
    """Returns labels, lifetimes and cues; only the time of birth is looked at, and only to count frames from it."""
    num = len(birth_frame)
    is_persistent = rng.random(num) < config.persistent_share
    lifetime = np.asarray(config.transient_lifetimes)[rng.integers(0, len(config.transient_lifetimes), num)]
    last_frame = np.where(is_persistent, config.num_frames - 1, birth_frame + lifetime - 1)
    frame = np.arange(config.num_frames)
    shift = np.where(is_persistent, 0.5, -0.5) * config.cue_strength
    return Fates(
        is_persistent=is_persistent,
        last_frame=last_frame,
        is_alive=(frame >= birth_frame[:, None]) & (frame <= last_frame[:, None]),
        cue_variable=rng.standard_normal((num, config.num_frames)) + shift[:, None],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What disturbs seeing.

    Args:
        is_occluded: whether something of the background's look hides the place of an object.
        false_alarm: probability of a false box in a gate, on each frame.
    """

    is_occluded: Bool[np.ndarray, "k t"]
    false_alarm: Float[np.ndarray, " t"]


def draw_disturbance(rng: np.random.Generator, config: WorldConfig, birth_frame: Int[np.ndarray, " k"]) -> Disturbance:
    """Returns one occlusion at most for each object, after its first frame, and the frames of bursts."""
    num, frame = len(birth_frame), np.arange(config.num_frames)
    low, high = config.occlusion_frames
    first = rng.integers(birth_frame + 1, config.num_frames)
    last = first + rng.integers(low, high + 1, num) - 1
    is_chosen = rng.random(num) < config.occluded_share
    is_occluded = (frame >= first[:, None]) & (frame <= last[:, None]) & is_chosen[:, None]
    is_burst = rng.random(config.num_frames) < config.burst_share
    false_alarm = np.where(is_burst, config.burst_false_alarm_probability, config.false_alarm_probability)
    return Disturbance(is_occluded=is_occluded, false_alarm=false_alarm)
