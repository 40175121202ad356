"""What a stream of detections has shown so far, in a few running means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(slots=True)
class SceneMemory:
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
