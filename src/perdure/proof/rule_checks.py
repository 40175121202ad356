"""Checks of the stopping rules: bounds that count, and hits against the loops of the libraries they come from."""

from __future__ import annotations

import itertools
import math
import unittest
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from perdure.calibration.scores import CalibrationScores
from perdure.optima.backward_induction import BackwardInductionRule, DecisionCosts, fit_backward_induction
from perdure.stopping.age_bounds import AgeBounds
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, MOfN, ScoredMOfN, SortLogic
from perdure.stopping.rules import FixedHorizon, FixedThreshold, Observation, StoppingRule, TruncatedSPRT
from perdure.stopping.scoring import IPDAExistence, TrackScore
from perdure.stopping.sequences import TrackSequences, run_rule

Said = tuple[bool, bool, bool]
"""Decided, persistent, forced."""
Stop = tuple[int, bool]
"""Age at the decision, and whether it says persistent."""

NUM_AGES = 9
"""Ages of the hit patterns that counting rules are tried on, all of them."""


def seen(evidence: Sequence[float], age: Sequence[int]) -> Observation:
    """Returns an observation of evidence alone, one row a track."""
    zeros = np.zeros(len(age))
    return Observation(
        evidence=np.array(evidence, dtype=np.float64),
        age=np.array(age),
        hit_history=np.ones(len(age), dtype=np.uint64),
        cue_total=zeros,
        score=zeros,
        max_score=zeros,
        mean_score=zeros,
    )


def said(rule: StoppingRule, evidence: Sequence[float], age: Sequence[int]) -> list[Said]:
    """Returns what a rule says of each row."""
    verdict = rule.decide(seen(evidence, age))
    rows = zip(verdict.is_decided, verdict.is_persistent, verdict.is_forced, strict=True)
    return [(bool(decided), bool(persistent), bool(forced)) for decided, persistent, forced in rows]


WAIT, CONFIRM, REJECT = (False, False, False), (True, True, False), (True, False, False)
FORCED_CONFIRM, FORCED_REJECT = (True, True, True), (True, False, True)


