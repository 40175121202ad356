"""Pairs are those of SciPy, ties included, whether it is installed or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from perdure.assignment import best_pairs, shortest_paths


@pytest.mark.parametrize("kind", ["overlaps", "whole numbers", "all equal"])
def test_pairs_are_those_of_scipy_ties_included(kind: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        shape = tuple(rng.integers(1, 12, 2))
        gain = rng.random(shape) * (rng.random(shape) < 0.3)
        if kind != "overlaps":
            gain = rng.integers(0, 1 + 2 * (kind == "whole numbers"), shape).astype(float)
        expected = linear_sum_assignment(gain, maximize=True)
        for found in (best_pairs(gain), shortest_paths(gain)):
            assert [part.tolist() for part in found] == [part.tolist() for part in expected]
