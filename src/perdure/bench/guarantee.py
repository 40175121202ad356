"""Whether calibration keeps its promise: many calibrations on tracks of a known law, each judged on all of them.

Evidence is made wrong on purpose (twice as sure as it should be), since the promise must not depend on the model.
Calibration tracks are drawn with replacement from the pool that the true rates are those of, so no rate is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

from perdure.bench.law_tracks import draw_tracks
from perdure.calibration.exact import calibrate, extreme_before
from perdure.calibration.halt_conditional import calibrate_halt_conditional
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.symmetric import learn_then_test, plug_in
from perdure.optima.dynamic_program import TrackLaw
from perdure.stopping.rules import StoppingRule, TruncatedSPRT
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable
from perdure.world.config import WorldConfig

Calibrate = Callable[[CalibrationScores, np.random.Generator], StoppingRule]
OVERCONFIDENCE = 2.0
"""Factor on the exact evidence."""
CLASS_IN_CLIP = WorldConfig().share_of_clips(is_persistent=True)
"""Probability that a clip of 1 to 6 objects has one of a given class, both classes equally likely."""
LEAST_DECIDED = 100
"""Ages by which fewer tracks are decided say nothing about their error."""
TIE_BREAK = 1e-6
"""Nats of noise that only break ties."""
LAWS: dict[str, TrackLaw] = {
    "pd 0.9, d 0": TrackLaw(detection_probability=0.9, false_alarm_probability=0.05),
    "pd 0.9, d 1": TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, cue_strength=1.0),
    "pd 0.7, d 1": TrackLaw(detection_probability=0.7, false_alarm_probability=0.05, cue_strength=1.0),
}
"""Worlds that the promise is tried on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised and how hard it is tried.

    Args:
        alpha: largest false-confirm rate and largest miss rate.
        delta: largest share of calibrations that may exceed one of them.
        num_draws: calibrations per row.
        pool_size: tracks that calibrations are drawn from and judged on.
        seed: of pool and draws.
    """

    alpha: float = 0.02
    delta: float = 0.05
    num_draws: int = 1000
    pool_size: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("alpha", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0 and below 1")
        if self.num_draws < 1 or self.pool_size < 1000:
            raise ValueError(
                f"num_draws and pool_size: got {self.num_draws} and {self.pool_size}, expected at least 1 and 1000"
            )

    @property
    def most_violations(self) -> int:
        """99 % quantile of the number of violations if each had probability delta."""
        return int(binom.ppf(0.99, self.num_draws, self.delta))

    def methods(self) -> dict[str, Calibrate]:
        """Returns the ways to choose bounds, by name."""
        rates: dict[str, Any] = {"max_false_confirm": self.alpha, "max_miss": self.alpha}
        return {
            "exact binomial, one bound a class": lambda scores, _: calibrate(
                scores, Rates(delta=self.delta, **rates), horizon=scores.num_ages
            ),
            "learn then test, one bound": lambda scores, _: learn_then_test(
                scores, delta=self.delta, horizon=scores.num_ages, **rates
            ),
            "plug-in (no guarantee)": lambda scores, _: plug_in(scores, horizon=scores.num_ages, **rates),
        }


def _scores(pool: TrackTable, num_clips: int, rng: np.random.Generator) -> CalibrationScores:
    """Returns one random track of each class from every clip that has one."""
    evidence, drawn = pool.known("evidence"), []
    for rows in (np.flatnonzero(pool.is_persistent), np.flatnonzero(~pool.is_persistent)):
        drawn.append(evidence[rng.choice(rows, rng.binomial(num_clips, CLASS_IN_CLIP))])
    return CalibrationScores(persistent=drawn[0], transient=drawn[1])


def _pool(law: TrackLaw, promise: Promise) -> TrackTable:
    """Returns tracks with overconfident evidence, to draw calibrations from and to judge on."""
    tracks = draw_tracks(law, promise.pool_size, np.random.default_rng(promise.seed))
    return tracks.with_columns(evidence=OVERCONFIDENCE * tracks.known("evidence"))


def guarantee_rows(promise: Promise, sizes: tuple[int, ...] = (500, 1000, 4000)) -> Iterator[dict[str, Any]]:
    """Yields one row for each world, method and number of calibration clips, one track of each class a clip."""
    for name, law in LAWS.items():
        pool = _pool(law, promise)
        best = best_frame(pool, alpha=promise.alpha)
        for num in sizes:
            for method, choose in promise.methods().items():
                rows = _draws(pool, pool, choose, num, promise)
                yield _row(name, method, num, promise, rows, best)
    yield from _tie_rows(promise, sizes)
    yield _prior_row(promise)
    yield halt_conditional_row(promise)


def num_rows(sizes: tuple[int, ...]) -> int:
    """Returns how many rows `guarantee_rows` yields."""
    return len(LAWS) * len(sizes) * len(Promise().methods()) + len(sizes) + 2


def _tie_rows(promise: Promise, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Yields the rows of hits and misses alone with ties broken at random.

    Their evidence lies on a lattice, so that most error rates cannot be reached and bounds must be set safer than
    asked; a randomised test (Lehmann and Romano 2005, section 3.1) reaches every rate. The price is counted from the
    best bounds without noise.
    """
    name = "pd 0.9, d 0"
    pool = _pool(LAWS[name], promise)
    best = best_frame(pool, alpha=promise.alpha)
    noise = TIE_BREAK * np.random.default_rng(promise.seed).standard_normal((len(pool), 1))
    loose = pool.with_columns(evidence=pool.known("evidence") + noise)
    method, choose = next(iter(promise.methods().items()))
    for num in sizes:
        yield _row(
            f"{name}, ties broken at random", method, num, promise, _draws(loose, loose, choose, num, promise), best
        )


