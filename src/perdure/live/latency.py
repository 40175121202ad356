"""Times of any number of frames in constant memory: a histogram whose bins grow by a constant factor."""

from __future__ import annotations

import math

LEAST_S = 1e-5
"""Lower edge of the second bin; all that is shorter is in the first."""
GROWTH = 1.05
"""Upper over lower edge of a bin: a quantile is off by at most half of this, 2.5 percent."""
NUM_BINS = 2 + math.ceil(math.log(1e3 / LEAST_S) / math.log(GROWTH))
"""Up to a thousand seconds; all that is longer is in the last bin."""


class Latency:
    """Times of the frames of a stream."""

    def __init__(self) -> None:
        self._counts = [0] * NUM_BINS
        self._least_s, self._most_s = math.inf, 0.0
        self.num = 0

    def add(self, seconds: float) -> None:
        """Takes in the time of one frame."""
        bin_index = 0 if seconds < LEAST_S else 1 + int(math.log(seconds / LEAST_S) / math.log(GROWTH))
        self._counts[min(bin_index, NUM_BINS - 1)] += 1
        self._least_s, self._most_s = min(self._least_s, seconds), max(self._most_s, seconds)
        self.num += 1

    def quantile_s(self, share: float) -> float:
        """Returns the time that this share of the frames did not exceed, within 2.5 percent; 0 without frames."""
        needed = max(1, math.ceil(share * self.num))
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= needed:
                middle_s = LEAST_S * GROWTH ** (index - 0.5) if index else 0.0
                return min(max(middle_s, self._least_s), self._most_s)
        return 0.0

    def to_ms(self) -> dict[str, float]:
        """Returns median, 95 and 99 percent and maximum in milliseconds; the maximum is exact."""
        quantiles = {"median": 0.5, "p95": 0.95, "p99": 0.99}
        found = {name: self.quantile_s(share) for name, share in quantiles.items()} | {"max": self._most_s}
        return {name: round(1e3 * seconds, 3) for name, seconds in found.items()}
