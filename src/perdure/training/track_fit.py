"""Fits evidence from detections on labelled tracks.

Every age and class counts alike (class-balanced per-age loss), so that log odds estimate log-likelihood ratios. Growing
trees is scikit-learn's work, which comes with the extra `tracks`; the model that comes out needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from perdure.evidence.forest import LEAF, Forest
from perdure.evidence.lifetime import fit_lifetime
from perdure.evidence.look_features import look_kinds
from perdure.evidence.score_scale import ScoreScale
from perdure.evidence.track_evidence import (
    RAW,
    RISING,
    TrackEvidence,
    all_inputs,
    input_rows,
)
from perdure.extras import require
from perdure.track_table import TrackTable


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackTrainingConfig:
    """How evidence from detections is fitted."""

    num_trees: int = 200
    """Trees of the forest; half of them never hold a higher score, more hits or more lifetime against a track."""
    min_leaf: int = 5
    """Least number of track-frames in a leaf."""
    input_share: float = 0.3
    """Share of inputs that a split chooses from."""
    uses_place: bool = True
    """Whether place and size in the picture enter; off for weights that are to serve any camera."""
    uses_raw_scores: bool = True
    """Whether scores enter as they are beside their rank; off for weights that are to serve any detector."""
    uses_scene: bool = True
    """Whether neighbours enter, and what the stream has shown before; off for weights that are to serve any scene."""
    uses_stream_scores: bool = False
    """Whether scores enter by their rank in the stream so far; on for weights that are to serve any detector."""
    max_lifetime: int = 8
    """Longest lifetime of a transient that gets a probability of its own."""

    def __post_init__(self) -> None:
        for name, least in (("num_trees", 2), ("min_leaf", 1), ("max_lifetime", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        if not 0 < self.input_share <= 1:
            raise ValueError(f"input_share: got {self.input_share}, expected above 0 up to 1")


def balanced_weights(table: TrackTable, weight: Float[np.ndarray, " n"] | None = None) -> Float[np.ndarray, "n l"]:
    """Returns a weight for each track and age, both classes alike at every age; 0 after a track's end.

    Args:
        table: tracks with labels.
        weight: how much each track counts within its class; all alike by default.
    """
    counted = np.ones(len(table)) if weight is None else weight
    weights = np.zeros(table.is_valid.shape)
    for age in range(table.num_ages):
        valid = table.is_valid[:, age]
        for is_persistent in (True, False):
            rows = valid & (table.is_persistent == is_persistent)
            if rows.any():
                weights[rows, age] = counted[rows] * counted[valid].sum() / (2 * counted[rows].sum())
    return weights


def fit_track_evidence(
    table: TrackTable,
    config: TrackTrainingConfig,
    *,
    seed: int,
    uses_looks: bool = False,
    weight: Float[np.ndarray, " n"] | None = None,
) -> TrackEvidence:
    """Returns the model fitted on labelled tracks.

    Args:
        table: tracks with labels.
        config: sizes.
        seed: of the trees.
        weight: how much each track counts within its class; all alike by default.
        uses_looks: whether what is seen on crops joins in. Half of the trees read tokens then, half contrast: together
            they would thin each other out among the inputs that a split chooses from.

    Raises:
        ValueError: there are too few tracks of a class, crops were not looked at, or scikit-learn cannot be loaded.
    """
    lifetime = fit_lifetime(
        table.is_hit, table.is_valid, table.is_persistent, max_lifetime=min(config.max_lifetime, table.num_ages)
    )
    valid = table.is_valid
    scale = ScoreScale.fit(table.known("score")[table.is_hit & valid])
    truth = np.repeat(table.is_persistent[:, None], table.num_ages, axis=1)[valid]
    weights = balanced_weights(table, weight)[valid]
    inputs = all_inputs(
        uses_place=config.uses_place,
        uses_raw_scores=config.uses_raw_scores,
        uses_scene=config.uses_scene,
        uses_stream_scores=config.uses_stream_scores,
    )
    rows = input_rows(table.known("features")[valid], lifetime.evidence(table.is_hit)[valid], scale, inputs)
    if uses_looks and table.looks is None:
        raise ValueError("tracks: got none whose crops were looked at, expected them; give sequences with video")
    looks = table.looks if uses_looks else None
    if looks is not None:
        rows = np.concatenate([rows, looks[valid]], axis=1)
    rows = rows.astype(np.float32)
    kinds = _kinds(len(inputs), (0,) if looks is None else look_kinds(looks.shape[2]))
    grown = _grown(rows, truth, weights, inputs=inputs, kinds=kinds, config=config, seed=seed)
    return TrackEvidence(
        inputs=inputs,
        forest=as_arrays(grown),
        score_scale=scale,
        lifetime=lifetime,
        extra=0 if looks is None else looks.shape[2],
    )


def table_evidence(model: TrackEvidence, table: TrackTable) -> Float[np.ndarray, "n l"]:
    """Returns the evidence of whole tracks at every age, NaN after their end."""
    valid = table.is_valid
    evidence = np.full(valid.shape, np.nan)
    evidence[valid] = model.evidence(
        table.known("features")[valid],
        model.lifetime.evidence(table.is_hit)[valid],
        table.looks[valid] if model.extra and table.looks is not None else None,
    )
    return evidence


def _grown(
    rows: Float[np.ndarray, "n i"],
    truth: np.ndarray,
    weight: np.ndarray,
    *,
    inputs: tuple[str, ...],
    kinds: list[np.ndarray],
    config: TrackTrainingConfig,
    seed: int,
) -> list[tuple[Any, np.ndarray]]:
    """Returns a rising and a free forest for each kind of columns, with these columns."""
    trees = _scikit_learn()
    parts = [(kind, is_rising) for kind in kinds for is_rising in (True, False)]
    sizes = [len(one) for one in np.array_split(np.arange(config.num_trees), len(parts))]
    grown = []
    for (kind, is_rising), size in zip(parts, sizes, strict=True):
        rising = [int(place < len(inputs) and inputs[place].removeprefix(RAW) in RISING) for place in kind.tolist()]
        forest = trees(
            size,
            min_samples_leaf=config.min_leaf,
            max_features=config.input_share,
            monotonic_cst=rising if is_rising else None,
            random_state=seed,
        )
        grown.append((forest.fit(rows[:, kind], truth, sample_weight=weight), kind))
    return grown


def _scikit_learn() -> Any:
    require("sklearn.ensemble")
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier


def _kinds(num_inputs: int, groups: Sequence[int]) -> list[np.ndarray]:
    """Returns for each group of further columns those that its trees read: the inputs of detections, and the group."""
    ends = num_inputs + np.cumsum(groups)
    own = np.arange(num_inputs)
    return [np.concatenate([own, np.arange(end - size, end)]) for size, end in zip(groups, ends, strict=True)]


def as_arrays(forests: list[tuple[Any, np.ndarray]]) -> Forest:
    """Returns fitted forests of scikit-learn, each with the columns it was fitted on, as one in plain arrays."""
    trees = []
    for estimator, kind in ((one, kind) for forest, kind in forests for one in forest.estimators_):
        tree = estimator.tree_
        is_leaf = tree.children_left < 0
        share = tree.value[:, 0, 1] / np.maximum(tree.value[:, 0].sum(axis=1), 1e-12)
        trees.append(
            {
                "feature": np.where(is_leaf, LEAF, kind[tree.feature]),
                "threshold": tree.threshold,
                "left": np.where(is_leaf, 0, tree.children_left),
                "right": np.where(is_leaf, 0, tree.children_right),
                "value": share,
            }
        )
    return Forest.join(trees)
