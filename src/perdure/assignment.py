"""Pairs of rows and columns with the largest sum, by SciPy where it is installed and pays, by the same algorithm else.

An installation for detections needs nothing else of SciPy, which is twice as large as all of it together and takes
longer to load than a gate to its first decision.
"""

from __future__ import annotations

import time
from functools import cache
from math import inf
from typing import Any

import numpy as np
from jaxtyping import Float, Int

PAYS_AFTER_S = 0.5
"""Seconds without SciPy after which it is loaded: about what loading takes."""
MOST_ENTRIES = 1 << 17
"""Entries up to which equal gains are settled in a table of all rows and columns."""


def best_of_listed(
    rows: Int[np.ndarray, " k"], columns: Int[np.ndarray, " k"], gain: Float[np.ndarray, " k"], shape: tuple[int, int]
) -> Int[np.ndarray, " c"]:
    """Returns which of some pairs have the largest summed gain, no row or column twice.

    Equal gains may make equal sums, of which boxes in whole pixels have many. What is taken then must not hang on how
    the work was divided: a table of all, up to `MOST_ENTRIES`, says it, as `best_pairs` of it does.

    Args:
        rows: of the pairs; in ascending order.
        columns: of the pairs.
        gain: of the pairs, above 0.
        shape: number of all rows and columns.

    >>> best_of_listed(np.array([3, 3, 8]), np.array([0, 5, 0]), np.array([0.9, 0.8, 0.7]), (9, 6)).tolist()
    [1, 2]
    """
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    # The sum cannot be larger than if every row had its best column, and mostly no two want the same.
    start = (rows[1:] != rows[:-1]).nonzero()[0] + 1
    start = np.concatenate([[0], start])
    most = np.repeat(np.maximum.reduceat(gain, start), np.diff(start, append=len(rows)))
    (best,) = (gain == most).nonzero()
    if len(best) == len(start) and np.bincount(columns[best]).max() == 1:
        return best
    is_alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    chosen, (open_pairs,) = [is_alone.nonzero()[0]], (~is_alone).nonzero()
    if len(np.unique(gain[open_pairs])) < len(open_pairs) and shape[0] * shape[1] <= MOST_ENTRIES:
        everything, number = np.zeros(shape), np.full(shape, -1)
        everything[rows, columns], number[rows, columns] = gain, np.arange(len(gain))
        found = number[best_pairs(everything)]
        return found[found >= 0]
    for group in _groups(rows, columns, open_pairs):
        own, at_row = np.unique(rows[group], return_inverse=True)
        its, at_column = np.unique(columns[group], return_inverse=True)
        table = np.zeros((len(own), len(its)))
        table[at_row, at_column] = gain[group]
        number = np.full(table.shape, -1)
        number[at_row, at_column] = group
        found = number[best_pairs(table)]
        chosen.append(found[found >= 0])
    return np.concatenate(chosen)


def _groups(
    rows: Int[np.ndarray, " k"], columns: Int[np.ndarray, " k"], pairs: Int[np.ndarray, " p"]
) -> list[Int[np.ndarray, " g"]]:
    """Returns the pairs group by group of what hangs together: the best sum of all is that of the best of each."""
    start = time.perf_counter()
    group_of: dict[int, list[int]] = {}
    sides = zip(pairs.tolist(), rows[pairs].tolist(), (-1 - columns[pairs]).tolist(), strict=True)
    ends = {pair: (row, column) for pair, row, column in sides}
    for pair, (row, column) in ends.items():
        group, other = group_of.get(row, []), group_of.get(column, [])
        if len(group) < len(other):
            group, other = other, group
        if group is not other:
            group.extend(other)
            for moved in other:
                group_of[ends[moved][0]] = group_of[ends[moved][1]] = group
        group.append(pair)
        group_of[row] = group_of[column] = group
    found = [np.array(sorted(one)) for one in {id(one): one for one in group_of.values()}.values()]
    Spent.seconds += time.perf_counter() - start
    return found


class Spent:
    """Seconds that were spent without SciPy, in the whole process."""

    seconds = 0.0


def best_pairs(gain: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Returns rows and columns of min(n, m) pairs with the largest summed gain, rows ascending.

    >>> [pairs.tolist() for pairs in best_pairs(np.array([[1.0, 2.0], [3.0, 5.0]]))]
    [[0, 1], [0, 1]]
    """
    if Spent.seconds > PAYS_AFTER_S and (solve := _solver_of_scipy()) is not None:
        rows, columns = solve(gain, maximize=True)
        return rows, columns
    start = time.perf_counter()
    pairs = shortest_paths(gain)
    Spent.seconds += time.perf_counter() - start
    return pairs


@cache
def _solver_of_scipy() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        return None
    return linear_sum_assignment


def shortest_paths(gain: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Returns what `best_pairs` does, by shortest augmenting paths (Crouse, IEEE Trans. AES 52(4), 2016).

    Among equal sums it takes the pairs that SciPy takes, so that nothing depends on what is installed. Numbers are in
    lists, which are faster one by one than arrays.
    """
    is_wide = gain.shape[0] <= gain.shape[1]
    cost = (-(gain if is_wide else gain.T)).tolist()
    num_rows, num_columns = min(gain.shape), max(gain.shape)
    dual_row, dual_column = [0.0] * num_rows, [0.0] * num_columns
    column_of, row_of = [-1] * num_rows, [-1] * num_columns
    for start in range(num_rows):
        _augment(start, cost, dual_row, dual_column, column_of, row_of)
    pairs = np.array(column_of, dtype=np.int64)
    if is_wide:
        return np.arange(num_rows), pairs
    order = np.argsort(pairs)
    return pairs[order], order


def _augment(
    start: int,
    cost: list[list[float]],
    dual_row: list[float],
    dual_column: list[float],
    column_of: list[int],
    row_of: list[int],
) -> None:
    """Gives one more row a column, along the shortest path of exchanges; changes the lists of pairs and duals."""
    num_columns = len(row_of)
    distance, before = [inf] * num_columns, [-1] * num_columns
    remaining = list(range(num_columns))[::-1]
    rows, columns, least, row, end = [start], [], 0.0, start, -1
    while end == -1:
        nearest, index, own, dual = inf, -1, cost[row], dual_row[row]
        for place, column in enumerate(remaining):
            reached = least + own[column] - dual - dual_column[column]
            if reached < distance[column]:
                distance[column], before[column] = reached, row
            apart = distance[column]
            if apart < nearest or (apart == nearest and row_of[column] == -1):
                nearest, index = apart, place
        least, column = nearest, remaining[index]
        columns.append(column)
        if row_of[column] == -1:
            end = column
        else:
            row = row_of[column]
            rows.append(row)
        remaining[index] = remaining[-1]
        remaining.pop()
    dual_row[start] += least
    for other in rows[1:]:
        dual_row[other] += least - distance[column_of[other]]
    for column in columns:
        dual_column[column] -= least - distance[column]
    column = end
    while True:
        row = before[column]
        row_of[column] = row
        column_of[row], column = column, column_of[row]
        if row == start:
            return
