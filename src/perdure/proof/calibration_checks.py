"""Checks of calibration and of the exact frontiers: errors counted one by one, binomial tails, sums over patterns."""

from __future__ import annotations

import math
import unittest
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float

from perdure.calibration.exact import calibrate, num_errors_allowed, num_tracks_needed
from perdure.calibration.halt_conditional import calibrate_halt_conditional
from perdure.calibration.learn_then_test import learn_then_test
from perdure.calibration.plug_in import plug_in
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.optima.oracle import TrackLaw, optimal_frame, optimal_frame_at
from perdure.proof.decision_checks import plain_tail
from perdure.proof.sequence_checks import drawn_evidence, plain_stop

OnTimeout = Literal["persistent", "transient"]
HORIZON = 5


@cache
def drawn_scores(num: int, *, seed: int, drift: float, noise: float) -> CalibrationScores:
    """Returns evidence of calibration tracks; some transient ones end on the way, and three persistent ones."""
    evidence, truth = drawn_evidence(num, HORIZON, seed=seed, drift=drift, noise=noise)
    ends = np.isnan(evidence).any(axis=1)
    is_kept = truth & (~ends | (np.cumsum(truth & ends) <= 3))
    return CalibrationScores(persistent=evidence[is_kept], transient=evidence[~truth])


@cache
def most_errors(num: int) -> int:
    """Returns the most errors m with P(at most m errors of num | rate 0.1) <= 0.025, -1 if there is none."""
    return next(m for m in range(-1, num) if plain_tail(m + 1, num, 0.1) > 0.025)


def num_wrong(
    scores: Float[np.ndarray, "n h"], bounds: tuple[float, float], on_timeout: str, *, is_persistent: bool
) -> int:
    """Returns how many tracks of one class the two-bound test calls wrongly, one by one."""
    stops = [plain_stop(row, bounds, HORIZON, on_timeout) for row in scores.tolist()]
    return sum(stop.is_persistent != is_persistent for stop in stops)


