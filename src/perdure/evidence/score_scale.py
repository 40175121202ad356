"""Detection scores on a scale of their own detector: log odds of the rank among training scores.

No labels are needed, any monotone change of a detector's scale changes nothing, and scores crowded near 1 are told
apart as well as any others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from perdure.rewind import Rewindable

MAX_KNOTS = 512
"""Scores that the scale is stored with; more are thinned to evenly spaced ranks."""
NUM_RECENT = 2048
"""Latest scores of a stream that make its scale."""


@cache
def _thinned(num: int) -> Int[np.ndarray, " k"]:
    """Returns which of so many sorted scores are kept."""
    return np.linspace(0, num - 1, MAX_KNOTS).round().astype(np.int64)


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """The scale of one detector.

    Args:
        knots: sorted scores of training detections, evenly spaced in rank.

    Raises:
        ValueError: there are none.
    """

    knots: Float[np.ndarray, " k"]

    def __post_init__(self) -> None:
        if not len(self.knots):
            raise ValueError("score scale: got no scores, expected those of some detections")
        if self.knots.ndim != 1 or not np.isfinite(self.knots).all() or (self.knots[1:] < self.knots[:-1]).any():
            raise ValueError("score scale: got scores that are not finite, or not sorted")

    @classmethod
    def fit(cls, scores: Float[np.ndarray, " n"]) -> ScoreScale:
        """Returns the scale of the detector that gave these scores."""
        ordered = np.sort(np.asarray(scores, dtype=np.float64))
        if len(ordered) > MAX_KNOTS:
            ordered = ordered[_thinned(len(ordered))]
        return cls(ordered)

    def __call__(self, scores: Float[np.ndarray, " *n"]) -> Float[np.ndarray, " *n"]:
        """Returns log odds of the share of training scores below each score; NaN stays NaN.

        >>> ScoreScale(np.array([0.1, 0.2, 0.9]))(np.array([0.0, 0.2, 1.0])).round(2).tolist()
        [-1.95, 0.0, 1.95]
        """
        below = np.searchsorted(self.knots, scores, "left") + np.searchsorted(self.knots, scores, "right")
        share = (below / 2 + 0.5) / (len(self.knots) + 1)
        return np.where(np.isnan(scores), np.nan, np.log(share) - np.log1p(-share))


@dataclass(slots=True)
class StreamScale(Rewindable):
    """The scale of a stream whose detector may not be known: that of its own latest scores, or one that was given.

    Args:
        scores: latest scores, or those of the detector that were given.
        is_given: whether the scores were given, so that those of the stream change nothing.
    """

    scores: Float[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    is_given: bool = False

    @classmethod
    def given(cls, scores: Float[np.ndarray, " n"] | None) -> StreamScale:
        """Returns the scale of these scores, one that is still to be learnt if there are none.

        Raises:
            ValueError: scores are given, but none of them is finite.
        """
        if scores is None:
            return cls()
        scores = np.asarray(scores, dtype=np.float64).reshape(-1)
        finite = scores[np.isfinite(scores)]
        if not len(finite):
            raise ValueError(f"known scores: got {len(scores)} scores, none of them finite, expected some")
        return cls(ScoreScale.fit(finite).knots, is_given=True)

    def see(self, scores: Float[np.ndarray, " n"]) -> None:
        """Takes in the scores of one more frame."""
        if not self.is_given and len(scores):
            self.scores = np.concatenate([self.scores, scores])[-NUM_RECENT:]

    def scale(self) -> ScoreScale | None:
        """Returns the scale of all scores so far, None as long as there is none."""
        return ScoreScale.fit(self.scores) if len(self.scores) else None
