"""The opponents on recorded tracks: M-of-N baselines, logistic regression and gradient boosting per age.

Each gives every track a number at every age (minus infinity: not to be confirmed now). scikit-learn is needed for the
learned ones, in development or with the extra `tracks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from perdure.evidence.track_features import FEATURES
from perdure.stopping.counting import ScoredMOfN, hits_in
from perdure.stopping.rules import StoppingRule
from perdure.tracks.track_table import TrackTable

PLAIN_INPUTS = (
    "num_hits", "score_first", "score_last", "score_mean", "score_max", "score_min", "iou_last", "iou_mean",
    "residual_last", "residual_mean", "resize_last", "resize_mean", "speed", "travelled", "other_iou", "score_rank",
)  # fmt: skip
"""The 16 numbers that the learned opponents read."""
MIN_TRACKS = 4
"""Tracks of each class that an age needs; without them no track is confirmed at that age."""


def hit_histories(table: TrackTable) -> np.ndarray:
    """Returns the history of hits of each track at each age, as rules read it."""
    history = np.zeros(table.is_hit.shape, dtype=np.uint64)
    for age in range(table.num_ages):
        before = history[:, age - 1] if age else np.zeros(len(table), dtype=np.uint64)
        history[:, age] = (before << np.uint64(1)) | table.is_hit[:, age].astype(np.uint64)
    return history


def hand_statistic(rule: ScoredMOfN, table: TrackTable) -> Float[np.ndarray, "n l"]:
    """Returns the score that a baseline compares where a track has the hits and is kept, minus infinity elsewhere."""
    sequences, rows = table.sequences(np.zeros(table.is_valid.shape)), np.arange(len(table))
    history = hit_histories(table)
    statistic, is_open = np.full(table.is_valid.shape, -math.inf), np.ones(len(table), dtype=bool)
    for age in range(1, table.num_ages + 1):
        seen = sequences.observation(rows, age, history[:, age - 1])
        is_open &= table.is_valid[:, age - 1] & ~rule.gives_up(seen)
        statistic[:, age - 1] = np.where(is_open & rule.has_hits(seen), rule.score(seen), -math.inf)
    return statistic


def rule_statistic(rule: StoppingRule, table: TrackTable) -> Float[np.ndarray, "n l"]:
    """Returns 1 where a fixed rule confirms a track that it has not given up, minus infinity elsewhere."""
    sequences, history = table.sequences(np.zeros(table.is_valid.shape)), hit_histories(table)
    statistic = np.full(table.is_valid.shape, -math.inf)
    is_open = np.ones(len(table), dtype=bool)
    for age in range(1, min(table.num_ages, rule.horizon) + 1):
        is_open &= table.is_valid[:, age - 1]
        verdict = rule.decide(sequences.observation(np.arange(len(table)), age, history[:, age - 1]))
        statistic[is_open & verdict.is_decided & verdict.is_persistent & ~verdict.is_forced, age - 1] = 1.0
        is_open &= ~verdict.is_decided
    return statistic


def sliding_count(table: TrackTable, num_hits: int, num_frames: int) -> Float[np.ndarray, "n l"]:
    """Returns 1 where a track has M hits in its latest N frames, however old it is, minus infinity elsewhere."""
    has_hits = hits_in(hit_histories(table).ravel(), num_frames).reshape(table.is_hit.shape) >= num_hits
    return np.where(has_hits & table.is_valid, 1.0, -math.inf)


def per_age_statistic(
    make: Callable[[], Any], train: TrackTable, test: TrackTable, names: tuple[str, ...] = PLAIN_INPUTS
) -> Float[np.ndarray, "n l"]:
    """Returns the log odds of one classifier per age, fitted on the training tracks that live to that age."""
    columns = [FEATURES.index(name) for name in names]
    statistic = np.full(test.is_valid.shape, -math.inf)
    for age in range(train.num_ages):
        known, asked = train.is_valid[:, age], test.is_valid[:, age]
        truth = train.is_persistent[known]
        if min(truth.sum(), (~truth).sum()) < MIN_TRACKS or not asked.any():
            continue
        fitted = make().fit(train.features[known, age][:, columns], truth)
        share = fitted.predict_proba(test.features[asked, age][:, columns])[:, 1].astype(np.float64)
        share = np.clip(share, 1e-9, 1 - 1e-9)
        statistic[asked, age] = np.log(share) - np.log1p(-share)
    return statistic


def logistic_regression() -> Any:
    """Returns an unfitted logistic regression on standardised inputs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))


def gradient_boosting() -> Any:
    """Returns unfitted small gradient boosting."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )
