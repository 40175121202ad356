"""Rows of a table by the keys that they have."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int


def places_of(
    keys: Int[np.ndarray, " k"], wanted: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Returns in which row each wanted key is, and whether it is in any; of a key that is in none the row says nothing.

    >>> place, is_known = places_of(np.array([7, 2, 5]), np.array([5, 6, 7]))
    >>> place[is_known].tolist(), is_known.tolist()
    ([2, 0], [True, False, True])
    """
    if not len(keys) or not len(wanted):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    order = keys.argsort()
    place = order[np.minimum(keys.searchsorted(wanted, sorter=order), len(keys) - 1)]
    return place, keys[place] == wanted
