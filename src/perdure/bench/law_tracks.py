"""Tracks drawn from the world's law with their exact evidence: no pixels, so tens of thousands take a second."""

from __future__ import annotations

import numpy as np

from perdure.evidence.lifetime import LifetimeModel
from perdure.optima.dynamic_program import TrackLaw
from perdure.track_table import TrackTable

_CERTAIN = 1e-9
"""Stands for probability 0, which the lifetime evidence does not take."""


def lifetime_model(law: TrackLaw) -> LifetimeModel:
    """Returns the lifetime evidence that is exact for a law."""
    return LifetimeModel(
        hit_alive=min(law.hit_alive, 1 - _CERTAIN),
        hit_dead=max(law.false_alarm_probability, _CERTAIN),
        pmf=law.lifetime_pmf,
    )


def draw_tracks(law: TrackLaw, num: int, rng: np.random.Generator, *, believed: TrackLaw | None = None) -> TrackTable:
    """Returns random tracks, all observed to the horizon, with cues and the exact log-likelihood ratio so far.

    Args:
        law: that they follow.
        num: how many.
        rng: source of chance.
        believed: law that their evidence is computed from; the true one by default.
    """
    is_persistent = rng.random(num) < law.persistent_share
    lifetimes = np.arange(1, len(law.lifetime_pmf) + 1)
    lifetime = np.where(is_persistent, law.horizon, rng.choice(lifetimes, num, p=law.lifetime_pmf))
    is_alive = np.arange(1, law.horizon + 1) <= lifetime[:, None]
    is_hit = rng.random(is_alive.shape) < np.where(is_alive, law.hit_alive, law.false_alarm_probability)
    is_hit[:, 0] = True
    mean = np.where(is_persistent, 0.5, -0.5)[:, None] * law.cue_strength**2
    cue = np.where(is_hit, rng.normal(mean, law.cue_strength, is_hit.shape), 0.0)
    evidence = lifetime_model(believed or law).evidence(is_hit) + cue.cumsum(axis=1)
    return TrackTable(
        is_persistent=is_persistent,
        is_hit=is_hit,
        is_valid=np.ones_like(is_hit),
        group=np.zeros(num, dtype=np.int64),
        cue=cue,
        evidence=evidence,
    )
