"""Methods of confirming real tracks behind one interface: fitted on training tracks, then numbers for other tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from perdure.bench.confirmation import running_best, swept_point
from perdure.bench.confirmation_baselines import (
    PLAIN_INPUTS,
    gradient_boosting,
    hand_statistic,
    logistic_regression,
    per_age_statistic,
)
from perdure.bench.library_rules import LIBRARY_RULES, SweptRule
from perdure.bench.rule_families import score_at_every_age
from perdure.evidence.lifetime import MIN_TRACKS
from perdure.evidence.track_features import AROUND, OWN
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.hand_rule import tune_hand_rule
from perdure.stopping.scoring import IPDAExistence, TrackScore
from perdure.track_table import TrackTable
from perdure.tracks.split import folds_of
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence

DETECTIONS, PIXELS, NETWORK = "perdure, detections", "perdure, with pixels", "perdure, network"
"""Names of our own methods."""
NUM_INNER_FOLDS = 5
"""Parts of the training sequences that are left out in turn to learn how a method does on sequences not seen."""
CAPS = (0.10, 0.03, 0.01)
"""False-confirm rates that methods are compared at."""
MIN_GROUPS = 3
"""Training sequences below which nothing can be learnt about others: the M-of-N baseline (tuned) is used."""

MARGIN_FRAMES = 0.25
"""How much worse a learned method must be before it is given up; less is noise on a few sequences."""

Statistic = Float[np.ndarray, "n l"]
ResultT = TypeVar("ResultT")


class Method(Protocol):
    """Gives test tracks a number at every age, for one false-confirm rate that is aimed at."""

    def __call__(self, train: TrackTable, test: TrackTable, cap: float) -> Statistic:
        """Returns the numbers of the test tracks."""


def _kept(work: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Returns work that is done once for the same tracks and numbers."""
    results: dict[tuple[Any, ...], ResultT] = {}

    def kept(*given: Any) -> ResultT:
        key = tuple(_identity(one) if isinstance(one, TrackTable) else one for one in given)
        if key not in results:
            results[key] = work(*given)
        return results[key]

    return kept


def _identity(table: TrackTable) -> bytes:
    """Returns what tells the tracks of one table from those of another within one benchmark."""
    return np.stack([table.group, table.birth_frame]).tobytes() + table.known("xyxy_px")[:, 0].tobytes()


def hand_method() -> Method:
    """Returns the method that uses the (M of N, score) rule that costs least at the cap on the training tracks."""

    def tuned(train: TrackTable, cap: float) -> ScoredMOfN:
        unread = np.zeros(train.is_valid.shape)
        return tune_hand_rule(
            train.sequences(unread), train.is_persistent, max_false_confirm=cap, horizon=train.num_ages
        ).rule

    rule = _kept(tuned)
    return lambda train, test, cap: hand_statistic(rule(train, cap), test)


def tuned_method(candidates: Callable[[TrackTable], Sequence[SweptRule]]) -> Method:
    """Returns the method that uses the rule which costs least at the cap on the training tracks."""

    def tuned(train: TrackTable, cap: float) -> SweptRule:
        def cost(rule: SweptRule) -> float:
            return swept_point(running_best(rule.statistic(train), train.is_valid), train.is_persistent, cap).cost

        return min(candidates(train), key=cost)

    rule = _kept(tuned)
    return lambda train, test, cap: rule(train, cap).statistic(test)


def learned_method(fit: Callable[[TrackTable, TrackTable], Statistic]) -> Method:
    """Returns the method whose numbers do not depend on the cap: each pair of tables is fitted once and kept."""
    numbers = _kept(fit)
    return lambda train, test, cap: numbers(train, test)


def per_age_method(kind: str, names: tuple[str, ...]) -> Method:
    """Returns one classifier per age: `logistic regression` or `gradient boosting`."""
    make = {"logistic regression": logistic_regression, "gradient boosting": gradient_boosting}[kind]
    return learned_method(lambda train, test: per_age_statistic(make, train, test, names))


def forest_method(config: TrackTrainingConfig, seed: int = 0, *, uses_pixels: bool = False) -> Method:
    """Returns the evidence of detections, and of crops if asked for, without a fall-back."""

    def fit(train: TrackTable, test: TrackTable) -> Statistic:
        if min(train.is_persistent.sum(), (~train.is_persistent).sum()) < MIN_TRACKS:
            return np.full(test.is_valid.shape, -math.inf)  # nothing to learn from: nothing is confirmed
        return table_evidence(fit_track_evidence(train, config, seed=seed, uses_looks=uses_pixels), test)

    return learned_method(fit)


def score_method(kind: str) -> Method:
    """Returns a rule of tracking theory that scores hits and misses, `track score` or `existence`: its score is swept.

    Its hit rates are those of the training tracks.
    """

    def score(train: TrackTable, test: TrackTable, cap: float) -> Statistic:
        after_birth = train.is_valid[:, 1:]
        hit_rate = [
            (train.is_hit[rows, 1:].sum() + 1) / (after_birth[rows].sum() + 2)
            for rows in (train.is_persistent, ~train.is_persistent)
        ]
        rates = {"hit_probability": hit_rate[0], "false_alarm_probability": min(hit_rate[1], 0.9 * hit_rate[0])}
        own = TrackScore(**rates).score if kind == "track score" else IPDAExistence(**rates).existence
        return score_at_every_age(own, test.sequences(np.zeros(test.is_valid.shape)))

    return score


