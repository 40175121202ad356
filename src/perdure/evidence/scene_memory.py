"""What a stream has shown so far: running means, and rings of boxes that lived long or flickered.

Knows no scores' scale and no truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from perdure.rewind import Rewindable

SURVIVAL_RATE = 0.03
"""How far one track moves the running share of tracks that are hit right after birth."""
MOST_SQUARES = 60.0
"""Squared distances of kernels are cut here: what is further away than that counts nothing."""


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

    def survived(self, is_hit: Bool[np.ndarray, " n"]) -> None:
        """Takes in whether tracks were hit right after birth, one after the other."""
        if len(is_hit):
            left = (1 - SURVIVAL_RATE) ** np.arange(len(is_hit), -1, -1)
            self.survival = float(left[0] * self.survival + SURVIVAL_RATE * (left[1:] @ is_hit))

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
            self.rows = np.concatenate([self.rows, rows[-self.capacity :]])[-self.capacity :]


def kernels(
    queries: Float[np.ndarray, "n w"],
    rows: Float[np.ndarray, "m w"],
    bandwidths: Sequence[Float[np.ndarray, " w"]],
) -> Float[np.ndarray, "b n m"]:
    """Returns the Gaussian kernel of every row at every query, for several bandwidths.

    Columns with infinite bandwidth do not count. Squared distances are taken apart into products, so that one product
    of matrices does for all of them what would take an array of all differences otherwise.

    >>> kernels(np.zeros((1, 2)), np.array([[1.0, 7.0]]), [np.array([1.0, np.inf])]).round(4).tolist()
    [[[0.6065]]]
    """
    # Differences stay as they are, and what is left of squares after they cancel is exact to more digits.
    middle = rows.mean(axis=0) if len(rows) else 0.0
    queries, rows = queries - middle, rows - middle
    weight = 1.0 / np.stack(bandwidths)[:, None] ** 2
    weighted = queries * weight
    left = np.concatenate(
        [weighted, np.broadcast_to(-0.5 * weight, weighted.shape), -0.5 * (queries * weighted).sum(axis=2)[..., None]],
        axis=2,
    )
    right = np.concatenate([rows, rows**2, np.ones((len(rows), 1))], axis=1)
    exponent = left.reshape(-1, left.shape[2]) @ right.T
    np.maximum(exponent, -0.5 * MOST_SQUARES, out=exponent)
    return np.exp(exponent, out=exponent).reshape(len(bandwidths), len(queries), len(rows))