class CalibrationChecks(unittest.TestCase):
    """Calibrated bounds: as tight as the exact binomial test allows, and no tighter."""

    def setUp(self) -> None:
        """Draws calibration tracks and counts how many errors each class may make."""
        self.scores = drawn_scores(400, seed=10, drift=1.7, noise=2.0)
        self.false, self.missed = most_errors(len(self.scores.transient)), most_errors(len(self.scores.persistent))

    def _bounds(self, on_timeout: OnTimeout) -> tuple[float, float]:
        rule = calibrate(
            self.scores, max_false_confirm=0.1, max_miss=0.1, delta=0.05, horizon=HORIZON, on_timeout=on_timeout
        )
        return rule.lower, rule.upper

    def test_errors_allowed(self) -> None:
        """The number of errors allowed is the largest whose binomial tail is within delta."""
        for num in (20, 36, 100, 250):
            self.assertEqual(num_errors_allowed(num, 0.1, 0.025), most_errors(num), msg=str(num))

    def test_tracks_needed(self) -> None:
        """Tracks needed are the fewest with (1 - rate)^n <= delta."""
        for rate, delta in ((0.02, 0.025), (0.1, 0.05)):
            fewest = next(num for num in range(1, 1000) if (1 - rate) ** num <= delta)
            self.assertEqual(num_tracks_needed(rate, delta), fewest)
            self.assertEqual(num_errors_allowed(fewest, rate, delta), 0)
            self.assertEqual(num_errors_allowed(fewest - 1, rate, delta), -1)

    def test_half_of_delta(self) -> None:
        """Each of the two bounds gets half of delta: 183 tracks of a class are enough, 182 are not."""
        good = np.repeat([[1.0, 5.0, 9.0, 9.0, 9.0]], 183, axis=0)
        calibrate(CalibrationScores(persistent=good, transient=-good), horizon=HORIZON)
        for persistent, transient in ((good[1:], -good), (good, -good[1:])):
            with self.assertRaisesRegex(ValueError, "need at least 183"):
                calibrate(CalibrationScores(persistent=persistent, transient=transient), horizon=HORIZON)

    def test_lower_bound(self) -> None:
        """The lower bound lets as many persistent tracks be missed as are allowed; the next number lets in one more."""
        lower = self._bounds("persistent")[0]
        errors = [
            num_wrong(self.scores.persistent, (bound, math.inf), "persistent", is_persistent=True)
            for bound in (lower, np.nextafter(lower, np.inf))
        ]
        self.assertEqual(errors, [self.missed, self.missed + 1])

    def test_upper_bound(self) -> None:
        """The upper bound lets as many transient tracks be confirmed as are allowed; a lower one lets in one more."""
        lower, upper = self._bounds("persistent")
        errors = [
            num_wrong(self.scores.transient, (lower, bound), "persistent", is_persistent=False)
            for bound in (upper, np.nextafter(upper, -np.inf))
        ]
        self.assertEqual(errors, [self.false, self.false + 1])

    def test_bounds_with_transient_timeouts(self) -> None:
        """Where a timeout says transient, bounds are as tight as allowed too, and a timeout counts as a miss."""
        lower, upper = self._bounds("transient")
        false, missed = self.scores.transient, self.scores.persistent
        errors = [
            num_wrong(false, (-math.inf, upper), "transient", is_persistent=False),
            num_wrong(false, (-math.inf, np.nextafter(upper, -np.inf)), "transient", is_persistent=False),
            num_wrong(missed, (lower, upper), "transient", is_persistent=True),
            num_wrong(missed, (np.nextafter(lower, np.inf), upper), "transient", is_persistent=True),
        ]
        self.assertEqual(errors, [self.false, self.false + 1, self.missed, self.missed + 1])

    def test_one_track_per_clip(self) -> None:
        """At most one track of each class enters from a clip, and each of them may be the one."""
        clip, truth = np.array([0, 0, 0, 1, 1]), np.array([True, True, False, False, False])
        evidence, picked = np.arange(5.0)[:, None], set()
        for seed in range(40):
            scores = sample_one_per_clip(clip, truth, evidence, np.random.default_rng(seed))
            self.assertEqual((len(scores.persistent), len(scores.transient)), (1, 2))
            picked |= {*scores.persistent[:, 0].tolist(), *scores.transient[:, 0].tolist()}
        self.assertEqual(picked, {0.0, 1.0, 2.0, 3.0, 4.0})

    def test_storage_is_careful(self) -> None:
        """Stored scores are rounded against their own class, by less than 1e-4, and end where they ended."""
        stored = CalibrationScores.from_dict(self.scores.to_dict())
        drop, rise = self.scores.persistent - stored.persistent, stored.transient - self.scores.transient
        for change in (drop, rise):
            self.assertTrue(bool((change[~np.isnan(change)] >= 0).all()))
            self.assertLess(float(np.nanmax(change)), 1.001e-4)
        np.testing.assert_array_equal(np.isnan(stored.transient), np.isnan(self.scores.transient))

    def test_plug_in(self) -> None:
        """The plug-in bound is the smallest at which both rates of these tracks are kept."""
        scores = drawn_scores(60, seed=11, drift=1.0, noise=1.5)
        values = np.abs(np.concatenate([scores.persistent, scores.transient]))
        rates = [(scores.transient, False), (scores.persistent, True)]
        kept = [
            bound
            for bound in values[values > 0].tolist()
            if all(
                num_wrong(rows, (-bound, bound), "persistent", is_persistent=label) <= 0.3 * len(rows)
                for rows, label in rates
            )
        ]
        rule = plug_in(scores, max_false_confirm=0.3, max_miss=0.3, horizon=HORIZON, num_bounds=10_000)
        self.assertEqual((rule.lower, rule.upper), (-min(kept), min(kept)))

    def test_learn_then_test(self) -> None:
        """Bounds are loosened step by step as long as binomial tails prove both rates."""
        scores = drawn_scores(140, seed=13, drift=6.0, noise=6.0)
        proven, bound = math.inf, 12.0
        while bound > 0.04 and all(
            plain_tail(num_wrong(rows, (-bound, bound), "transient", is_persistent=label), len(rows), 0.15) <= 0.05
            for rows, label in ((scores.transient, False), (scores.persistent, True))
        ):
            proven, bound = bound, round(bound - 0.05, 2)
        rule = learn_then_test(scores, max_false_confirm=0.15, max_miss=0.15, horizon=HORIZON, on_timeout="transient")
        self.assertTrue(math.isfinite(proven))
        self.assertEqual((rule.lower, rule.upper), (-proven, proven))

    def test_halt_conditional(self) -> None:
        """Errors among early decisions stay within their bound where evidence is good; noise decides nothing early."""
        scores = drawn_scores(500, seed=13, drift=1.0, noise=2.0)
        rule = calibrate_halt_conditional(scores, max_error=0.2, horizon=HORIZON, rng=np.random.default_rng(1))
        self.assertTrue(any(map(math.isfinite, rule.bounds)))
        rows = [(row, label) for label in (True, False) for row in getattr(scores, _NAMES[label]).tolist()]
        for limit in range(1, HORIZON + 1):
            early = [(first, label) for row, label in rows if (first := _first(row, rule.bounds)) and first[0] <= limit]
            wrong = sum(stop[1] != label for stop, label in early)
            self.assertLessEqual(wrong, 0.2 * len(early), msg=f"age {limit}")
        noise = np.random.default_rng(2).normal(0, 2, (200, HORIZON))
        unknown = CalibrationScores(persistent=noise[:100], transient=noise[100:])
        rule = calibrate_halt_conditional(unknown, max_error=0.2, horizon=HORIZON, rng=np.random.default_rng(1))
        self.assertEqual(rule.bounds, (math.inf,) * HORIZON)


