"""What the work thread did last, as other threads may read it at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of life.

    Args:
        stage: stage at work; empty before the first.
        detail: what it did, in a few words.
        time_s: when, on the clock of the activity.
    """

    stage: str
    detail: str
    time_s: float


class Activity:
    """The latest sign of life of the work thread; one assignment, so that no reader sees half of it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.last = Sign(stage="", detail="starting", time_s=clock())

    def touch(self, stage: str, detail: str) -> None:
        """Notes that the work thread has done something."""
        self.last = Sign(stage=stage, detail=detail, time_s=self._clock())

    @property
    def age_s(self) -> float:
        """Seconds since the latest sign of life."""
        return self._clock() - self.last.time_s
