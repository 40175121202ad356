"""How long a run still takes, from how long its stages took so far."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable

PRIOR_S = 15.0
"""Seconds of work at the pace that the weights were measured at, counted as seen before anything ran."""
TRUST_SHARE = 0.1
"""Finished share of a stage from which on its own pace counts for more than its weight."""


class TimeLeft:
    """Estimates the time left of stages whose weights say how many seconds they take on an ordinary machine.

    A stage at work is judged by its own pace over the later half of what it has done, so that what it loads before its
    first report, and parts of it that went faster or slower, are not taken for the pace of the rest. A share of a tenth
    says little about a pace, so at first its weight counts for more. Stages to come are judged by all that ran in this
    process, the stage at work included as long as it will probably take.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known_s = self._known_weight = 0.0
        self._weight = self._skipped = self._share = 0.0
        self._start_s: float | None = None
        self._reports: list[tuple[float, float]] = []

    def start(self, weight: float) -> None:
        """A stage of some weight starts."""
        self._weight, self._skipped, self._share = weight, 0.0, 0.0
        self._start_s, self._reports = self._clock(), []

    def report(self, share: float, *, is_skipped: bool = False) -> None:
        """Takes the finished share of the stage; `is_skipped` says that an earlier process had done it."""
        if is_skipped:
            self._skipped = share
        self._reports.append((share, self._clock()))
        self._share = share

    def finish(self, duration_s: float) -> None:
        """The stage has ended after some seconds of work."""
        self._known_s += duration_s
        self._known_weight += self._weight * (1 - self._skipped)
        self._start_s = None

    def seconds(self, later_weight: float) -> float | None:
        """Returns seconds until everything is done, None before anything can be said.

        Args:
            later_weight: of the stages after the one at work.
        """
        rest_s, total_s, weight = self._of_stage()
        if not self._known_weight and not weight:
            return None
        pace = (self._known_s + total_s + PRIOR_S) / (self._known_weight + weight + PRIOR_S)
        return rest_s + later_weight * pace

    def _of_stage(self) -> tuple[float, float, float]:
        """Returns for the stage at work: seconds left, seconds in all, and the weight that they are spent on."""
        if self._start_s is None:
            return 0.0, 0.0, 0.0
        spent_s, weight = self._clock() - self._start_s, self._weight * (1 - self._skipped)
        expected_s = weight * (self._known_s + PRIOR_S) / (self._known_weight + PRIOR_S)
        own_s, done = self._own_rest_s(spent_s), self._share - self._skipped
        if own_s is None:
            return max(expected_s - spent_s, 0.0), 0.0, 0.0
        trust = done / (done + TRUST_SHARE * (1 - self._share))
        total_s = trust * (spent_s + own_s) + (1 - trust) * expected_s
        return max(total_s - spent_s, 0.0), max(total_s, spent_s), weight

    def _own_rest_s(self, spent_s: float) -> float | None:
        """Returns what the stage still takes at its own pace, None before it has one."""
        done = self._share - self._skipped
        half = min(bisect_left(self._reports, (self._skipped + done / 2, 0.0)), len(self._reports) - 2)
        if half >= 0 and self._share > self._reports[half][0]:
            share, time_s = self._reports[half]
            return (self._clock() - time_s) / (self._share - share) * (1 - self._share)
        return spent_s / done * (1 - self._share) if done > 0 and not self._known_weight else None
