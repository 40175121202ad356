"""Pairs of rows and columns with the largest sum, by SciPy where it is installed, by the same algorithm otherwise.

An installation for detections needs nothing else of SciPy, which is twice as large as all of it together.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int


def best_pairs(gain: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Returns rows and columns of min(n, m) pairs with the largest summed gain, rows ascending.

    >>> [pairs.tolist() for pairs in best_pairs(np.array([[1.0, 2.0], [3.0, 5.0]]))]
    [[0, 1], [0, 1]]
    """
    solve = _solver_of_scipy()
    if solve is not None:
        rows, columns = solve(gain, maximize=True)
        return rows, columns
    return shortest_paths(gain)


@cache
def _solver_of_scipy() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        return None
    return linear_sum_assignment


def shortest_paths(gain: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Returns what `best_pairs` does, by shortest augmenting paths (Crouse, IEEE Trans. AES 52(4), 2016).

    Among equal sums it takes the pairs that SciPy takes, so that nothing depends on what is installed.
    """
    is_wide = gain.shape[0] <= gain.shape[1]
    cost = -(gain if is_wide else gain.T)
    num_rows, num_columns = cost.shape
    dual_row, dual_column = np.zeros(num_rows), np.zeros(num_columns)
    column_of, row_of = np.full(num_rows, -1), np.full(num_columns, -1)
    for start in range(num_rows):
        _augment(start, cost, dual_row, dual_column, column_of, row_of)
    if is_wide:
        return np.arange(num_rows), column_of
    order = np.argsort(column_of)
    return column_of[order], order


def _augment(
    start: int,
    cost: Float[np.ndarray, "n m"],
    dual_row: Float[np.ndarray, " n"],
    dual_column: Float[np.ndarray, " m"],
    column_of: Int[np.ndarray, " n"],
    row_of: Int[np.ndarray, " m"],
) -> None:
    """Gives one more row a column, along the shortest path of exchanges; changes the arrays of pairs and duals."""
    num_columns = cost.shape[1]
    distance, before = np.full(num_columns, np.inf), np.full(num_columns, -1)
    remaining = np.arange(num_columns)[::-1].copy()
    rows, columns, least, row, end = [start], [], 0.0, start, -1
    while end == -1:
        reached = least + cost[row, remaining] - dual_row[row] - dual_column[remaining]
        nearer = reached < distance[remaining]
        distance[remaining[nearer]], before[remaining[nearer]] = reached[nearer], row
        least = float(distance[remaining].min())
        ties = np.flatnonzero(distance[remaining] == least)
        free = ties[row_of[remaining[ties]] == -1]
        index = int(free[-1] if len(free) else ties[0])
        column = int(remaining[index])
        columns.append(column)
        if row_of[column] == -1:
            end = column
        else:
            row = int(row_of[column])
            rows.append(row)
        remaining[index] = remaining[-1]
        remaining = remaining[:-1]
    dual_row[start] += least
    for other in rows[1:]:
        dual_row[other] += least - distance[column_of[other]]
    dual_column[columns] -= least - distance[columns]
    column = end
    while True:
        row = int(before[column])
        row_of[column] = row
        column_of[row], column = column, int(column_of[row])
        if row == start:
            return