_NAMES = {True: "persistent", False: "transient"}


def _first(row: list[float], bounds: tuple[float, ...]) -> tuple[int, bool] | None:
    """Returns age and label of the first early decision under bounds by age, None if there is none."""
    for age, (value, bound) in enumerate(zip(row, bounds, strict=True), start=1):
        if abs(value) >= bound:
            return age, value >= 0
    return None


def plain_optimum(law: TrackLaw, price: float) -> tuple[float, float]:
    """Returns mean decision frame and total error of the best rule at a price of an error, from a sum over patterns.

    Without cues a track is its pattern of hits. Costs are weighed by P(pattern | class), both classes alike.
    """
    lifetimes, dead = law.lifetime_pmf, law.false_alarm_probability
    alive = law.detection_probability + dead - law.detection_probability * dead

    @cache
    def likelihood(pattern: tuple[bool, ...]) -> tuple[float, float]:
        """Returns P(pattern | persistent) and P(pattern | transient); the hit at birth is given."""
        persistent = math.prod(alive if hit else 1 - alive for hit in pattern)
        transient = 0.0
        for life, share in enumerate(lifetimes, start=1):
            rates = [alive if age <= life else dead for age in range(2, len(pattern) + 2)]
            transient += share * math.prod(rate if hit else 1 - rate for rate, hit in zip(rates, pattern, strict=True))
        return persistent, transient

    def best(pattern: tuple[bool, ...]) -> tuple[float, float, float]:
        """Returns cost, frames and errors from a pattern on, weighed by its probability."""
        persistent, transient = likelihood(pattern)
        frames, error = (len(pattern) + 1) * (persistent + transient) / 2, min(persistent, transient) / 2
        stop = (frames + price * error, frames, error)
        if len(pattern) + 1 == law.horizon:
            return stop
        hit, miss = best((*pattern, True)), best((*pattern, False))
        return min(stop, (hit[0] + miss[0], hit[1] + miss[1], hit[2] + miss[2]))

    _, frames, error = best(())
    return frames, error


class FrontierChecks(unittest.TestCase):
    """The least mean decision frame there is, in closed form and against sums over all patterns of hits."""

    def test_seeing(self) -> None:
        """Who sees every frame waits for age 4 or the end (mean 3.5), and saves 5 frames per unit of error."""
        law = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, horizon=5).seeing()
        self.assertAlmostEqual(optimal_frame(law, total_error=0.01), 3.45, delta=2e-3)

    def test_both_rates(self) -> None:
        """With a false-confirm rate of 0.02 alone allowed, 2 % of all tracks are confirmed at birth: 3.45."""
        law = TrackLaw(detection_probability=1.0, false_alarm_probability=0.0, horizon=4)
        self.assertAlmostEqual(optimal_frame_at(law, false_confirm_rate=0.02, miss_rate=0.0), 3.45, delta=2e-3)

    def test_detections(self) -> None:
        """The frontier of detections equals a sum over all patterns of hits, where an error is worth 40 frames."""
        law = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, horizon=5)
        frames, error = plain_optimum(law, price=40.0)
        self.assertAlmostEqual(optimal_frame(law, total_error=error), frames, delta=0.01)
