"""Labelled tracks of a made-up site."""

from __future__ import annotations

import numpy as np

from perdure.track_table import TrackTable

HORIZON = 4


def drawn(num: int, seed: int, *, class_id: int = -1, drift: float = 2.0, per_unit: int = 1) -> TrackTable:
    """Draws tracks of both classes whose evidence drifts; tracks of a unit share most of their chance."""
    rng = np.random.default_rng(seed)
    unit = np.arange(num) // per_unit
    is_persistent = rng.random(num) < 0.5
    shared = rng.normal(size=(unit.max() + 1, HORIZON))[unit]
    own = rng.normal(size=(num, HORIZON))
    weight = 0.95 if per_unit > 1 else 0.0
    steps = np.sqrt(weight) * shared + np.sqrt(1 - weight) * own
    evidence = (np.where(is_persistent, drift, -drift)[:, None] / 2 + 1.4 * steps).cumsum(axis=1)
    is_hit = rng.random((num, HORIZON)) < np.where(is_persistent, 0.9, 0.3)[:, None]
    is_hit[:, 0] = True
    score = np.where(is_hit, rng.normal(is_persistent[:, None], 1.0, is_hit.shape), 0.0)
    end = np.where(rng.random(num) < 0.1, 2, HORIZON)
    evidence[np.arange(HORIZON) >= end[:, None]] = np.nan
    return TrackTable(
        evidence=evidence,
        is_hit=is_hit & ~np.isnan(evidence),
        is_valid=~np.isnan(evidence),
        score=np.where(np.isnan(evidence), 0.0, score),
        is_persistent=is_persistent,
        class_id=np.full(num, class_id),
        group=unit,
    )
