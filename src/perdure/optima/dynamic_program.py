"""Exact best stopping on the world's law, by backward induction on a grid of log odds.

Until the longest lifetime is over, a state is the pattern of hits so far and the log odds; from then on hits are
independent given the class and the log odds alone are enough. On a grid the problem is a finite Markov decision
problem whose transitions do not depend on the costs, so the best cost is concave in the prices of the two errors and
every price gives one point of the frontier. Letters: G log odds on the grid, B prices, C = 3 B columns (cost, miss,
false confirm), K longest lifetime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.linalg import toeplitz
from scipy.special import expit

MAX_PRICE = 1e6
"""Largest price of an error, in frames; errors of 1e-5 and more are reached with it."""
MARGIN = 4.0
"""Nats of grid beyond the point from which waiting for one more frame never pays, whatever the price."""
MAX_LIFETIMES = 10
"""Longest lifetime law that is solved: the number of hit patterns doubles with every frame of it."""
MIN_CUE = 0.05
"""Weaker cues move the optimum by 0.003 frame at most and are taken as none; they would need a very fine grid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackLaw:
    """The law that tracks follow: what the optimum depends on.

    A live object is hit with probability 1 - (1 - Pd)(1 - Pfa) per frame, the gate of a dead one with probability
    Pfa. The hit at birth is given. Every hit carries a cue, a log-likelihood ratio of law N(+-d^2/2, d^2).

    Args:
        detection_probability: Pd, above 0 and up to 1.
        false_alarm_probability: Pfa, 0 and up, below Pd.
        cue_strength: d, 0 for no cue.
        persistent_share: probability that a track is persistent.
        lifetime_pmf: probability that a transient lives 1, 2, ... frames.
        horizon: age at which every track must be decided.

    Raises:
        ValueError: a value is out of range.
    """

    detection_probability: float
    false_alarm_probability: float
    cue_strength: float = 0.0
    persistent_share: float = 0.5
    lifetime_pmf: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)
    horizon: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.false_alarm_probability < self.detection_probability <= 1:
            raise ValueError(
                f"detection_probability and false_alarm_probability: got {self.detection_probability} and "
                f"{self.false_alarm_probability}, expected 0 <= false_alarm_probability < detection_probability <= 1"
            )
        if not 0 <= self.cue_strength <= 10:
            raise ValueError(f"cue_strength: got {self.cue_strength}, expected 0 to 10")
        if not 0 < self.persistent_share < 1:
            raise ValueError(f"persistent_share: got {self.persistent_share}, expected above 0 and below 1")
        pmf = self.lifetime_pmf
        if not 1 <= len(pmf) <= MAX_LIFETIMES or min(pmf) < 0 or abs(sum(pmf) - 1) > 1e-6:
            raise ValueError(f"lifetime_pmf: got {pmf}, expected 1 to {MAX_LIFETIMES} probabilities that sum to 1")
        if self.horizon < 1:
            raise ValueError(f"horizon: got {self.horizon}, expected at least 1 frame")

    @property
    def hit_alive(self) -> float:
        """Probability of a hit on a frame on which the object exists."""
        return 1 - (1 - self.detection_probability) * (1 - self.false_alarm_probability)

    def seeing(self) -> TrackLaw:
        """Returns the law for somebody who sees the object itself on every frame: Pd = 1, Pfa = 0."""
        return replace(self, detection_probability=1.0, false_alarm_probability=0.0)


@dataclass(frozen=True, slots=True)
class BestRules:
    """One best rule per pair of prices, as what it leads to.

    Args:
        frame: mean decision frame.
        miss: share of persistent tracks called transient.
        false_confirm: share of transient tracks called persistent.
    """

    frame: Float[np.ndarray, " b"]
    miss: Float[np.ndarray, " b"]
    false_confirm: Float[np.ndarray, " b"]


