"""Which points lie in which windows, by a grid: linear in both where windows hold few points each.

Knows points and rectangles only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

MAX_PAIRS = 1 << 18
"""Pairs that are handed out at a time; more would not stay near the processor, and memory has to end somewhere."""
CELLS_A_WINDOW = 4.0
"""Cells across a window of middle size: fewer look at points far outside, more take longer to walk through."""


def ranges(first: Int[np.ndarray, " n"], num: Int[np.ndarray, " n"]) -> Int[np.ndarray, " k"]:
    """Returns the whole numbers of several ranges, one after the other.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    end = np.cumsum(num)
    return np.arange(end[-1] if len(end) else 0) + np.repeat(first - end + num, num)


def points_in_windows(
    points: Float[np.ndarray, "m 2"], low: Float[np.ndarray, "n 2"], high: Float[np.ndarray, "n 2"]
) -> Iterator[tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]]:
    """Yields pairs of a window and a point in it, borders included, window by window.

    All pairs of one window come together; a part has at most `MAX_PAIRS` candidates, or one window. Windows without
    points have no pairs.

    Args:
        points: x and y.
        low: upper left corners of the windows.
        high: lower right ones.
    """
    if not len(points) or not len(low):
        return
    origin, far = points.min(axis=0), points.max(axis=0)
    most = max(1, int(np.sqrt(4 * len(points))))
    wanted = np.ceil(CELLS_A_WINDOW * (far - origin) / np.maximum(np.median(high - low, axis=0), 1e-9))
    num_x, num_y = np.clip(wanted, 1, most).astype(np.int64).tolist()
    num = np.array([num_x, num_y])
    side = np.maximum((far - origin) / num, 1e-9)

    def cell(at: np.ndarray) -> np.ndarray:
        return np.clip(np.floor((at - origin) / side), 0, num - 1).astype(np.int64)

    place = cell(points)
    number = place[:, 1] * num_x + place[:, 0]
    order = np.argsort(number, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=num_x * num_y))])
    first, last = cell(low), cell(high)
    # Cells beside each other in a row of the grid are one range of sorted points.
    num_rows = last[:, 1] - first[:, 1] + 1
    window = np.repeat(np.arange(len(low)), num_rows)
    row = ranges(first[:, 1], num_rows) * num_x
    begin, end = start[row + first[window, 0]], start[row + last[window, 0] + 1]
    total = np.cumsum(end - begin)
    of_window = np.cumsum(num_rows)
    done = 0
    while done < len(low):
        before = total[of_window[done - 1] - 1] if done else 0
        until = max(done + 1, int(np.searchsorted(total[of_window - 1], before + MAX_PAIRS, "right")))
        part = slice(of_window[done - 1] if done else 0, of_window[until - 1])
        length = end[part] - begin[part]
        pair_window, pair_point = np.repeat(window[part], length), order[ranges(begin[part], length)]
        at = points[pair_point]
        inside = ((at >= low[pair_window]) & (at <= high[pair_window])).all(axis=1)
        yield pair_window[inside], pair_point[inside]
        done = until
