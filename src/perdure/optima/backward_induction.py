"""Two bounds for every age, fitted backwards from the horizon to the costs of errors and of delay.

For costs that differ between the classes or between errors, and for short horizons, where constant bounds wait for
evidence that can no longer come. The fit needs tracks whose truth is known and nothing else: at each age, from the
last to the first, it takes the interval of evidence in which waiting was worth it on those very tracks, given the
bounds of later ages (Longstaff and Schwartz, RFS 2001). CALIMERA and FIRMBOUND regress the cost of waiting on the
evidence instead; an interval has two parameters, needs no kernel, and cannot come out as several pieces. The exact
optimum needs a known law of tracks (`dynamic_program`), which real tracks do not have; on tracks of the synthetic
law, 400 of them bring this rule within 2 % of its cost.

No error rate is guaranteed; `calibration.calibrate` does that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from perdure.calibration.scores import CalibrationScores
from perdure.stopping.rules import Horizon, Observation, OnTimeout, Verdict

PRIOR_TRACKS = 10.0
"""Weight, in tracks, of the belief that evidence is a true log-likelihood ratio."""

FAR = 1e9
"""Nats that no evidence reaches; stands for an infinite bound where the other one must lie next to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackwardInductionRule(Horizon):
    """Decides once the evidence leaves the interval of its age; `fit_backward_induction` finds the intervals."""

    lower: tuple[float, ...]
    """Transient at this evidence or less, nats, at age 1, 2, ... horizon; minus infinity never rejects."""
    upper: tuple[float, ...]
    """Persistent at this evidence or more, nats, at age 1, 2, ... horizon; infinity never confirms."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if not len(self.lower) == len(self.upper) == self.horizon:
            raise ValueError(
                f"lower and upper: got {len(self.lower)} and {len(self.upper)} values, "
                f"expected one per age up to horizon {self.horizon}"
            )
        for age, (lower, upper) in enumerate(zip(self.lower, self.upper, strict=True), start=1):
            if not lower < upper:
                raise ValueError(f"lower and upper at age {age}: got {lower} and {upper}, expected lower < upper")

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the bounds of each row's age."""
        age = np.clip(observation.age, 1, self.horizon) - 1
        confirm = observation.evidence >= np.array(self.upper)[age]
        return self.verdict(observation.age, confirm=confirm, reject=observation.evidence <= np.array(self.lower)[age])


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionCosts:
    """What decisions cost, in frames.

    Expected cost of a rule = prior * (delay_persistent * mean age of persistent tracks + miss * miss rate)
    + (1 - prior) * (delay_transient * mean age of transient tracks + false_confirm * false-confirm rate).
    """

    false_confirm: float
    """Calling a transient track persistent, at least 0."""
    miss: float
    """Calling a persistent track transient, at least 0."""
    delay_persistent: float = 1.0
    """One more frame before a persistent track is decided, at least 0."""
    delay_transient: float = 1.0
    """One more frame before a transient track is decided, at least 0."""
    prior: float = 0.5
    """Share of tracks that are persistent where the rule is used."""

    def __post_init__(self) -> None:
        for name in ("false_confirm", "miss", "delay_persistent", "delay_transient"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 or more frames")
        if not 0 < self.prior < 1:
            raise ValueError(f"prior: got {self.prior}, expected above 0 and below 1")

    def expected(
        self, age: Float[np.ndarray, " n"], called: Bool[np.ndarray, " n"], is_persistent: Bool[np.ndarray, " n"]
    ) -> float:
        """Returns the expected cost, estimated from decisions on tracks of both classes.

        Args:
            age: of each decision.
            called: whether it says persistent.
            is_persistent: truth.
        """
        persistent = self.delay_persistent * age + self.miss * ~called
        transient = self.delay_transient * age + self.false_confirm * called
        return float(
            self.prior * persistent[is_persistent].mean() + (1 - self.prior) * transient[~is_persistent].mean()
        )


def fit_backward_induction(
    scores: CalibrationScores, costs: DecisionCosts, *, horizon: int, on_timeout: OnTimeout = "persistent"
) -> BackwardInductionRule:
    """Returns the rule whose interval at every age costs least on the given tracks, given those of later ages.

    Args:
        scores: tracks whose truth is known; one that ends undecided is called transient when it is deleted.
        costs: what is made small.
        horizon: age at which a decision is forced; the fit decides by evidence there too.
        on_timeout: label of a forced decision, which only evidence that is not a number still meets.

    Raises:
        ValueError: a class has no tracks, or scores are not known up to the horizon.
    """
    scores = scores.up_to(horizon)
    for name in ("persistent", "transient"):
        if not len(getattr(scores, name)):
            raise ValueError(f"backward induction: got no {name} track, need some of each class; add clips")
    evidence = np.concatenate([scores.persistent, scores.transient])
    is_persistent = np.arange(len(evidence)) < len(scores.persistent)
    weight = np.where(is_persistent, costs.prior / len(scores.persistent), (1 - costs.prior) / len(scores.transient))
    # An expected cost given the evidence instead of the one that the label of a single track gives: few tracks suffice.
    slope, offset = _fit_posterior(evidence, is_persistent, weight, costs.prior)
    probability = expit(slope * evidence + offset)
    delay = weight[:, None] * (costs.delay_transient + (costs.delay_persistent - costs.delay_transient) * probability)
    if_confirmed = weight[:, None] * costs.false_confirm * (1 - probability)
    if_rejected = weight[:, None] * costs.miss * probability
    later, lower, upper = np.full(len(evidence), math.inf), [0.0] * horizon, [0.0] * horizon
    for column in range(horizon - 1, -1, -1):
        rows = np.flatnonzero(~np.isnan(evidence[:, column]))
        now, confirmed, rejected = (values[rows, column] for values in (evidence, if_confirmed, if_rejected))
        # A track that ends after this frame is called transient when it is deleted, one frame later.
        ends = np.isnan(later[rows]) if column < horizon - 1 else np.zeros(len(rows), dtype=bool)
        wait = delay[rows, column] + np.where(ends, rejected, later[rows])
        lower[column], upper[column] = _best_interval(now, rejected, confirmed, wait)
        later = np.full(len(evidence), math.nan)
        later[rows] = np.where(now >= upper[column], confirmed, np.where(now <= lower[column], rejected, wait))
    return BackwardInductionRule(lower=tuple(lower), upper=tuple(upper), horizon=horizon, on_timeout=on_timeout)


def _fit_posterior(
    evidence: Float[np.ndarray, "n h"],
    is_persistent: Bool[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
    prior: float,
) -> tuple[float, float]:
    """Returns slope and offset with P(persistent | evidence) = sigmoid(slope * evidence + offset), of all ages alike.

    True log-likelihood ratios give (1, log prior odds), and the fit is held there with the weight of ten tracks, so
    that evidence which separates all tracks does not become certainty.
    """
    rows, columns = np.nonzero(~np.isnan(evidence))
    values, label = evidence[rows, columns], is_persistent[rows].astype(np.float64)
    share = weight[rows] * len(weight) / (~np.isnan(evidence)).sum(axis=1)[rows]
    start = np.array([1.0, math.log(prior / (1 - prior))])

    def loss(at: Float[np.ndarray, " 2"]) -> tuple[float, Float[np.ndarray, " 2"]]:
        log_odds = at[0] * values + at[1]
        error = share * (expit(log_odds) - label)
        fit = float((share * (np.logaddexp(0.0, log_odds) - label * log_odds)).sum())
        held = PRIOR_TRACKS * (at - start)
        return fit + float(held @ (at - start)) / 2, np.array([error @ values, error.sum()]) + held

    slope, offset = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)]).x
    return float(slope), float(offset)