class DynamicProgram:
    """Solves one law for any prices; the grid and its transitions are built once."""

    def __init__(self, law: TrackLaw) -> None:
        self.law = law
        self.cue = law.cue_strength if law.cue_strength >= MIN_CUE else 0.0
        self.pmf = np.array(law.lifetime_pmf)
        # Halving these steps changes the optimum by less than 0.003 frame in every cell of the tables.
        self.step = 0.02 if self.cue == 0 else min(0.1, self.cue / 2)
        share = law.persistent_share
        # With prices (w1, w0) an error costs at most price / share times its posterior: no gain beyond this point.
        reach = math.log(MAX_PRICE / min(share, 1 - share)) + MARGIN
        num = math.ceil(reach / self.step)
        self.log_odds = np.arange(-num, num + 1) * self.step
        self.persistent, self.transient = expit(self.log_odds)[:, None], expit(-self.log_odds)[:, None]

    def solve(self, miss_price: Float[np.ndarray, " b"], false_price: Float[np.ndarray, " b"]) -> BestRules:
        """Returns the rules that minimise mean frame + miss_price * miss + false_price * false confirm.

        Args:
            miss_price: frames that a miss rate of 1 is worth, at most `MAX_PRICE`.
            false_price: the same of the false-confirm rate.
        """
        stop = self._stop_cost(miss_price, false_price)
        law, value = self.law, stop
        for _ in range(law.horizon - 1, len(self.pmf) - 1, -1):
            value = self._better(stop, self._wait(value, value, law.false_alarm_probability))
        value = self._before_birth(self._at_pattern(self.pmf, 1, stop=stop, late=value))
        cost, miss, false = np.split(value, 3)
        return BestRules(frame=1 + cost - miss_price * miss - false_price * false, miss=miss, false_confirm=false)

    def _stop_cost(self, miss_price: np.ndarray, false_price: np.ndarray) -> Float[np.ndarray, "g c"]:
        """Returns cost, miss and false confirm of stopping now with the cheaper label."""
        share = self.law.persistent_share
        miss, false = self.persistent / share, self.transient / (1 - share)
        says_transient = miss * miss_price < false * false_price
        parts = (
            np.where(says_transient, miss * miss_price, false * false_price),
            np.where(says_transient, miss, 0.0),
            np.where(says_transient, 0.0, false),
        )
        return np.concatenate(parts, axis=1)

    def _better(self, stop: Float[np.ndarray, "g c"], wait: Float[np.ndarray, "g c"]) -> Float[np.ndarray, "g c"]:
        """Returns the cheaper of stopping and paying one frame for waiting, with what it leads to."""
        num = stop.shape[1] // 3
        wait[:, :num] += 1
        return np.where(np.tile(wait[:, :num] < stop[:, :num], 3), wait, stop)

    def _wait(
        self, after_hit: Float[np.ndarray, "g c"], after_miss: Float[np.ndarray, "g c"], hit_transient: float
    ) -> Float[np.ndarray, "g c"]:
        """Returns the expectation over the next frame, whose hit probability is `hit_transient` for transients."""
        hit = self.law.hit_alive
        if self.cue:
            if_persistent, if_transient = self._kernels[0] @ after_hit, self._kernels[1] @ after_hit
        else:
            if_persistent = if_transient = after_hit
        to_hit, to_miss = _log_ratio(hit, hit_transient), _log_ratio(1 - hit, 1 - hit_transient)
        hit_part = self.persistent * hit * self._shifted(if_persistent, to_hit)
        hit_part += self.transient * hit_transient * self._shifted(if_transient, to_hit)
        miss_weight = self.persistent * (1 - hit) + self.transient * (1 - hit_transient)
        return hit_part + miss_weight * self._shifted(after_miss, to_miss)

    def _shifted(self, value: Float[np.ndarray, "g c"], shift: float) -> Float[np.ndarray, "g c"]:
        """Returns the values at log odds moved by `shift`; certainty costs nothing, so infinite shifts give 0."""
        if math.isinf(shift):
            return np.zeros_like(value)
        whole = math.floor(shift / self.step)
        part = shift / self.step - whole
        last = len(value) - 1
        rows = np.arange(len(value)) + whole
        return (1 - part) * value[np.clip(rows, 0, last)] + part * value[np.clip(rows + 1, 0, last)]

    def _at_pattern(
        self,
        joint: Float[np.ndarray, " k"],
        age: int,
        *,
        stop: Float[np.ndarray, "g c"],
        late: Float[np.ndarray, "g c"],
    ) -> Float[np.ndarray, "g c"]:
        """Returns the values after the hits and misses behind `joint` = P(lifetime, hits and misses | transient)."""
        if age >= self.law.horizon:
            return stop
        if age >= len(self.pmf):
            return late
        total = joint.sum()
        if total == 0:  # no transient looks like this: the track is persistent for certain
            return np.zeros_like(stop)
        is_alive = np.arange(1, len(self.pmf) + 1) > age
        hit = np.where(is_alive, self.law.hit_alive, self.law.false_alarm_probability)
        after_hit = self._at_pattern(joint * hit, age + 1, stop=stop, late=late)
        after_miss = self._at_pattern(joint * (1 - hit), age + 1, stop=stop, late=late)
        return self._better(stop, self._wait(after_hit, after_miss, float((joint * hit).sum() / total)))

    def _before_birth(self, value: Float[np.ndarray, "g c"]) -> Float[np.ndarray, " c"]:
        """Returns the expectation over the cue of the hit at birth, from the prior log odds."""
        share = self.law.persistent_share
        row = (math.log(share / (1 - share)) - self.log_odds[0]) / self.step
        low = math.floor(row)
        place = np.zeros(len(value))
        place[[low, low + 1]] = 1 - (row - low), row - low
        if not self.cue:
            return place @ value
        return (share * (place @ self._kernels[0]) + (1 - share) * (place @ self._kernels[1])) @ value

    @cached_property
    def _kernels(self) -> tuple[Float[np.ndarray, "g g"], Float[np.ndarray, "g g"]]:
        """Transitions by one cue, of persistent and of transient tracks; what leaves the grid stays at its ends."""
        return self._kernel(self.cue**2 / 2), self._kernel(-(self.cue**2) / 2)

    def _kernel(self, mean: float) -> Float[np.ndarray, "g g"]:
        num = len(self.log_odds)
        moves = np.arange(-num + 1, num)
        weight = np.exp(-0.5 * ((moves * self.step - mean) / self.cue) ** 2)
        weight /= weight.sum()
        # Row i reaches column j by the move j - i.
        matrix = toeplitz(weight[num - 1 :: -1], weight[num - 1 :])
        below, above = np.cumsum(weight), np.cumsum(weight[::-1])
        matrix[:, 0] = below[num - 1 :: -1]
        matrix[:, -1] = above[num - 1 :: -1][::-1]
        return matrix


def _log_ratio(persistent: float, transient: float) -> float:
    """Returns log(persistent / transient), infinite where one of them is 0; where both are, it never matters."""
    if persistent == 0 or transient == 0:
        return math.inf if persistent > 0 else -math.inf
    return math.log(persistent / transient)
