"""Keeps a gate as strict as "three in a row" on the very stream that it is on, without labels.

Short-lived tracks show what a rule lets through, since most of them are nothing. When one has ended, the bound of the
gate rises if the gate had confirmed it, and falls if the rule would have. Where most of what the rule would confirm
lasts, three in a row are believed unless the evidence speaks against it. The bound rises by no more than it may, so
what the gate confirms can exceed what the rule would by a fixed number at most, however long the stream is (quantile
tracking: Gibbs and Candes, NeurIPS 2021, proposition 4.1), as long as it does not stand at its upper end. Knows no
truth, no pixels and no scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from perdure.gate.memory import TrackMemory
from perdure.rewind import Rewindable
from perdure.stopping.streak import StreakRule

STEP_NATS, FIRST_STEP_NATS = 0.05, 0.3
"""How far one short-lived track moves the bound: the n-th of a stream by the first step over n, if that is more."""
SHORT_LIVED = 10
"""A track that has ended with fewer detections than this is short-lived."""
STRICTNESS = 0.95
"""Short-lived tracks that the gate may confirm for each one that the rule would: fewer, since chance has its share."""
CAUTION_NATS, FLOOR_NATS = 0.12, -0.5
"""How far above what weights say the bound starts, to make up for what so many in a row confirm by themselves, and the
evidence that they need where they are trusted."""
MOST_FALL_NATS, MOST_RISE_NATS = 0.27, 3.0
"""How far the bound may leave its start. It hardly falls: that a rule is lax, among clutter that comes three times in a
row, is no reason to be as lax; twice as likely as not is little enough."""


@dataclass(slots=True)
class StreakMatch(Rewindable):
    """Follows the fate of tracks and moves the bound of a rule.

    Args:
        rule: with the bound as it stands.
        start: the bound at the start of the stream.
        num_ended: short-lived tracks so far.
        num_confirmed: those that the gate had confirmed.
        num_by_rule: those that so many detections in a row would have confirmed.
        num_lasting: tracks so far that it would have confirmed and that were not short-lived.
    """

    rule: StreakRule
    start: float = field(init=False)
    num_ended: int = 0
    num_confirmed: int = 0
    num_by_rule: int = 0
    num_lasting: int = 0

    def __post_init__(self) -> None:
        self.start = self.rule.bound
        self.rule = replace(self.rule, floor=self._floor())

    def fresh(self) -> StreakMatch:
        """Returns the match at the start of another stream."""
        return StreakMatch(replace(self.rule, bound=self.start))

    def moved(self, start: float) -> StreakMatch:
        """Returns the match on evidence of another scale: the bound begins anew, what was counted stays."""
        other = StreakMatch(replace(self.rule, bound=start))
        for name in ("num_ended", "num_confirmed", "num_by_rule", "num_lasting"):
            setattr(other, name, getattr(self, name))
        other.rule = replace(other.rule, floor=other._floor())
        return other

    def see_end(self, memory: TrackMemory) -> None:
        """Takes in a track that has ended."""
        is_confirmed, is_by_rule = memory.status == "persistent", memory.longest_streak >= self.rule.streak
        if memory.num_hits >= SHORT_LIVED:
            self.num_lasting += is_by_rule
            self.rule = replace(self.rule, floor=self._floor())
            return
        self.num_ended += 1
        self.num_confirmed += is_confirmed
        self.num_by_rule += is_by_rule
        step = max(STEP_NATS, FIRST_STEP_NATS / self.num_ended)
        moved = self.rule.bound + step * (is_confirmed - STRICTNESS * is_by_rule)
        lowest, highest = self.start - MOST_FALL_NATS, self.start + MOST_RISE_NATS
        self.rule = replace(self.rule, bound=min(max(moved, lowest), highest), floor=self._floor())

    def _floor(self) -> float:
        """Returns the evidence that so many in a row need: they are trusted while no more die young than last."""
        return FLOOR_NATS if self.num_by_rule <= self.num_lasting else math.inf

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        numbers = (self.num_ended, self.num_confirmed, self.num_by_rule, self.num_lasting)
        counts = np.array(numbers, dtype=np.int64)
        return {"bound": np.array(self.rule.bound), "counts": counts}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays`."""
        counts = [int(count) for count in arrays["counts"]]
        # States of before did not count what lasts: there the rule is trusted again once it has earned it.
        self.num_ended, self.num_confirmed, self.num_by_rule, self.num_lasting = (*counts, 0)[:4]
        self.rule = replace(self.rule, bound=float(arrays["bound"]), floor=self._floor())
