"""Pairs of boxes that may have to do with each other: all of them where they are few, those that are near otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from perdure.geometry import area_px
from perdure.near_pairs import points_in_windows

FAR = 20.0
"""Distance in box sides that stands for 'nothing near'."""
AT_A_TIME = 1 << 14
"""Pairs of all with all that are looked at together: the system would have to find memory for larger arrays anew every
time, and they would not stay near the processor."""
ALL_PAIRS = 1 << 17
"""Pairs up to which all boxes are compared with all others; beyond, a grid takes less time than it saves."""
_NO_LIST = np.zeros(0, dtype=np.int64)


class Pairs(Protocol):
    """Pairs of some queries with candidates."""

    @property
    def rows(self) -> Int[np.ndarray, " n"]:
        """Numbers of the queries."""

    def query(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the queries, laid out as pairs are."""

    def other(self, values: np.ndarray) -> np.ndarray:
        """Returns values of the candidates, laid out as pairs are."""

    def most(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the largest value of each query, 0 where there is none."""

    def least(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the least value of each query, infinity where there is none."""

    def count(self, which: np.ndarray) -> Int[np.ndarray, " n"]:
        """Returns the number of pairs of each query for which something holds."""

    def listed(self, num: int) -> Int[np.ndarray, " k"]:
        """Returns where the candidates of each of `num` queries begin, where they end, and then all candidates.

        Nothing where everything is a candidate of every query.
        """


@dataclass(frozen=True, slots=True)
class AllPairs:
    """Every query with every candidate, a row a query."""

    rows: Int[np.ndarray, " n"]

    def query(self, values: np.ndarray) -> np.ndarray:
        """Returns a column."""
        return values[self.rows, None]

    def other(self, values: np.ndarray) -> np.ndarray:
        """Returns a row."""
        return values[None]

    def most(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the largest value of each row."""
        return values.max(axis=1, initial=0.0)

    def least(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the least value of each row."""
        return values.min(axis=1, initial=np.inf)

    def count(self, which: np.ndarray) -> Int[np.ndarray, " n"]:
        """Returns how often something holds in each row."""
        return np.count_nonzero(which, axis=1)

    def listed(self, num: int) -> Int[np.ndarray, " k"]:
        """Returns nothing: there is no need for a list."""
        return _NO_LIST


@dataclass(frozen=True, slots=True)
class ListedPairs:
    """Pairs one after the other, those of one query together; every query of `rows` has one."""

    rows: Int[np.ndarray, " n"]
    queries: Int[np.ndarray, " k"]
    others: Int[np.ndarray, " k"]
    start: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, queries: Int[np.ndarray, " k"], others: Int[np.ndarray, " k"]) -> ListedPairs:
        """Returns the pairs of queries in ascending order."""
        start = np.flatnonzero(np.diff(queries, prepend=-1))
        return cls(queries[start], queries, others, start)

    def query(self, values: np.ndarray) -> np.ndarray:
        """Returns the value of each pair's query."""
        return values[self.queries]

    def other(self, values: np.ndarray) -> np.ndarray:
        """Returns the value of each pair's candidate."""
        return values[self.others]

    def most(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the largest value of each query."""
        return np.maximum.reduceat(values, self.start)

    def least(self, values: np.ndarray) -> Float[np.ndarray, " n"]:
        """Returns the least value of each query."""
        return np.minimum.reduceat(values, self.start)

    def count(self, which: np.ndarray) -> Int[np.ndarray, " n"]:
        """Returns how often something holds for each query."""
        return np.add.reduceat(which.astype(np.int64), self.start)

    def listed(self, num: int) -> Int[np.ndarray, " k"]:
        """Returns begins, ends and candidates in one array."""
        return np.concatenate([np.searchsorted(self.queries, np.arange(num + 1)), self.others])


def pairs_near(
    boxes: Float[np.ndarray, "n 4"], others: Float[np.ndarray, "m 4"], *, at_a_time: int = AT_A_TIME
) -> Iterator[Pairs]:
    """Yields pairs of boxes, all that overlap or are no more than `FAR` apart among them.

    Args:
        boxes: queries.
        others: candidates.
        at_a_time: pairs of all with all that come at once; at least those of one query.
    """
    if len(boxes) * len(others) <= ALL_PAIRS:
        step = max(1, at_a_time // max(1, len(others)))
        for first in range(0, len(boxes) if len(others) else 0, step):
            yield AllPairs(np.arange(first, min(first + step, len(boxes))))
        return
    size, other_size = boxes[:, 2:] - boxes[:, :2], others[:, 2:] - others[:, :2]
    reach = np.maximum(FAR * sides_px(boxes)[:, None], (size + other_size.max(axis=0)) / 2)
    centre, points = (boxes[:, :2] + boxes[:, 2:]) / 2, (others[:, :2] + others[:, 2:]) / 2
    for queries, found in points_in_windows(points, centre - reach, centre + reach):
        if len(queries):
            yield ListedPairs.of(queries, found)


def sides_px(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Returns the geometric mean side of each box, 1 pixel at least."""
    return np.sqrt(np.maximum(area_px(boxes), 1.0))
