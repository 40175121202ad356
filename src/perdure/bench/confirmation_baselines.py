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
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.rules import StoppingRule
from perdure.track_table import TrackTable

PLAIN_INPUTS = (
    "num_hits", "score_first", "score_last", "score_mean", "score_max", "score_min", "iou_last", "iou_mean",
    "residual_last", "residual_mean", "resize_last", "resize_mean", "speed", "travelled", "other_iou", "score_rank",
)  # fmt: skip
"""The 16 numbers that the learned opponents read."""
MIN_TRACKS = 4
"""Tracks of each class that an age needs; without them no track is confirmed at that age."""


def hand_statistic(rule: ScoredMOfN, table: TrackTable) -> Float[np.ndarray, "n l"]:
    """Returns the score that a baseline compares where a track has the hits and is kept, minus infinity elsewhere."""
    statistic, is_open = np.full(table.is_valid.shape, -math.inf), np.ones(len(table), dtype=bool)
    for age, seen in table.sequences(np.zeros(table.is_valid.shape)).observations():
        is_open &= table.is_valid[:, age - 1] & ~rule.gives_up(seen)
        statistic[:, age - 1] = np.where(is_open & rule.has_hits(seen), rule.score(seen), -math.inf)
    return statistic


def rule_statistic(rule: StoppingRule, table: TrackTable) -> Float[np.ndarray, "n l"]:
    """Returns 1 where a fixed rule confirms a track that it has not given up, minus infinity elsewhere."""
    statistic, is_open = np.full(table.is_valid.shape, -math.inf), np.ones(len(table), dtype=bool)
    for age, seen in table.sequences(np.zeros(table.is_valid.shape)).observations():
        if age > rule.horizon:
            break
        is_open &= table.is_valid[:, age - 1]
        verdict = rule.decide(seen)
        statistic[is_open & verdict.is_decided & verdict.is_persistent & ~verdict.is_forced, age - 1] = 1.0
        is_open &= ~verdict.is_decided
    return statistic


def sliding_count(table: TrackTable, num_hits: int, num_frames: int) -> Float[np.ndarray, "n l"]:
    """Returns 1 where a track has M hits in its latest N frames, however old it is, minus infinity elsewhere."""
    padded = np.pad(table.is_hit, ((0, 0), (num_frames - 1, 0)))
    latest = np.lib.stride_tricks.sliding_window_view(padded, num_frames, axis=1)
    return np.where((latest.sum(axis=2) >= num_hits) & table.is_valid, 1.0, -math.inf)


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
        fitted = make().fit(train.known("features")[known, age][:, columns], truth)
        share = fitted.predict_proba(test.known("features")[asked, age][:, columns])[:, 1].astype(np.float64)
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
