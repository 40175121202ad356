"""Tracks drawn from the world's law with their exact evidence: no pixels, so tens of thousands take a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from perdure.evidence.lifetime import LifetimeModel
from perdure.optima.dynamic_program import TrackLaw
from perdure.stopping.sequences import TrackSequences

_CERTAIN = 1e-9
"""Stands for probability 0, which the lifetime evidence does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawTracks:
    """N tracks at ages 1 to h, all observed to the horizon.

    Args:
        is_persistent: truth.
        is_hit: whether there is a detection; true at birth.
        cue: log-likelihood ratio of each hit in nats, 0 on misses.
        evidence: exact log-likelihood ratio of hits, misses and cues so far, nats.
    """

    is_persistent: Bool[np.ndarray, " n"]
    is_hit: Bool[np.ndarray, "n h"]
    cue: Float[np.ndarray, "n h"]
    evidence: Float[np.ndarray, "n h"]

    def sequences(self, evidence: Float[np.ndarray, "n h"] | None = None) -> TrackSequences:
        """Returns what rules read, with other evidence than the exact one where it is given."""
        return TrackSequences(
            evidence=self.evidence if evidence is None else evidence,
            is_hit=self.is_hit,
            is_valid=np.ones_like(self.is_hit),
            cue=self.cue,
        )


def lifetime_model(law: TrackLaw) -> LifetimeModel:
    """Returns the lifetime evidence that is exact for a law."""
    return LifetimeModel(
        hit_alive=min(law.hit_alive, 1 - _CERTAIN),
        hit_dead=max(law.false_alarm_probability, _CERTAIN),
        pmf=law.lifetime_pmf,
    )


def draw_tracks(law: TrackLaw, num: int, rng: np.random.Generator, *, believed: TrackLaw | None = None) -> LawTracks:
    """Returns random tracks.

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
    return LawTracks(is_persistent=is_persistent, is_hit=is_hit, cue=cue, evidence=evidence)
