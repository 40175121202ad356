"""Labels that nobody gave: what became of each track tells whether it was worth confirming.

The hazard, deaths at k detections over tracks that had as many, falls until clutter has died out and then stays at that
of objects, which end when they leave. Extrapolated back from there it says which share of the tracks that reach k
detections are objects; where that share is high enough, having reached k is a label (Kaplan and Meier, JASA 1958, for
the hazard with tracks that were still alive at the end). Knows no truth, no boxes and no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

TAIL = 25
"""Detections from which on the hazard counts as that of objects."""
LEAST_TAIL = 10
"""Tracks that must get there; with fewer nothing can be extrapolated."""
PURITY = 0.8
"""Share of objects among the tracks that live so long, from which on a life is a label."""
LEAST_LIFE, USUAL_LIFE = 12, 15
"""Shortest life that is a label, in detections, and the one where the hazard says nothing: both lie beyond the ages at
which a gate decides, since a label that the first frames give away would teach to count detections."""
SPREAD = (1.0, 4 / 3, 2.0)
"""A label is the mean over lives so many times as long, since no one length is right."""


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of n tracks.

    Args:
        num_hits: detections in the whole life of each track.
        is_open: whether it may have gone on: alive when the stream ended, or last seen at the border of the picture.
    """

    num_hits: Int[np.ndarray, " n"]
    is_open: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.num_hits)

    def take(self, rows: np.ndarray) -> Lives:
        """Returns some tracks, by number or by mask."""
        return Lives(self.num_hits[rows], self.is_open[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeLaw:
    """How long tracks of a site live, and how long one has to live to count as an object.

    Args:
        life: detections that make an object.
        hazard: of dying at 1, 2, ... detections.
        purity: share of objects among tracks that reach 1, 2, ... detections; NaN where too few live long.
        num_long: tracks that reached `life`.
        object_share: share of objects among all tracks at birth; NaN where too few live long.
    """

    life: int
    hazard: Float[np.ndarray, " k"]
    purity: Float[np.ndarray, " k"]
    num_long: int
    object_share: float

    @property
    def is_pure(self) -> bool:
        """Whether at some length of life most tracks are objects; False says that clutter lives as long."""
        return bool((self.purity >= PURITY).any())


def fit_life_law(lives: Lives) -> LifeLaw:
    """Returns the law of the lives of many tracks.

    Raises:
        ValueError: there are no tracks.
    """
    if not len(lives):
        raise ValueError("lives: got no tracks, expected some")
    longest = max(int(lives.num_hits.max()), TAIL)
    ends = np.bincount(lives.num_hits, minlength=longest + 1)[1:]
    deaths = np.bincount(lives.num_hits[~lives.is_open], minlength=longest + 1)[1:]
    at_risk = ends[::-1].cumsum()[::-1]
    hazard = deaths / np.maximum(at_risk, 1)
    reach = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
    purity = np.full(longest, np.nan)
    if at_risk[TAIL - 1] >= LEAST_TAIL:
        tail = deaths[TAIL - 1 :].sum() / at_risk[TAIL - 1 :].sum()
        objects = reach[TAIL - 1] * (1 - tail) ** (np.arange(1, longest + 1) - TAIL)
        purity = np.minimum(objects / np.maximum(reach, 1e-12), 1.0)
        purity[TAIL - 1 :] = 1.0
    pure = np.flatnonzero(purity >= PURITY)
    life = max(LEAST_LIFE, int(pure[0]) + 1) if len(pure) else USUAL_LIFE
    return LifeLaw(
        life=life,
        hazard=hazard,
        purity=purity,
        num_long=int((lives.num_hits >= life).sum()),
        object_share=float(purity[0]),
    )


def soft_labels(lives: Lives, life: int) -> Float[np.ndarray, " n"]:
    """Returns for each track how surely it is an object, from 0 to 1; NaN where nobody can tell.

    >>> soft_labels(Lives(np.array([3, 40, 5, 16]), np.array([False, False, True, True])), 12).round(2).tolist()
    [0.0, 1.0, nan, 1.0]
    """
    lengths = np.round(np.array(SPREAD) * life)
    is_reached = lives.num_hits[:, None] >= lengths
    is_known = is_reached | ~lives.is_open[:, None]
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (is_reached & is_known).sum(axis=1) / np.where(is_known.any(axis=1), is_known.sum(axis=1), np.nan)
        )
