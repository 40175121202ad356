"""Checks of attention efficiency, picture and code figures, ranking and calibration error."""

from __future__ import annotations

import itertools
import math
import unittest

import numpy as np
from jaxtyping import Float

from perdure.metrics.attention import ClipAttention, attention_efficiency, attention_received, token_ratio
from perdure.metrics.calibration_error import calibration_by_age, martingale_check
from perdure.metrics.image import code_statistics, psnr_db, squared_error
from perdure.metrics.ranking import area_under_curve


def scene(weights: Float[np.ndarray, "query key"] | None = None, *, num_frames: int = 4) -> ClipAttention:
    """Returns a clip of three tracks, of which the first is persistent; a query sees its frame and those before it.

    Args:
        weights: preferences, brought to sum 1 over what a query sees; uniform by default.
        num_frames: frames; the third track is there on the last two only.
    """
    tokens = [
        (track, frame) for frame in range(num_frames) for track in range(3) if track < 2 or frame >= num_frames - 2
    ]
    track, frame = (np.array(column) for column in zip(*tokens, strict=True))
    allowed = frame[None, :] <= frame[:, None]
    raw = np.where(allowed, np.ones(allowed.shape) if weights is None else weights, 0.0)
    return ClipAttention(
        weights=raw / raw.sum(axis=1, keepdims=True),
        allowed=allowed,
        query_track=track,
        query_frame=frame,
        key_track=track,
        key_frame=frame,
        key_is_persistent=track == 0,
    )


def plain_ratio(clip: ClipAttention) -> float:
    """Returns the attention ratio of a clip, token by token."""
    received: dict[bool, list[float]] = {True: [], False: []}
    for key in range(clip.weights.shape[1]):
        seen_by = [query for query in range(len(clip.weights)) if clip.allowed[query, key]]
        total = sum(clip.weights[query, key] * clip.allowed[query].tolist().count(True) for query in seen_by)
        received[bool(clip.key_is_persistent[key])].append(total / len(seen_by))
    return float(np.mean(received[True]) / np.mean(received[False]))


def random_scene(seed: int) -> ClipAttention:
    """Returns a clip with preferences at random."""
    num = len(scene().key_track)
    return scene(np.random.default_rng(seed).uniform(0.1, 2.0, (num, num)))


class AttentionChecks(unittest.TestCase):
    """Attention efficiency: 1 for uniform attention, else as counted token by token."""

    def test_uniform_attention(self) -> None:
        """Uniform attention gives exactly 1 to every token, however many tokens each query sees."""
        clip = scene(num_frames=6)
        np.testing.assert_allclose(attention_received(clip.relative, clip.allowed), 1.0, atol=1e-12)
        result = attention_efficiency([clip], seed=0, num_resamples=10, num_shuffles=5)
        for value in (result.efficiency, result.uniform_control, result.shuffled_control, result.structure_control):
            self.assertAlmostEqual(value, 1.0, places=4)

    def test_efficiency(self) -> None:
        """Efficiency is the geometric mean over clips of ratios counted token by token."""
        clips = [random_scene(seed) for seed in range(4)]
        result = attention_efficiency(clips, seed=0, num_resamples=10, num_shuffles=5)
        ratios = [plain_ratio(clip) for clip in clips]
        np.testing.assert_allclose(result.ratios, ratios, rtol=1e-9)
        self.assertAlmostEqual(result.efficiency, math.prod(ratios) ** 0.25, places=9)

    def test_direction(self) -> None:
        """A persistent track that is looked at three times as much has an efficiency above 1."""
        num = len(scene().key_track)
        clip = scene(np.where(scene().key_is_persistent, 3.0, 1.0) * np.ones((num, 1)))
        self.assertGreater(attention_efficiency([clip], seed=0, num_resamples=10).efficiency, 2.0)
        self.assertEqual(token_ratio(np.array([4.0, 2.0, 1.0]), np.array([True, True, False])), 3.0)

    def test_structure_control(self) -> None:
        """Attention that follows frame gap and own-or-other alone is explained by the structure control in full."""
        gap, own = scene().gap, scene().is_own
        clip = scene(np.exp(-0.7 * gap) * np.where(own, 4.0, 1.0))
        result = attention_efficiency([clip], seed=0, num_resamples=10, num_shuffles=5)
        self.assertNotAlmostEqual(result.efficiency, 1.0, places=2)
        self.assertAlmostEqual(result.structure_control, result.efficiency, places=3)

    def test_shuffled_control(self) -> None:
        """With labels dealt anew the ratio of a clip takes the value of each track in turn, about 1 on average."""
        num = len(scene().key_track)
        clip = scene(np.where(scene().key_is_persistent, 3.0, 1.0) * np.ones((num, 1)))
        control = attention_efficiency([clip], seed=0, num_resamples=10, num_shuffles=400).shuffled_control
        self.assertLess(abs(math.log(control)), 0.35)

    def test_clips_of_one_class(self) -> None:
        """A clip without a transient token has no ratio and is left out."""
        clip = random_scene(1)
        track = clip.key_track[clip.key_is_persistent]
        alone = ClipAttention(
            weights=np.eye(len(track)), allowed=np.eye(len(track), dtype=bool), query_track=track,
            query_frame=np.arange(len(track)), key_track=track, key_frame=np.arange(len(track)),
            key_is_persistent=np.ones(len(track), dtype=bool),
        )  # fmt: skip
        result = attention_efficiency([alone, clip], seed=0, num_resamples=10, num_shuffles=5)
        self.assertEqual(result.clip_index, (1,))