class EvidenceRuleChecks(unittest.TestCase):
    """Rules that read evidence, at their bounds and on either side of them."""

    def test_bounds_count(self) -> None:
        """The sequential test decides at its bounds themselves, not beyond them."""
        rule = TruncatedSPRT(upper=3.0, lower=-2.0, horizon=16)
        evidence = [3.0, 3.0 - 1e-9, -2.0, -2.0 + 1e-9, 0.0, 50.0]
        self.assertEqual(said(rule, evidence, [2] * 6), [CONFIRM, WAIT, REJECT, WAIT, WAIT, CONFIRM])

    def test_horizon(self) -> None:
        """At the horizon, not before, an open track gets the label of a timeout, and counts as forced."""
        rule = TruncatedSPRT(upper=3.0, lower=-2.0, horizon=8, on_timeout="persistent")
        self.assertEqual(said(rule, [0.0] * 3, [7, 8, 9]), [WAIT, FORCED_CONFIRM, FORCED_CONFIRM])
        other = replace(rule, on_timeout="transient")
        self.assertEqual(said(other, [0.0, 0.0, 3.0, -2.0], [7, 8, 8, 8]), [WAIT, FORCED_REJECT, CONFIRM, REJECT])

    def test_wald_bounds(self) -> None:
        """Wald's bounds are the odds of being right over being wrong, per class."""
        rule = TruncatedSPRT.from_error_rates(false_confirm=0.01, miss=0.05)
        self.assertAlmostEqual(math.exp(rule.upper), 0.95 / 0.01, places=9)
        self.assertAlmostEqual(math.exp(rule.lower), 0.05 / 0.99, places=9)

    def test_fixed_threshold(self) -> None:
        """The classic rule confirms at probability 0.9 and rejects at 0.1, both included."""
        evidence = [math.log(9), math.log(9) - 1e-6, -math.log(9), -math.log(9) + 1e-6]
        self.assertEqual(said(FixedThreshold(), evidence, [1] * 4), [CONFIRM, WAIT, REJECT, WAIT])

    def test_fixed_threshold_early_stop(self) -> None:
        """From the early-stop frame on it takes the likelier side, as a forced decision; a tie is persistent."""
        expected = [WAIT, FORCED_CONFIRM, FORCED_REJECT, FORCED_CONFIRM, CONFIRM]
        self.assertEqual(said(FixedThreshold(), [1.0, 1.0, -1.0, 0.0, 3.0], [3, 4, 4, 5, 4]), expected)

    def test_fixed_threshold_prior(self) -> None:
        """Its prior shifts the log odds: at prior 0.9 no evidence is enough to confirm."""
        self.assertEqual(said(FixedThreshold(prior=0.9), [0.0, -1e-6], [1, 1]), [CONFIRM, WAIT])

    def test_fixed_horizon(self) -> None:
        """The fixed horizon looks at every track up to its frame, then takes the side of its threshold."""
        rule = FixedHorizon(decision_frame=5, threshold=0.5)
        self.assertEqual(said(rule, [9.0, -9.0, 0.5, 0.49], [4, 4, 5, 5]), [WAIT, WAIT, CONFIRM, REJECT])

    def test_age_bounds(self) -> None:
        """Bounds by age decide at the bound of that age, on the side that the evidence is on."""
        rule = AgeBounds(bounds=(math.inf, 2.0, 1.0), horizon=3)
        expected = [WAIT, CONFIRM, WAIT, REJECT, CONFIRM, REJECT]
        self.assertEqual(said(rule, [9.0, 2.0, 1.9, -2.0, 1.0, -1.0], [1, 2, 2, 2, 3, 3]), expected)

    def test_intervals_by_age(self) -> None:
        """Intervals by age confirm and reject at the bounds of that age, both included."""
        rule = BackwardInductionRule(lower=(-math.inf, -2.0, 0.5), upper=(math.inf, 3.0, 1.0), horizon=3)
        expected = [WAIT, CONFIRM, WAIT, REJECT, CONFIRM, REJECT, FORCED_CONFIRM]
        self.assertEqual(said(rule, [9.0, 3.0, 2.9, -2.0, 1.0, 0.5, 0.7], [1, 2, 2, 2, 3, 3, 3]), expected)

    def test_fitted_intervals(self) -> None:
        """Waiting is chosen where it is worth its frame: evidence 0 at age 1 that turns to +-9 at age 2, error 10."""
        rows = np.tile([[0.0, 9.0]], (30, 1))
        scores = CalibrationScores(persistent=rows, transient=rows * [1.0, -1.0])
        for delay, waits in ((1.0, True), (6.0, False)):
            costs = DecisionCosts(false_confirm=10.0, miss=10.0, delay_persistent=delay, delay_transient=delay)
            rule = fit_backward_induction(scores, costs, horizon=2)
            self.assertEqual(said(rule, [0.0], [1]) == [WAIT], waits)


def all_patterns() -> list[tuple[bool, ...]]:
    """Returns all patterns of hits that begin with the hit at birth."""
    return [(True, *rest) for rest in itertools.product([False, True], repeat=NUM_AGES - 1)]


def stops_of(rule: StoppingRule, score: np.ndarray | None = None) -> list[Stop]:
    """Returns where a rule stops on every pattern, in their order."""
    is_hit = np.array(all_patterns())
    zeros = np.zeros(is_hit.shape)
    is_valid = np.ones_like(is_hit)
    outcome = run_rule(rule, TrackSequences(evidence=zeros, is_hit=is_hit, is_valid=is_valid, score=score))
    return [(int(age), bool(label)) for age, label in zip(outcome.age, outcome.is_persistent, strict=True)]


def first_stop(steps: Callable[[int], bool | None]) -> Stop:
    """Returns age and label of the first age at which something is said; transient at the last age otherwise."""
    for age in range(1, NUM_AGES + 1):
        label = steps(age)
        if label is not None:
            return age, label
    return NUM_AGES, False


