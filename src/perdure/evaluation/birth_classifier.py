"""A classifier for a few thousand tracks: ridge regression on values, their main directions and random waves.

Finds monotone and other smooth dependences without a library for learning. Knows numbers and labels only.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_FOLDS = 2
"""Halves: one learns, the other judges."""
NUM_REPEATS = 8
"""Divisions into halves. Averaging over them brings the spread of the area under the curve where nothing leaks from
0.013 (measured with one division, or one into 5 or 10 parts) to 0.010 at 2,000 a class."""
MAX_DIRECTIONS = 64
"""Wider groups of features, pictures that is, are reduced to so many principal directions."""
MAX_WAVED = 24
"""Random waves look at this many directions at most."""
NUM_WAVES = 64
"""Random cosines (Rahimi and Recht 2007) that make the classifier bend."""
RIDGE = 0.02
"""Penalty on squared weights, as a share of the number of tracks."""


def held_out_scores(
    values: Float[np.ndarray, "n d"], is_positive: Bool[np.ndarray, " n"], *, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (rows, scores) for each half of each division, scored by a classifier that learned from the other half.

    Args:
        values: features of one track a row; rows are independent (one track a clip).
        is_positive: label.
        seed: of divisions and waves.
    """
    rng = np.random.default_rng(seed)
    waved = _with_waves(_main_directions(np.asarray(values, dtype=np.float64)), rng)
    target = np.where(is_positive, 1.0, -1.0)
    weight = np.where(is_positive, 1 / is_positive.mean(), 1 / (1 - is_positive.mean())) / 2
    result = []
    for _ in range(NUM_REPEATS):
        fold = _folds(is_positive, rng)
        for number in range(NUM_FOLDS):
            train, test = fold != number, np.flatnonzero(fold == number)
            result.append((test, waved[test] @ _ridge(waved[train], target[train], weight[train])))
    return result


def _folds(is_positive: Bool[np.ndarray, " n"], rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Returns a random part for each track; every part holds both classes in equal shares."""
    fold = np.empty(len(is_positive), dtype=int)
    for label in (False, True):
        rows = np.flatnonzero(is_positive == label)
        fold[rows] = rng.permutation(len(rows)) % NUM_FOLDS
    return fold


def _main_directions(values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n m"]:
    """Returns the values with mean 0 and variance 1; of many, their principal directions (labels are not used)."""
    centred = values - values.mean(axis=0)
    if values.shape[1] > MAX_DIRECTIONS:
        # The directions of a subset of rows span the same pictures and cost far less than those of all columns.
        basis = np.linalg.svd(centred[:: max(1, len(values) // 800)], full_matrices=False)[2][:MAX_DIRECTIONS]
        centred = centred @ basis.T
    return centred / np.maximum(centred.std(axis=0), 1e-9)


def _with_waves(values: Float[np.ndarray, "n m"], rng: np.random.Generator) -> Float[np.ndarray, "n f"]:
    """Returns the values, and cosines of random directions at a coarse and a fine scale."""
    waved = values[:, :MAX_WAVED]
    scale = np.where(np.arange(NUM_WAVES) % 2 == 0, 0.7, 2.0) / np.sqrt(waved.shape[1])
    frequency = rng.standard_normal((waved.shape[1], NUM_WAVES)) * scale
    waves = np.cos(waved @ frequency + rng.uniform(0, 2 * np.pi, NUM_WAVES))
    return np.concatenate([values, waves, np.ones((len(values), 1))], axis=1)


def _ridge(
    values: Float[np.ndarray, "n f"], target: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " f"]:
    """Returns the weights of weighted ridge regression."""
    weighted = values * weight[:, None]
    penalty = RIDGE * len(values) * np.eye(values.shape[1])
    solution: np.ndarray = np.linalg.solve(values.T @ weighted + penalty, weighted.T @ target)
    return solution