class ImageChecks(unittest.TestCase):
    """Figures of a tokenizer."""

    def test_squared_error(self) -> None:
        """Differences of bytes are taken without wrapping around."""
        error = squared_error(np.array([[0, 250]], dtype=np.uint8), np.array([[3, 5]], dtype=np.uint8))
        self.assertEqual(error, (9.0 + 245.0**2, 2))

    def test_psnr(self) -> None:
        """A mean squared error of 65.025 is 30 dB below the peak of 255; no error is infinite."""
        self.assertAlmostEqual(psnr_db(65.025 * 8, 8), 30.0, places=9)
        self.assertEqual(psnr_db(0.0, 8), math.inf)

    def test_psnr_pools_pixels(self) -> None:
        """Errors are pooled over all values first: errors of 10 and 1000 give 505, not the mean of two ratios."""
        self.assertAlmostEqual(
            psnr_db(10.0 * 5 + 1000.0 * 5, 10), 20 * math.log10(255) - 10 * math.log10(505), places=9
        )

    def test_code_statistics(self) -> None:
        """Perplexity is the inverse geometric mean of the codes' shares, each weighted by itself."""
        result = code_statistics(np.array([1, 1, 1, 1, 3, 3, 5, 7]), num_bits=4)
        shares = [4 / 8, 2 / 8, 1 / 8, 1 / 8]
        self.assertAlmostEqual(result.perplexity, 1 / math.prod(share**share for share in shares), places=9)
        # Bit 0 is always on and bit 3 always off.
        self.assertEqual((result.num_tokens, result.codes_used, result.num_dead_bits), (8, 4, 2))


class RankingChecks(unittest.TestCase):
    """The area under the curve against all pairs."""

    def test_area_under_curve(self) -> None:
        """The area is the share of pairs in the right order, ties counted half."""
        rng = np.random.default_rng(5)
        score, is_positive = rng.integers(0, 6, 60).astype(np.float64), rng.random(60) < 0.4
        pairs = list(itertools.product(score[is_positive], score[~is_positive]))
        wins = sum(1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs)
        self.assertAlmostEqual(area_under_curve(score, is_positive), wins / len(pairs), places=12)

    def test_direction(self) -> None:
        """A score that ranks every positive above every negative has area 1."""
        self.assertEqual(area_under_curve(np.array([1.0, 5.0, 2.0, 6.0]), np.array([False, True, False, True])), 1.0)


class CalibrationErrorChecks(unittest.TestCase):
    """Calibration of evidence, tracks one by one."""

    def setUp(self) -> None:
        """Draws evidence of 200 tracks, a quarter of them persistent, some of which end after the first age."""
        rng = np.random.default_rng(6)
        self.truth = rng.random(200) < 0.25
        self.evidence = np.where(self.truth, 1.0, -1.0)[:, None] + rng.normal(0, 1.5, (200, 2))
        self.evidence[rng.random(200) < 0.3, 1] = np.nan
        self.result = calibration_by_age(self.evidence, self.truth)

    def _weighted(self, column: int) -> list[tuple[float, float, bool]]:
        """Returns weight, evidence and truth of each track that is there; both classes weigh one half."""
        pairs = zip(self.evidence[:, column].tolist(), self.truth.tolist(), strict=True)
        there = [(value, truth) for value, truth in pairs if not math.isnan(value)]
        num = {label: sum(truth == label for _, truth in there) for label in (False, True)}
        return [(0.5 / num[truth], value, truth) for value, truth in there]

    def test_expected_calibration_error(self) -> None:
        """The error is the mean gap between probability and share over 15 bins, both classes weighed alike."""
        for column in range(2):
            bins = [0.0] * 15
            for weight, value, truth in self._weighted(column):
                probability = 1 / (1 + math.exp(-value))
                bins[min(int(probability * 15), 14)] += weight * (probability - truth)
            error = self.result.expected_calibration_error[column]
            self.assertAlmostEqual(float(error), sum(abs(gap) for gap in bins), places=9)

    def test_negative_log_likelihood(self) -> None:
        """The loss is -log of the probability given to the truth, both classes weighed alike."""
        for column in range(2):
            loss = sum(
                weight * -math.log(1 / (1 + math.exp(-value if truth else value)))
                for weight, value, truth in self._weighted(column)
            )
            self.assertAlmostEqual(float(self.result.negative_log_likelihood[column]), loss, places=9)

    def test_martingale(self) -> None:
        """The mean of exp(evidence) is over transient tracks, which keep their last evidence after their end."""
        evidence = np.log([[2.0, 0.5], [1.0, np.nan], [9.0, 9.0], [0.5, 2.5]])
        check = martingale_check(evidence, np.array([False, False, True, False]))
        np.testing.assert_allclose(check.mean, [3.5 / 3, 4.0 / 3], rtol=1e-12)
        spread = math.sqrt(sum((value - 3.5 / 3) ** 2 for value in (2.0, 1.0, 0.5)) / 2)
        self.assertAlmostEqual(float(check.standard_error[0]), spread / math.sqrt(3), places=12)
