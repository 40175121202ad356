"""Checks of the rates counted from decisions: worked by hand, and against a plain count."""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Iterator
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from perdure.metrics.decisions import DecisionRecord, decision_metrics, read_decisions, write_decisions
from perdure.metrics.intervals import binomial_interval, bootstrap_interval
from perdure.metrics.probability import logit, probability_of

_COLUMNS = (
    "clip_id", "track_id", "true_label", "label", "decision_frame", "reason", "first_frame", "last_frame",
    "frames_encoded",
)  # fmt: skip
_BY_HAND = (
    ("a", 0, "persistent", "persistent", 3, "evidence", 0, 19, 3),
    ("a", 1, "persistent", "transient", 4, "evidence", 2, 19, 4),
    ("a", 2, "transient", "transient", 2, "evidence", 5, 9, 2),
    ("b", 0, "transient", "persistent", 5, "evidence", 1, 6, 5),
    ("b", 1, "persistent", "persistent", 16, "timeout", 4, 19, 14),
    ("b", 2, "transient", "transient", 8, "deleted", 3, 10, 8),
    ("c", 0, "transient", "transient", 1, "evidence", 7, 12, 1),
    ("c", 1, "persistent", "persistent", 2, "evidence", 0, 31, 2),
    ("c", 2, "transient", "transient", 4, "evidence", 10, 15, 4),
)
"""Nine tracks; four persistent with one missed, five transient with one confirmed."""


def record_of(values: dict[str, Any]) -> DecisionRecord:
    """Returns a record; what a rate does not depend on is filled in."""
    filled = {"evidence": 0.5, "probability": 0.6, "decided": values["reason"] != "timeout", "reopened": False}
    return DecisionRecord(**(filled | values))


def worked_records() -> list[DecisionRecord]:
    """Returns the nine records whose rates are worked out by hand."""
    return [record_of(dict(zip(_COLUMNS, row, strict=True))) for row in _BY_HAND]


def drawn_records(num: int, seed: int) -> Iterator[DecisionRecord]:
    """Yields records at random, of which both classes and all reasons occur."""
    rng = np.random.default_rng(seed)
    for index in range(num):
        truth, label = rng.choice(["persistent", "transient"], size=2, p=[0.6, 0.4])
        first, length = int(rng.integers(0, 20)), int(rng.integers(1, 24))
        age = int(rng.integers(1, length + 1))
        reason = str(rng.choice(["evidence", "timeout", "deleted", "reopened"]))
        values = (f"clip{index % 17}", index, str(truth), str(label), age, reason, first, first + length - 1, age)
        yield record_of(dict(zip(_COLUMNS, values, strict=True)))


def plain_count(records: list[DecisionRecord]) -> dict[str, float]:
    """Returns the rates of some records, counted one by one."""
    num = dict.fromkeys(("persistent", "transient", "missed", "confirmed", "early", "ages", "gated", "ungated"), 0)
    for record in records:
        num[record.true_label] += 1
        num["missed"] += record.true_label == "persistent" and record.label == "transient"
        num["confirmed"] += record.true_label == "transient" and record.label == "persistent"
        num["early"] += record.decision_frame in (1, 2, 3, 4)
        num["ages"] += record.decision_frame
        num["gated"] += record.frames_encoded
        num["ungated"] += len(range(record.first_frame, record.last_frame + 1))
    return {
        "false_confirm_rate": num["confirmed"] / num["transient"],
        "miss_rate": num["missed"] / num["persistent"],
        "total_error": (num["confirmed"] / num["transient"] + num["missed"] / num["persistent"]) / 2,
        "accuracy": 1 - (num["confirmed"] + num["missed"]) / len(records),
        "early_stop_rate": num["early"] / len(records),
        "mean_decision_frame": num["ages"] / len(records),
        "compute_savings_track_frames": (num["ungated"] - num["gated"]) / num["ungated"],
    }


def plain_tail(num_hits: int, num_trials: int, share: float) -> float:
    """Returns P(Binomial(num_trials, share) <= num_hits) as a sum of terms."""
    terms = (comb(num_trials, k) * share**k * (1 - share) ** (num_trials - k) for k in range(num_hits + 1))
    return sum(terms)


class DecisionChecks(unittest.TestCase):
    """Rates of the nine records, worked by hand, and of many drawn ones, counted plainly."""

    def setUp(self) -> None:
        """Counts the rates of the nine records."""
        self.metrics = decision_metrics(worked_records(), num_censored=3, num_resamples=200)

    def test_false_confirm_rate(self) -> None:
        """The false-confirm rate is the share of transient tracks called persistent: 1 of 5."""
        self.assertEqual(self.metrics.false_confirm_rate, 1 / 5)
        self.assertEqual(self.metrics.false_confirm_rate_ci95, binomial_interval(1, 5))

    def test_miss_rate(self) -> None:
        """The miss rate is the share of persistent tracks called transient: 1 of 4."""
        self.assertEqual(self.metrics.miss_rate, 1 / 4)
        self.assertEqual(self.metrics.miss_rate_ci95, binomial_interval(1, 4))

    def test_total_error(self) -> None:
        """Total error is the mean of the two rates, whatever the numbers of tracks: (1/5 + 1/4) / 2."""
        self.assertEqual(self.metrics.total_error, 0.225)

    def test_accuracy_and_confusion_matrix(self) -> None:
        """Seven of nine tracks are right; the matrix is indexed by truth first."""
        self.assertEqual(self.metrics.accuracy, 7 / 9)
        self.assertEqual(self.metrics.accuracy_ci95, binomial_interval(7, 9))
        expected = {"persistent": {"persistent": 3, "transient": 1}, "transient": {"persistent": 1, "transient": 4}}
        self.assertEqual(self.metrics.confusion_matrix, expected)

    def test_early_stop_rate(self) -> None:
        """Six of nine ages are 4 or less; a decision at the early-stop frame itself is early."""
        self.assertEqual(self.metrics.early_stop_rate, 6 / 9)
        self.assertEqual(decision_metrics(worked_records(), early_stop_frame=2).early_stop_rate, 3 / 9)

    def test_mean_decision_frame(self) -> None:
        """The nine ages sum to 45, those of persistent tracks to 25; birth is age 1."""
        self.assertEqual(self.metrics.mean_decision_frame, 5.0)
        self.assertEqual(self.metrics.mean_decision_frame_persistent, 6.25)
        self.assertEqual(self.metrics.mean_decision_frame_transient, 4.0)

    def test_savings(self) -> None:
        """43 frames are encoded of 117 from birth to end, both included."""
        self.assertEqual((self.metrics.track_frames_gated, self.metrics.track_frames_ungated), (43, 117))
        self.assertAlmostEqual(self.metrics.compute_savings_track_frames, 1 - 43 / 117, places=12)

    def test_censored_tracks(self) -> None:
        """Censored tracks are listed, and counted in no rate."""
        self.assertEqual((self.metrics.num_tracks, self.metrics.num_censored), (9, 3))

    def test_rate_of_nothing(self) -> None:
        """A rate of a class that does not occur is None, not 0."""
        alone = decision_metrics([record for record in worked_records() if record.true_label == "persistent"])
        self.assertIsNone(alone.false_confirm_rate)
        self.assertIsNone(alone.total_error)
        self.assertEqual(alone.miss_rate, 1 / 4)

    def test_plain_count(self) -> None:
        """Rates of 200 drawn records equal a plain count."""
        records = list(drawn_records(200, seed=1))
        metrics = decision_metrics(records, num_resamples=10).to_dict()
        for name, value in plain_count(records).items():
            self.assertAlmostEqual(metrics[name], value, places=12, msg=name)

    def test_storage(self) -> None:
        """Records read from a file are those written, so that rates can be recomputed from it."""
        records = list(drawn_records(12, seed=2))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "decisions.jsonl"
            write_decisions(path, records)
            self.assertEqual(read_decisions(path), records)

    def test_impossible_records(self) -> None:
        """A decision before birth, and a timeout that claims to be decided, are refused."""
        record = worked_records()[0]
        for changes in ({"decision_frame": 0}, {"reason": "timeout"}, {"decided": False}, {"last_frame": -1}):
            with self.assertRaises(ValueError, msg=str(changes)):
                replace(record, **changes)


class IntervalChecks(unittest.TestCase):
    """Intervals against tails summed term by term, and probabilities against their definition."""

    def test_binomial_interval(self) -> None:
        """Both ends of the exact interval leave 2.5 % in their tail."""
        for num_hits, num_trials in ((0, 12), (3, 20), (17, 20), (12, 12)):
            low, high = binomial_interval(num_hits, num_trials)
            if num_hits:
                self.assertAlmostEqual(1 - plain_tail(num_hits - 1, num_trials, low), 0.025, places=8)
            if num_hits < num_trials:
                self.assertAlmostEqual(plain_tail(num_hits, num_trials, high), 0.025, places=8)
        self.assertEqual((binomial_interval(0, 12)[0], binomial_interval(12, 12)[1]), (0.0, 1.0))

    def test_bootstrap_interval(self) -> None:
        """The interval of a mean of 400 values is that of the normal law, and covers 95 %."""
        values = np.random.default_rng(3).normal(2.0, 1.0, 400)
        error = values.std() / 20
        low, high = bootstrap_interval(
            400, lambda drawn: values[drawn].mean(axis=1), rng=np.random.default_rng(4), num_resamples=1000
        )
        self.assertLess(abs(low - (values.mean() - 1.96 * error)), 0.3 * error)
        self.assertLess(abs(high - (values.mean() + 1.96 * error)), 0.3 * error)

    def test_interval_over_clips(self) -> None:
        """Ten equal tracks in a clip are one observation: the interval is as wide as that of six tracks."""
        labels = ["persistent", "transient", "persistent", "persistent", "transient", "persistent"]
        row = dict(zip(_COLUMNS, _BY_HAND[0], strict=True))
        single = [record_of(row | {"clip_id": str(clip), "label": label}) for clip, label in enumerate(labels)]
        metrics = decision_metrics([record for record in single for _ in range(10)])
        self.assertEqual(metrics.accuracy_ci95_clips, decision_metrics(single).accuracy_ci95_clips)
        self.assertLess(metrics.accuracy_ci95_clips[0], 0.35)

    def test_probability(self) -> None:
        """Probability is odds / (1 + odds), where odds are prior odds times exp(evidence)."""
        for evidence, prior in ((0.7, 0.5), (-1.3, 0.2), (2.0, 0.9)):
            odds = prior / (1 - prior) * np.exp(evidence)
            self.assertAlmostEqual(probability_of(evidence, logit(prior)), float(odds / (1 + odds)), places=12)
        self.assertAlmostEqual(logit(0.8), float(np.log(4)), places=12)
