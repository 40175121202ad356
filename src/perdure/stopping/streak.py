"""What people know as "three in a row", and the rule that takes its place.

The rule asks for less evidence the longer a track is detected without a break, and for none from some number of
detections on. Knows hits and evidence only; how strict it has to be on a stream is the business of the gate. The
numbers `RISE_NATS` and `EXTRA` were chosen on recorded tracks (docs/benchmarks.md, "Out of the box").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from perdure.stopping.counting import is_hit_streak
from perdure.stopping.rules import Horizon, Observation, Verdict

Like = Literal["two in a row", "three in a row", "five in a row", "promise"]
STREAKS: dict[str, int] = {"two in a row": 2, "three in a row": 3, "five in a row": 5}
"""Rules by the words that people use: detections in a row that confirm."""
LIKES: tuple[str, ...] = (*STREAKS, "promise")
"""All operating points by name; a promise keeps error rates that were asked for."""
RISE_NATS = 1.0
"""How much less evidence is asked for each detection in a row from the rule's own number on."""
EXTRA = 2
"""A streak this much longer than that of the rule confirms by itself."""
MOST_DETECTIONS = 10
"""Detections in all that confirm by themselves, in a row or not."""


def streak_of(like: str) -> int | None:
    """Returns the detections in a row that an operating point stands for, None for a promise.

    Raises:
        ValueError: there is no operating point of that name.

    >>> streak_of("three in a row"), streak_of("promise")
    (3, None)
    """
    if like not in LIKES:
        raise ValueError(f"like: got {like!r}, expected one of {', '.join(LIKES)}")
    return STREAKS.get(like)


@dataclass(frozen=True, kw_only=True, slots=True)
class LifetimeBound:
    """What goes on being detected is confirmed in the end, whatever the evidence says.

    No transient lives as long as an object: a bound on its lifetime, in detections. Without it a steady object that
    looks like nothing known would never be reported.
    """

    num_hits: int = 20
    """Detections in all that confirm a track."""
    streak: int | None = None
    """Detections in a row that confirm it; None asks for `num_hits` alone."""
    needs_decision: bool = False
    """Confirms only what has been decided on before: where no bound on the lives of transients is proven, the rates of
    first decisions, which are what is promised, then stay as they are."""

    def __post_init__(self) -> None:
        for name, value in (("num_hits", self.num_hits), ("streak", self.streak)):
            if value is not None and value < 2:
                raise ValueError(f"lifetime bound: {name}: got {value}, expected at least 2 detections")

    def is_passed(
        self,
        num_hits: Int[np.ndarray, " n"],
        *,
        streak: Int[np.ndarray, " n"],
        is_decided: Bool[np.ndarray, " n"],
    ) -> Bool[np.ndarray, " n"]:
        """Returns which tracks were detected often enough.

        Args:
            num_hits: their detections.
            streak: those in a row up to now.
            is_decided: whether something has been decided about them before.

        >>> yes = np.array([True])
        >>> LifetimeBound(num_hits=10, streak=5).is_passed(np.array([5]), streak=np.array([5]), is_decided=yes)
        array([ True])
        >>> LifetimeBound(num_hits=10).is_passed(np.array([9]), streak=np.array([9]), is_decided=yes)
        array([False])
        """
        is_often = num_hits >= self.num_hits
        if self.streak is not None:
            is_often = is_often | (streak >= self.streak)
        return is_often & is_decided if self.needs_decision else is_often


def bound_like(streak: int) -> LifetimeBound:
    """Returns the bound that goes with "so many in a row": a little longer a streak, or more detections in all."""
    return LifetimeBound(num_hits=max(MOST_DETECTIONS, streak + EXTRA), streak=streak + EXTRA)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreakRule(Horizon):
    """Confirms on a detection as soon as the evidence passes a bound that falls with the streak; rejects nothing early.

    Until the streak is as long as that of the rule in whose place it stands, the bound is constant; each further
    detection in a row lowers it by `RISE_NATS`. Where that rule is trusted, what it would confirm is confirmed unless
    the evidence speaks clearly against it.
    """

    bound: float
    """Evidence in nats that confirms a track whose streak is still shorter than `streak`."""
    streak: int = 3
    """Detections in a row of the rule in whose place it stands."""
    floor: float = math.inf
    """Evidence in nats from which on that many in a row confirm by themselves; infinity where they are not trusted."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if self.streak < 2:
            raise ValueError(f"streak: got {self.streak}, expected at least 2 detections in a row")

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the evidence and the latest hits."""
        is_streak = is_hit_streak(observation.hit_history, self.streak)
        is_enough = observation.evidence >= self.bound - self._rise(observation)
        confirm = self.detected(observation) & (is_enough | (is_streak & (observation.evidence >= self.floor)))
        return self.verdict(observation.age, confirm=confirm, reject=np.zeros(len(observation), dtype=bool))

    @staticmethod
    def detected(observation: Observation) -> Bool[np.ndarray, " n"]:
        """Returns which tracks were detected on this frame: a track is never reported where nothing was seen."""
        return is_hit_streak(observation.hit_history, 1)

    def _rise(self, observation: Observation) -> np.ndarray:
        further = [is_hit_streak(observation.hit_history, self.streak + more) for more in range(EXTRA)]
        return RISE_NATS * np.sum(further, axis=0)