def sort_stop(hits: tuple[bool, ...]) -> Stop:
    """Returns where SORT's own loop reports or drops a track: min_hits 3, max_age 1."""
    hit_streak = time_since_update = 0

    def step(age: int) -> bool | None:
        nonlocal hit_streak, time_since_update
        if age > 1:
            hit_streak = 0 if time_since_update > 0 else hit_streak
            time_since_update += 1
            if hits[age - 1]:
                time_since_update, hit_streak = 0, hit_streak + 1
        if time_since_update < 1 and hit_streak >= 3:
            return True
        return False if time_since_update > 1 else None

    return first_stop(step)


def deep_sort_stop(hits: tuple[bool, ...]) -> Stop:
    """Returns where DeepSORT confirms or deletes a tentative track: n_init 3."""
    num_hits = 0

    def step(age: int) -> bool | None:
        nonlocal num_hits
        if not hits[age - 1]:
            return False
        num_hits += 1
        return True if num_hits >= 3 else None

    return first_stop(step)


def m_of_n_stop(hits: tuple[bool, ...]) -> Stop:
    """Returns where 3 hits within 5 frames are reached or out of reach."""

    def step(age: int) -> bool | None:
        num_hits, num_left = sum(hits[:age]), 5 - age
        if num_hits >= 3:
            return True
        return False if num_hits + num_left < 3 else None

    return first_stop(step)


def scored_stop(hits: tuple[bool, ...]) -> Stop:
    """Returns where 2 hits of the last 3 frames and the score of age 4 are reached, or 2 misses in a row."""

    def step(age: int) -> bool | None:
        if age > 1 and not any(hits[age - 2 : age]):
            return False
        return True if sum(hits[max(age - 3, 0) : age]) >= 2 and any(hits[3:age]) else None

    return first_stop(step)


class CountingRuleChecks(unittest.TestCase):
    """Rules that count hits, on all patterns of hits, against loops that keep counters like the libraries."""

    def test_m_of_n(self) -> None:
        """M of N confirms on the M-th hit and gives up as soon as M hits are out of reach."""
        rule = MOfN(num_hits=3, num_frames=5, horizon=NUM_AGES, on_timeout="transient")
        np.testing.assert_array_equal(stops_of(rule), [m_of_n_stop(hits) for hits in all_patterns()])

    def test_scored_m_of_n(self) -> None:
        """The hand rule needs its hits and its score, equality included, and gives up after its misses."""
        rule = ScoredMOfN(
            num_hits=2, num_frames=3, min_score=0.5, max_misses=2, horizon=NUM_AGES, on_timeout="transient"
        )
        score = np.tile(np.where(np.arange(NUM_AGES) >= 3, 0.5, 0.25), (len(all_patterns()), 1))
        np.testing.assert_array_equal(stops_of(rule, score), [scored_stop(hits) for hits in all_patterns()])

    def test_sort(self) -> None:
        """SORT confirms and drops as its hit streak and its time since the last update say."""
        rule = SortLogic(min_hits=3, max_age=1, horizon=NUM_AGES, on_timeout="transient")
        np.testing.assert_array_equal(stops_of(rule), [sort_stop(hits) for hits in all_patterns()])

    def test_deep_sort(self) -> None:
        """DeepSORT confirms on the third hit in a row and deletes on the first miss."""
        rule = DeepSortLogic(n_init=3, horizon=NUM_AGES, on_timeout="transient")
        np.testing.assert_array_equal(stops_of(rule), [deep_sort_stop(hits) for hits in all_patterns()])

    def test_byte_track(self) -> None:
        """ByteTrack decides on the second frame: kept on a hit, removed on a miss."""
        np.testing.assert_array_equal(
            stops_of(ByteTrackLogic(horizon=NUM_AGES)), [(2, hits[1]) for hits in all_patterns()]
        )


