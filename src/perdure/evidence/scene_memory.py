"""What a stream has shown so far: running means, and rings of boxes that lived long or flickered.

Knows no scores' scale and no truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from perdure.rewind import Rewindable

SURVIVAL_RATE = 0.03
"""How far one track moves the running share of tracks that are hit right after birth."""
LEAST_EXPONENT = -30.0
"""Exponents of kernels are cut here: what is further away than that counts nothing."""


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


@dataclass(frozen=True, slots=True)
class Kernels:
    """Gaussian kernels on some descriptions.

    Squared distances are taken apart into products, so that one product of matrices does for all kernels what would
    take an array of all differences otherwise.
    """

    origin: Float[np.ndarray, " w"]
    weights: Float[np.ndarray, "b 1 w"]
    right: Float[np.ndarray, "c m"]

    @classmethod
    def on(cls, rows: Float[np.ndarray, "m w"], weights: Float[np.ndarray, "b 1 w"]) -> Kernels:
        """Returns the kernels on these rows.

        Args:
            rows: descriptions.
            weights: of squared differences, a kernel each: one over the squared bandwidth, 0 where a column does not
                count.
        """
        # Differences stay as they are, and what is left of squares after they cancel is exact to more digits.
        origin, width = rows[-1] if len(rows) else np.zeros(rows.shape[1]), rows.shape[1]
        right = np.ones((2 * width + 1, len(rows)))
        right[:width] = (rows - origin).T
        right[width:-1] = right[:width] ** 2
        return cls(origin, weights, right)

    def at(self, queries: Float[np.ndarray, "n w"]) -> Float[np.ndarray, "b n m"]:
        """Returns every kernel between every query and every row; none is below exp(`LEAST_EXPONENT`).

        >>> Kernels.on(np.array([[1.0, 7.0]]), np.array([[[1.0, 0.0]]])).at(np.zeros((1, 2))).round(4).tolist()
        [[[0.6065]]]
        """
        queries = queries - self.origin
        weighted, width = queries * self.weights, queries.shape[1]
        left = np.empty((*weighted.shape[:2], 2 * width + 1))
        left[..., :width], left[..., width:-1] = weighted, -0.5 * self.weights
        left[..., -1] = -0.5 * np.einsum("nw,bnw->bn", queries, weighted)
        found = left.reshape(-1, left.shape[2]) @ self.right
        np.maximum(found, LEAST_EXPONENT, out=found)
        return np.exp(found, out=found).reshape(len(left), len(queries), -1)
