"""Error rates that follow the stream: bounds that what became of each track moves, without labels.

Some frames later every track shows what it was: it vanished after a few detections, or it went on being detected. The
share of those that vanish and had been confirmed is kept at what was asked, and the share of those that last and had
been rejected at most there, in the long run and whatever drifts: hits, clutter, scores, the detector, the scene.

After a track that vanishes the upper bound moves by `step * (was_confirmed - asked)` (quantile tracking: Gibbs and
Candes, NeurIPS 2021, proposition 4.1; Angelopoulos, Candes and Tibshirani, "Conformal PID control", NeurIPS 2023).
Above evidence that nothing reaches the bound lets nothing more through, and below what everything reaches all of it:
with evidence between -B and B nats, steps s, and at most D tracks whose fate is open, it stays within B + s (D + 1) of
0, so that after T fates the share confirmed is within (2 B + 2 s (D + 1)) / (s T) of what was asked. This is no promise
about any single stretch of time, and none about labels: an object that is seen briefly vanishes, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from perdure.gate.matching import StreakMatch
from perdure.gate.memory import TrackMemory
from perdure.rewind import Rewindable
from perdure.stopping.rules import TruncatedSPRT

LASTING = 10
"""Detections from which on a track has lasted; it is then confirmed whatever the evidence says."""
STEP_NATS, FIRST_STEP_NATS = 0.2, 1.0
"""How far one fate moves a bound: the n-th by the first step over n, if that is more. Smaller steps cost less and let
more through after a jump: of any 200 tracks in a row 13.5 % at 0.1, 11 % at 0.2."""
LEAST_GAP_NATS = 0.1
"""The lower bound stays this far below the upper one."""


@dataclass(slots=True)
class FateControl(Rewindable):
    """Follows the fate of tracks and moves both bounds of a rule.

    Args:
        rule: with the bounds as they stand; a lower bound of minus infinity rejects nothing early, and stays.
        max_vanishing: share of tracks that vanish which may be confirmed, above 0 and below 1.
        max_missed: share of tracks that last which may be rejected first; None rejects nothing early.
        num_vanished: tracks that have ended with fewer than `LASTING` detections.
        num_confirmed: those of them that had been confirmed.
        num_lasting: tracks that have ended with more.
        num_rejected: those of them that had been rejected first.
    """

    rule: TruncatedSPRT
    max_vanishing: float
    max_missed: float | None = None
    start: TruncatedSPRT = field(init=False)
    num_vanished: int = 0
    num_confirmed: int = 0
    num_lasting: int = 0
    num_rejected: int = 0

    def __post_init__(self) -> None:
        for name, value in (("hold", self.max_vanishing), ("hold_miss", self.max_missed)):
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name}: got {value}, expected above 0 and below 1")
        if self.max_missed is None:
            self.rule = replace(self.rule, lower=-math.inf)
        self.start = self.rule

    def fresh(self) -> FateControl:
        """Returns the control at the start of another stream."""
        return FateControl(self.start, self.max_vanishing, self.max_missed)

    def see_end(self, memory: TrackMemory) -> None:
        """Takes in a track that has ended."""
        if memory.num_hits < LASTING:
            is_wrong = memory.status == "persistent"
            self.num_vanished += 1
            self.num_confirmed += is_wrong
            upper = self.rule.upper + _step(self.num_vanished) * (is_wrong - self.max_vanishing)
            self.rule = replace(self.rule, upper=upper, lower=min(self.rule.lower, upper - LEAST_GAP_NATS))
            return
        is_wrong = memory.was_reopened or memory.status != "persistent"
        self.num_lasting += 1
        self.num_rejected += is_wrong
        if self.max_missed is not None:
            lower = self.rule.lower - _step(self.num_lasting) * (is_wrong - self.max_missed)
            self.rule = replace(self.rule, lower=min(lower, self.rule.upper - LEAST_GAP_NATS))

    def asked(self) -> dict[str, float | None]:
        """Returns the rates to hold, as `FateControl` takes them."""
        return {"max_vanishing": self.max_vanishing, "max_missed": self.max_missed}

    def told(self) -> dict[str, int | float | None]:
        """Returns what was asked and what came of it, by fates that are known."""
        return {
            "asked_of_vanished": self.max_vanishing, "num_vanished": self.num_vanished,
            "num_vanished_confirmed": self.num_confirmed, "asked_of_lasting": self.max_missed,
            "num_lasting": self.num_lasting, "num_lasting_rejected": self.num_rejected,
            "upper_nats": self.rule.upper,
        }  # fmt: skip

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        numbers = (self.num_vanished, self.num_confirmed, self.num_lasting, self.num_rejected)
        bounds = np.array([self.rule.lower, self.rule.upper])
        return {"bounds": bounds, "fates": np.array(numbers, dtype=np.int64)}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays`."""
        fates = (int(number) for number in arrays["fates"])
        self.num_vanished, self.num_confirmed, self.num_lasting, self.num_rejected = fates
        lower, upper = (float(bound) for bound in arrays["bounds"])
        self.rule = replace(self.rule, lower=lower, upper=upper)


BoundControl = StreakMatch | FateControl
"""What moves the bounds of a gate on its stream."""


def told_of(control: BoundControl | None) -> dict[str, int | float | None]:
    """Returns what was asked of a gate that keeps rates by fates and what came of it; of another gate nothing."""
    return control.told() if isinstance(control, FateControl) else {}


def _step(number: int) -> float:
    return max(STEP_NATS, FIRST_STEP_NATS / number)
