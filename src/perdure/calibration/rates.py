"""Which error rates bounds must keep, and how many tracks prove them; loads nothing, so that settings cost nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

RATE_NAMES = ("max_false_confirm", "max_miss")
"""The two error rates: of transient and of persistent tracks."""


def num_tracks_needed(max_rate: float, delta: float) -> int:
    """Returns how many error-free tracks prove a rate with confidence 1 - delta.

    >>> num_tracks_needed(0.02, 0.025)
    183
    """
    return math.ceil(math.log(delta) / math.log1p(-max_rate))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Error rates that bounds must keep, and how surely."""

    max_false_confirm: float | None = None
    """Largest share of transient tracks that may be called persistent; left out, nothing is confirmed early."""
    max_miss: float | None = None
    """Largest share of persistent tracks that may be called transient; left out, nothing is rejected early."""
    delta: float = 0.05
    """Probability, over the choice of calibration tracks, with which a bound may fail to keep its rate."""

    def __post_init__(self) -> None:
        for name in RATE_NAMES:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name}: got {value}, expected above 0 and below 1, or none")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta: got {self.delta}, expected above 0 and below 1")

    @property
    def spent(self) -> float:
        """Part of delta that is spent on each bound: half of it where there are two."""
        return self.delta if None in (self.max_false_confirm, self.max_miss) else self.delta / 2

    def tracks_needed(self, name: str) -> int:
        """Returns how many independent tracks of its class a rate needs: fewer prove nothing, even without an error."""
        rate = getattr(self, name)
        return 0 if rate is None else num_tracks_needed(rate, self.spent)


DEFAULT_RATES = Rates(max_false_confirm=0.02, max_miss=0.02)
"""Rates of weights, and of calibrations, that say none."""