@dataclass(frozen=True, slots=True)
class WithFallBack:
    """A learned method, or the M-of-N baseline (tuned) where training sequences show that this is clearly better.

    Args:
        learned: the method.
        hand: what is fallen back to.
        caps: false-confirm rates over which the two are compared.
    """

    learned: Method
    hand: Method
    caps: tuple[float, ...] = CAPS

    def chosen(self, train: TrackTable) -> Method:
        """Returns the method that is used after training on these tracks."""
        is_enough = len(np.unique(train.unit)) >= MIN_GROUPS
        return self.learned if is_enough and self.is_better(train) else self.hand

    def __call__(self, train: TrackTable, test: TrackTable, cap: float) -> Statistic:
        """Returns the numbers of the test tracks, the baseline's brought to the scale of the learned ones."""
        if self.chosen(train) is self.learned:
            return self.learned(train, test, cap)
        if len(np.unique(train.unit)) < MIN_GROUPS:
            return self.hand(train, test, cap)
        tops = [_false_tops(out_of_fold(method, train, cap), train) for method in (self.hand, self.learned)]
        return mapped_by_rank(self.hand(train, test, cap), *tops)

    def is_better(self, train: TrackTable) -> bool:
        """Returns whether the learned method costs no more on training sequences that are left out in turn."""
        costs = np.zeros(2)
        for cap in self.caps:
            for place, method in enumerate((self.learned, self.hand)):
                best = running_best(out_of_fold(method, train, cap), train.is_valid)
                costs[place] += swept_point(best, train.is_persistent, cap).cost
        return bool(costs[0] <= costs[1] + MARGIN_FRAMES * len(self.caps))


def _false_tops(numbers: Statistic, table: TrackTable) -> Float[np.ndarray, " m"]:
    top = running_best(numbers, table.is_valid)[~table.is_persistent, -1]
    return np.sort(top[np.isfinite(top)])


def mapped_by_rank(numbers: Statistic, source: Float[np.ndarray, " s"], target: Float[np.ndarray, " t"]) -> Statistic:
    """Returns numbers on another scale: what as many FALSE tracks reach there; beyond the largest one straight on.

    >>> mapped_by_rank(np.array([[1.0, 3.0]]), np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0, 30.0])).tolist()
    [[20.0, 40.0]]
    """
    if len(source) < 2 or len(target) < 2:
        return numbers
    share = np.linspace(0.0, 1.0, 101)
    old, new = np.quantile(source, share), np.quantile(target, share)
    slope = (new[-1] - new[0]) / max(old[-1] - old[0], 1e-12)
    inside = np.interp(numbers, old, new)
    beyond = np.where(numbers > old[-1], (numbers - old[-1]) * slope, np.where(numbers < old[0], numbers - old[0], 0.0))
    return np.where(np.isfinite(numbers), inside + np.nan_to_num(beyond, neginf=0.0), numbers)


def out_of_fold(method: Method, train: TrackTable, cap: float, num_folds: int = NUM_INNER_FOLDS) -> Statistic:
    """Returns the numbers of training tracks from fits that have not seen their sequences."""
    numbers = np.full(train.is_valid.shape, -math.inf)
    for rows in folds_of(train.unit, num_folds):
        numbers[rows] = method(train.take(~rows), train.take(rows), cap)
    return numbers


def _learned_opponents() -> dict[str, Method]:
    """Returns one classifier per age of each kind, on the inputs of a tracker and on ours, by name."""
    return {
        "logistic regression": per_age_method("logistic regression", PLAIN_INPUTS),
        "gradient boosting": per_age_method("gradient boosting", PLAIN_INPUTS),
        "gradient boosting, our inputs": per_age_method("gradient boosting", (*OWN, *AROUND)),
    }


def network_method() -> Method:
    """Returns the evidence of a network that was fitted on none of the tracks."""
    return lambda train, test, cap: test.known("evidence")


def compared_methods(
    config: TrackTrainingConfig, *, has_pixels: bool, seed: int, has_network: bool = False
) -> dict[str, Method]:
    """Returns the methods that a run is compared with, and its own evidence without a fall-back, by name."""
    methods: dict[str, Method] = {
        "tuned hand rule": hand_method(),
        **_learned_opponents(),
        DETECTIONS: forest_method(config, seed),
    }
    if has_pixels:
        methods[PIXELS] = forest_method(config, seed, uses_pixels=True)
    if has_network:
        methods[NETWORK] = network_method()
    return methods


def all_methods(config: TrackTrainingConfig, *, has_pixels: bool = False, seed: int = 0) -> dict[str, Method]:
    """Returns the methods that are compared, by name."""
    forest, hand = forest_method(config, seed), hand_method()
    methods: dict[str, Method] = {
        "tuned hand rule": hand,
        **{name: tuned_method(candidates) for name, candidates in LIBRARY_RULES.items()},
        **_learned_opponents(),
        "perdure without fall-back": forest,
        DETECTIONS: WithFallBack(forest, hand),
    }
    if has_pixels:
        methods[PIXELS] = WithFallBack(forest_method(config, seed, uses_pixels=True), hand)
    return methods
