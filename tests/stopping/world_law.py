"""Tracks drawn from the world's law by brute force, with their exact evidence summed up in plain words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perdure.stopping.sequences import TrackSequences


@dataclass(frozen=True, kw_only=True)
class DrawnTracks:
    """Tracks whose truth is known: hits, cues (0 on misses) and the exact log-likelihood ratio at every age."""

    is_persistent: np.ndarray
    is_hit: np.ndarray
    cue: np.ndarray
    evidence: np.ndarray

    def sequences(self, evidence: np.ndarray | None = None) -> TrackSequences:
        return TrackSequences(
            evidence=self.evidence if evidence is None else evidence,
            is_hit=self.is_hit,
            is_valid=np.ones_like(self.is_hit),
            cue=self.cue,
        )


def draw_tracks(
    num: int,
    *,
    seed: int,
    detection: float = 0.9,
    false_alarm: float = 0.05,
    cue: float = 1.0,
    share: float = 0.5,
    lifetimes: tuple[int, ...] = (1, 2, 3),
    num_ages: int = 16,
) -> DrawnTracks:
    """Draws each frame of each track: alive or not, hit or not, cue of a hit."""
    rng = np.random.default_rng(seed)
    hit_alive = 1 - (1 - detection) * (1 - false_alarm)
    is_persistent = rng.random(num) < share
    lifetime = np.where(is_persistent, num_ages, rng.choice(lifetimes, num))
    is_alive = np.arange(1, num_ages + 1) <= lifetime[:, None]
    is_hit = rng.random((num, num_ages)) < np.where(is_alive, hit_alive, false_alarm)
    is_hit[:, 0] = True
    sign = np.where(is_persistent, 1.0, -1.0)[:, None]
    values = np.where(is_hit, rng.normal(sign * cue**2 / 2, cue, is_hit.shape) if cue else 0.0, 0.0)
    evidence = exact_evidence(is_hit, hit_alive, false_alarm, lifetimes) + np.cumsum(values, axis=1)
    return DrawnTracks(is_persistent=is_persistent, is_hit=is_hit, cue=values, evidence=evidence)


def exact_evidence(is_hit: np.ndarray, hit_alive: float, hit_dead: float, lifetimes: tuple[int, ...]) -> np.ndarray:
    """Returns log P(hits | persistent) - log mean_L P(hits | lifetime L), as products of probabilities."""
    num, num_ages = is_hit.shape
    persistent, transient = np.ones(num), np.ones((num, len(lifetimes)))
    result = np.zeros((num, num_ages))
    for column in range(1, num_ages):
        hit = is_hit[:, column]
        persistent = persistent * np.where(hit, hit_alive, 1 - hit_alive)
        for index, lifetime in enumerate(lifetimes):
            rate = hit_alive if column + 1 <= lifetime else hit_dead
            transient[:, index] *= np.where(hit, rate, 1 - rate)
        with np.errstate(divide="ignore"):
            result[:, column] = np.log(persistent) - np.log(transient.mean(axis=1))
    return result
