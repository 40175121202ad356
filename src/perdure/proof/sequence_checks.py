"""Checks of rules on whole tracks, of swept bounds and of goals, against loops over tracks one by one."""

from __future__ import annotations

import itertools
import math
import unittest
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from perdure.evaluation.targets import target_rows
from perdure.metrics.sweep import ErrorCurve, sweep_bounds
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import RuleOutcome, TrackSequences, run_rule

Ending = Literal["evidence", "timeout", "deleted", "censored"]


@dataclass(frozen=True, slots=True)
class PlainStop:
    """Where the two-bound test stops on one track."""

    age: int
    is_persistent: bool
    ending: Ending


def plain_stop(evidence: Sequence[float], bounds: tuple[float, float], horizon: int, on_timeout: str) -> PlainStop:
    """Returns where the two-bound test stops, frame by frame.

    Args:
        evidence: nats at age 1, 2, ...; NaN from the track's end on.
        bounds: lower and upper.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
    """
    for age, value in enumerate(evidence, start=1):
        if math.isnan(value):
            return PlainStop(age, False, "deleted")
        if value <= bounds[0]:
            return PlainStop(age, False, "evidence")
        if value >= bounds[1]:
            return PlainStop(age, True, "evidence")
        if age == horizon:
            return PlainStop(age, on_timeout == "persistent", "timeout")
    return PlainStop(len(evidence), False, "censored")


def drawn_evidence(
    num: int, num_ages: int, *, seed: int, drift: float = 0.5, noise: float = 1.2
) -> tuple[Float[np.ndarray, "n l"], Bool[np.ndarray, " n"]]:
    """Returns evidence of tracks of both classes, three in ten of which end on the way, and the truth.

    Args:
        num: tracks.
        num_ages: ages.
        seed: of the draw.
        drift: mean gain of evidence for the truth per age, nats.
        noise: its standard deviation, nats.

    Returns:
        Nats, NaN from a track's end on, and whether each track is persistent.
    """
    rng = np.random.default_rng(seed)
    truth = rng.random(num) < 0.5
    steps = np.where(truth, drift, -drift)[:, None] + rng.normal(0, noise, (num, num_ages))
    end = np.where(rng.random(num) < 0.3, rng.integers(2, num_ages + 1, num), num_ages + 1)
    return np.where(np.arange(1, num_ages + 1) >= end[:, None], np.nan, np.cumsum(steps, axis=1)), truth


def sequences_of(evidence: Float[np.ndarray, "n l"]) -> TrackSequences:
    """Returns tracks that are hit on every frame of their life."""
    is_valid = ~np.isnan(evidence)
    return TrackSequences(evidence=np.nan_to_num(evidence, nan=99.0), is_hit=is_valid, is_valid=is_valid)


class RunRuleChecks(unittest.TestCase):
    """A rule on whole tracks, against a loop over the ages of one track at a time."""

    def setUp(self) -> None:
        """Runs the sequential test on tracks that are longer than its horizon, and on some that are shorter."""
        self.evidence, self.truth = drawn_evidence(200, 6, seed=8)
        self.bounds = (-2.0, 2.5)
        self.outcome = self._run(horizon=6)
        self.stops = [plain_stop(row, self.bounds, 6, "persistent") for row in self.evidence.tolist()]

    def _run(self, horizon: int, on_timeout: Literal["persistent", "transient"] = "persistent") -> RuleOutcome:
        rule = TruncatedSPRT(upper=2.5, lower=-2.0, horizon=horizon, on_timeout=on_timeout)
        return run_rule(rule, sequences_of(self.evidence))

    def test_decision_frames(self) -> None:
        """Ages at decision count from birth as 1."""
        np.testing.assert_array_equal(self.outcome.age, [stop.age for stop in self.stops])

    def test_labels(self) -> None:
        """Labels are those of the bound that is reached first, or of the timeout."""
        np.testing.assert_array_equal(self.outcome.is_persistent, [stop.is_persistent for stop in self.stops])
        stops = [plain_stop(row, self.bounds, 6, "transient") for row in self.evidence.tolist()]
        np.testing.assert_array_equal(self._run(6, "transient").is_persistent, [stop.is_persistent for stop in stops])

    def test_forced(self) -> None:
        """Exactly the tracks that are still open at the horizon are forced."""
        np.testing.assert_array_equal(self.outcome.is_forced, [stop.ending == "timeout" for stop in self.stops])
        self.assertTrue(self.outcome.is_forced.any())

    def test_deleted(self) -> None:
        """A track that ends undecided is deleted: transient, at the age of its end."""
        deleted = [stop.ending == "deleted" for stop in self.stops]
        np.testing.assert_array_equal(self.outcome.is_deleted, deleted)
        self.assertFalse(self.outcome.is_persistent[np.array(deleted)].any())

    def test_censored(self) -> None:
        """A track that is open when its frames end before the horizon is censored, not decided."""
        stops = [plain_stop(row, self.bounds, 12, "persistent") for row in self.evidence.tolist()]
        np.testing.assert_array_equal(self._run(12).is_censored, [stop.ending == "censored" for stop in stops])
        self.assertFalse(self.outcome.is_censored.any())

    def test_error_rates(self) -> None:
        """Error rates leave censored tracks out and count deleted and forced ones."""
        outcome, wrong, num = self._run(12), {True: 0, False: 0}, {True: 0, False: 0}
        for row, truth in zip(self.evidence.tolist(), self.truth.tolist(), strict=True):
            stop = plain_stop(row, self.bounds, 12, "persistent")
            num[truth] += stop.ending != "censored"
            wrong[truth] += stop.ending != "censored" and stop.is_persistent != truth
        false_confirm, miss = outcome.error_rates(self.truth)
        self.assertAlmostEqual(false_confirm, wrong[False] / num[False], places=12)
        self.assertAlmostEqual(miss, wrong[True] / num[True], places=12)

    def test_cues_of_hits(self) -> None:
        """A rule sees the sum of the cues of hits up to its age, none of misses, and the latest hit in bit 0."""
        is_hit = np.array([[True, False, True, True]])
        tracks = TrackSequences(
            evidence=np.zeros((1, 4)), is_hit=is_hit, is_valid=np.ones((1, 4), dtype=bool),
            cue=np.array([[1.0, 10.0, 100.0, 1000.0]]),
        )  # fmt: skip
        seen = tracks.observation(np.array([0]), 3, np.array([0b101], dtype=np.uint64))
        self.assertEqual((seen.cue_total.tolist(), seen.age.tolist()), ([101.0], [3]))


