"""What makes a world harder than the exact model: occlusion and bursts of false boxes. Off unless asked for.

Both fall on all objects alike and are drawn without knowing labels. The two optima of the stopping rules are exact
only without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.world.config import WorldConfig


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