def _prior_row(promise: Promise) -> dict[str, Any]:
    """Returns the row of calibration on an even mixture, used where one track in five is persistent."""
    name, num = "pd 0.9, d 1", 1000
    law = LAWS[name]
    pool, other = _pool(law, promise), _pool(replace(law, persistent_share=0.2), promise)
    best = best_frame(other, alpha=promise.alpha)
    method, choose = next(iter(promise.methods().items()))
    rows = _draws(pool, other, choose, num, promise)
    return _row(f"{name}, used at 20 % persistent", method, num, promise, rows, best)


def _draws(
    pool: TrackTable, judged_on: TrackTable, choose: Calibrate, num: int, promise: Promise
) -> Float[np.ndarray, "draw 2"]:
    """Returns worst rate and balanced mean frame of the bounds of each calibration, NaN where it refuses to."""
    rng = np.random.default_rng([promise.seed, num])
    results, judged, truth = np.full((promise.num_draws, 2), np.nan), judged_on.sequences(), judged_on.is_persistent
    for draw in range(promise.num_draws):
        try:
            rule = choose(_scores(pool, num, rng), rng)
        except ValueError:  # too few tracks for the promise: no bounds, so nothing is decided wrongly
            continue
        outcome = run_rule(rule, judged)
        results[draw] = max(outcome.error_rates(truth)), outcome.balanced_age(truth)
    return results


def _row(
    data: str, method: str, num: int, promise: Promise, draws: Float[np.ndarray, "draw 2"], best: float
) -> dict[str, Any]:
    is_used = ~np.isnan(draws[:, 1])
    frame = float(draws[is_used, 1].mean()) if is_used.any() else None
    return promise_row(
        data,
        method,
        promise,
        num_calibration=num,
        refused=int(np.isnan(draws[:, 0]).sum()),
        violations=int((draws[:, 0] > promise.alpha).sum()),
        violations_allowed=promise.most_violations,
        mean_decision_frame=frame,
        price_frames=None if frame is None else frame - best,
    )


def promise_row(data: str, method: str, promise: Promise, **figures: Any) -> dict[str, Any]:
    """Returns a row of a promise that was tried many times, with the given figures in place of the usual ones."""
    return {
        "data": data,
        "method": method,
        "alpha": promise.alpha,
        "delta": promise.delta,
        "num_calibration": None,
        "draws": promise.num_draws,
        "refused": 0,
        "violations": 0,
        "violations_allowed": None,
        "mean_decision_frame": None,
        "price_frames": None,
    } | figures


def best_frame(tracks: TrackTable, *, alpha: float) -> float:
    """Returns the least mean frame of any two bounds that keep both rates on these very tracks.

    It is what calibration would choose if it knew the truth about all tracks; the price of the promise is counted
    from here. For each lower bound the smallest upper bound that keeps the false-confirm rate is known exactly.
    """
    truth, evidence, sequences = tracks.is_persistent, tracks.known("evidence"), tracks.sequences()
    transient = evidence[~truth]
    num_allowed = int(alpha * len(transient))
    best = math.inf
    for lower in np.quantile(evidence[truth].min(axis=1), np.linspace(0.0, 4 * alpha, 80)):
        top = np.sort(extreme_before(transient, transient <= lower, at_horizon=math.inf))[::-1]
        upper = float(np.nextafter(top[num_allowed], np.inf))
        if not lower < upper < math.inf:
            continue
        outcome = run_rule(TruncatedSPRT(upper=upper, lower=float(lower), horizon=tracks.num_ages), sequences)
        if max(outcome.error_rates(truth)) <= alpha:
            best = min(best, outcome.balanced_age(truth))
    return best


def halt_conditional_row(promise: Promise, *, alpha: float = 0.05, num: int = 4000) -> dict[str, Any]:
    """Returns in how many splits any age with enough decided tracks has an error above `alpha` among them.

    The error is that of all decisions at this age or before, over the pool that the calibration was drawn from.
    """
    pool = _pool(LAWS["pd 0.9, d 1"], promise)
    rng = np.random.default_rng([promise.seed, num])
    num_splits = -(-promise.num_draws // 5)
    broken, frames = 0, []
    for _ in range(num_splits):
        scores = _scores(pool, num, rng)
        rule = calibrate_halt_conditional(
            scores, max_error=alpha, delta=promise.delta, horizon=scores.num_ages, rng=rng
        )
        outcome, truth = run_rule(rule, pool.sequences()), pool.is_persistent
        early = ~outcome.is_forced
        errors = [
            float((outcome.is_persistent != truth)[early & (outcome.age <= age)].mean())
            for age in range(1, rule.horizon)
            if (early & (outcome.age <= age)).sum() >= LEAST_DECIDED
        ]
        broken += max(errors, default=0.0) > alpha
        frames.append(outcome.balanced_age(truth))
    return promise_row(
        "pd 0.9, d 1",
        "halt-time conditional",
        promise,
        alpha=alpha,
        num_calibration=num,
        draws=num_splits,
        violations=broken,
        violations_allowed=int(binom.ppf(0.99, num_splits, promise.delta)),
        mean_decision_frame=float(np.mean(frames)),
    )