def _best_interval(
    evidence: Float[np.ndarray, " n"],
    if_rejected: Float[np.ndarray, " n"],
    if_confirmed: Float[np.ndarray, " n"],
    wait: Float[np.ndarray, " n"],
) -> tuple[float, float]:
    """Returns the bounds with the least sum of costs; where waiting costs infinity, bounds that leave no gap.

    Args:
        evidence: nats.
        if_rejected: cost of each track that is at or below the lower bound.
        if_confirmed: cost of each track that is at or above the upper bound.
        wait: cost of each track between them.
    """
    if not len(evidence):
        return -math.inf, math.inf
    values, place = np.unique(evidence, return_inverse=True)
    rejected, confirmed, waiting = (np.bincount(place, cost) for cost in (if_rejected, if_confirmed, wait))
    edges = np.concatenate([[-math.inf], (values[:-1] + values[1:]) / 2, [math.inf]])
    if np.isinf(waiting).any():
        edge = float(edges[int(np.argmin(_sums(rejected) + (confirmed.sum() - _sums(confirmed))))])
        return _without_gap(edge)
    gain_low, gain_high = _sums(rejected - waiting), _sums((confirmed - waiting)[::-1])[::-1]
    best_low = np.minimum.accumulate(gain_low)
    high = int(np.argmin(best_low + gain_high))
    low = int(np.argmin(gain_low[: high + 1]))
    lower, upper = float(edges[low]), float(edges[high])
    return (lower, upper) if lower < upper else _without_gap(lower)


def _without_gap(edge: float) -> tuple[float, float]:
    """Returns bounds that decide everything, at an edge that may be infinite."""
    lower = min(max(edge, -FAR), FAR)
    return lower, float(np.nextafter(lower, math.inf))


def _sums(cost: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Returns the sum of the first 0, 1, ... n costs."""
    return np.concatenate([[0.0], np.cumsum(cost)])