class SweepChecks(unittest.TestCase):
    """The curve of swept bounds, against all pairs of bounds tried one by one."""

    def test_curve(self) -> None:
        """Every corner of the curve is reached by a pair of bounds, and no pair lies below the curve."""
        evidence, truth = drawn_evidence(14, 3, seed=9)
        side = [0.2 + 9.8 * (step / 24) ** 1.5 for step in range(1, 25)]
        levels = sorted([-value for value in side] + side)
        points = []
        for low, high in itertools.combinations(levels, 2):
            stops = [plain_stop(row, (low, high), 3, "persistent") for row in evidence.tolist()]
            points.append(_rates(stops, truth.tolist()))
        curve = sweep_bounds(evidence, truth, horizon=3, is_timeout_persistent=True)
        corners = [(row["total_error"], row["mean_decision_frame"]) for row in curve.to_rows()]
        self.assertGreaterEqual(len(corners), 3)
        for corner in corners:
            gaps = [max(abs(corner[0] - point[0]), abs(corner[1] - point[1])) for point in points]
            self.assertLess(min(gaps), 1e-9, msg=str(corner))
        for error, frame in points:
            self.assertGreaterEqual(frame, curve.frame_at(error) - 1e-9)

    def test_between_corners(self) -> None:
        """Between two corners the curve is the line of mixed rules; below the least error there is nothing."""
        curve = ErrorCurve(total_error=np.array([0.1, 0.3]), mean_decision_frame=np.array([5.0, 3.0]))
        self.assertAlmostEqual(curve.frame_at(0.15), 4.5, places=12)
        self.assertTrue(math.isnan(curve.frame_at(0.05)))


def _rates(stops: list[PlainStop], truth: list[bool]) -> tuple[float, float]:
    """Returns total error and mean decision frame, both classes weighed alike."""
    error, frame = 0.0, 0.0
    for label in (False, True):
        own = [stop for stop, persistent in zip(stops, truth, strict=True) if persistent == label]
        error += sum(stop.is_persistent != label for stop in own) / len(own) / 2
        frame += sum(stop.age for stop in own) / len(own) / 2
    return error, frame


def goal_metrics(**changes: Any) -> dict[str, Any]:
    """Returns metrics that lie on their goals exactly."""
    values: dict[str, Any] = {
        "accuracy": 0.80, "early_stop_rate": 0.60, "compute_savings_wall_clock": 0.50, "attention_efficiency": 2.0,
        "compute_savings_flops": 0.50, "attention_structure_control": 2.0, "tokenizer_psnr_db": 21.5,
        "tokenizer_codes_used": 35, "optimal_decision_frame_detections": 4.0, "mean_decision_frame": 3.0,
        "false_confirm_rate": 0.03, "false_confirm_rate_ci95": [0.02, 0.04],
        "miss_rate": 0.03, "miss_rate_ci95": [0.02, 0.04],
        "thresholds": {"alpha_false_confirm": 0.02, "alpha_miss": 0.02},
    }  # fmt: skip
    return values | changes


class TargetChecks(unittest.TestCase):
    """Goals at their bounds and on either side of them."""

    def met(self, **changes: Any) -> dict[str, bool]:
        """Returns which goals are met by metrics that lie on their bounds, but for some changes."""
        return {row["name"]: row["met"] for row in target_rows(goal_metrics(**changes), num_codes=100)}

    def test_classic_goals(self) -> None:
        """The four classic goals are bounds that must be passed, not only reached."""
        classic = {
            "accuracy": 0.80,
            "early_stop_rate": 0.60,
            "compute_savings_wall_clock": 0.50,
            "attention_efficiency": 2.0,
        }
        for name, bound in classic.items():
            self.assertFalse(self.met()[name], msg=name)
            self.assertTrue(self.met(**{name: bound + 1e-6})[name], msg=name)
            self.assertFalse(self.met(**{name: bound - 1e-6})[name], msg=name)

    def test_error_rates(self) -> None:
        """An error rate misses its goal only if its whole interval lies above the bound."""
        for name in ("false_confirm_rate", "miss_rate"):
            self.assertTrue(self.met()[name], msg=name)
            self.assertFalse(self.met(**{f"{name}_ci95": [0.021, 0.04]})[name], msg=name)

    def test_gain(self) -> None:
        """Deciding earlier than the optimum of detections counts as a gain, later as a loss."""
        self.assertTrue(self.met()["frames_before_optimum_of_detections"])
        self.assertFalse(self.met(mean_decision_frame=4.5)["frames_before_optimum_of_detections"])
