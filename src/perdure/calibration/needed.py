"""How many tracks a proof needs at least; loads nothing, so that settings can be checked quickly."""

from __future__ import annotations

import math


def num_tracks_needed(max_rate: float, delta: float) -> int:
    """Returns how many error-free tracks prove a rate with confidence 1 - delta.

    >>> num_tracks_needed(0.02, 0.025)
    183
    """
    return math.ceil(math.log(delta) / math.log1p(-max_rate))