def drawn_hits(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns hits of some tracks (the first column is birth) and a cue for each hit, 0 on a miss."""
    rng = np.random.default_rng(seed)
    is_hit = rng.random((num, 6)) < 0.6
    is_hit[:, 0] = True
    return is_hit, np.where(is_hit, rng.normal(0.3, 1.0, (num, 6)), 0.0)


def observed(is_hit: np.ndarray, cue: np.ndarray) -> Observation:
    """Returns what a rule sees of those tracks at their last age; bit 0 is the latest frame."""
    history = [sum(1 << back for back, hit in enumerate(reversed(row)) if hit) for row in is_hit.tolist()]
    return Observation(
        evidence=np.zeros(len(is_hit)),
        age=np.full(len(is_hit), is_hit.shape[1]),
        hit_history=np.array(history, dtype=np.uint64),
        cue_total=cue.sum(axis=1),
        score=np.zeros(len(is_hit)),
        max_score=np.zeros(len(is_hit)),
        mean_score=np.zeros(len(is_hit)),
        class_id=np.zeros(len(is_hit), dtype=np.int64),
    )


class ScoringRuleChecks(unittest.TestCase):
    """Rules that score hits, frame by frame."""

    def setUp(self) -> None:
        """Draws hits and cues."""
        self.is_hit, self.cue = drawn_hits(40, seed=7)
        self.seen = observed(self.is_hit, self.cue)

    def test_track_score(self) -> None:
        """Blackman's score adds a log ratio of hit probabilities per frame after birth, and every cue."""
        expected = []
        for hits, cues in zip(self.is_hit, self.cue, strict=True):
            likelihoods = [0.8 / 0.1 if hit else 0.2 / 0.9 for hit in hits[1:]]
            expected.append(sum(map(math.log, likelihoods)) + sum(cues.tolist()))
        rule = TrackScore(hit_probability=0.8, false_alarm_probability=0.1)
        np.testing.assert_allclose(rule.score(self.seen), expected, rtol=1e-9)

    def test_track_score_bounds(self) -> None:
        """It confirms at its upper bound and rejects at its lower one, both included."""
        at = float(TrackScore().score(self.seen)[0])
        first = replace(self.seen, **{name: getattr(self.seen, name)[:1] for name in self.seen.__slots__})
        rule = TrackScore(upper=at, lower=at - 1)
        self.assertEqual(rule.decide(first).is_persistent.tolist(), [True])
        verdict = TrackScore(upper=at + 1, lower=at).decide(first)
        self.assertEqual((verdict.is_decided.tolist(), verdict.is_persistent.tolist()), ([True], [False]))

    def test_ipda(self) -> None:
        """Existence decays by the survival probability each frame and is then updated by Bayes' rule."""
        expected = []
        for hits, cues in zip(self.is_hit.tolist(), self.cue, strict=True):
            gain = math.exp(float(cues.sum()) / sum(hits))
            existence = 0.4 * gain / (0.4 * gain + 0.6)
            for hit in hits[1:]:
                predicted = existence * 0.95
                likelihood = 0.8 / 0.1 * gain if hit else 0.2 / 0.9
                existence = predicted * likelihood / (predicted * likelihood + 1 - predicted)
            expected.append(existence)
        rule = IPDAExistence(
            hit_probability=0.8, false_alarm_probability=0.1, survival_probability=0.95, birth_probability=0.4
        )
        np.testing.assert_allclose(rule.existence(self.seen), expected, rtol=1e-9)

    def test_ipda_bounds(self) -> None:
        """It confirms at its upper probability and rejects at its lower one."""
        existence = IPDAExistence().existence(self.seen)
        verdict = IPDAExistence(upper=float(existence[0]), lower=float(existence.min())).decide(self.seen)
        self.assertTrue(bool(verdict.is_persistent[0]))
        lowest = int(existence.argmin())
        self.assertEqual((bool(verdict.is_decided[lowest]), bool(verdict.is_persistent[lowest])), (True, False))
