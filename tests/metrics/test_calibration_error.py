"""Evidence that is what it claims passes; evidence that is too sure, too timid or shifted does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perdure.metrics.calibration_error import NUM_BINS, calibration_by_age, martingale_check


def gaussian_evidence(num: int, *, persistent_share: float = 0.5, ages: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Returns exact log-likelihood ratios of N(+-1/8, 1/4) steps."""
    rng = np.random.default_rng(0)
    truth = rng.random(num) < persistent_share
    steps = rng.normal(np.where(truth, 0.125, -0.125)[:, None], 0.5, (num, ages))
    return np.cumsum(steps, axis=1), truth


def test_exact_evidence_is_calibrated_whatever_the_mixture() -> None:
    for share in (0.5, 0.1):
        evidence, truth = gaussian_evidence(60_000, persistent_share=share)
        ages = calibration_by_age(evidence, truth)
        assert (ages.expected_calibration_error < 0.012).all()
        assert (np.diff(ages.negative_log_likelihood) < 0).all()


def test_wrong_evidence_is_found_and_costs_likelihood() -> None:
    evidence, truth = gaussian_evidence(20_000)
    right = calibration_by_age(evidence, truth)
    for wrong in (2 * evidence, 0.3 * evidence, evidence + 0.7):
        ages = calibration_by_age(wrong, truth)
        assert (ages.expected_calibration_error > 2 * right.expected_calibration_error).all()
        assert (ages.negative_log_likelihood > right.negative_log_likelihood).all()


def test_calibration_error_by_hand() -> None:
    """Two persistent and one transient track: weights 1/4, 1/4 and 1/2; all in bins of their own."""
    evidence = np.array([[math.log(9)], [0.0], [-math.log(9)]])
    ages = calibration_by_age(evidence, np.array([True, True, False]))
    expected = 0.25 * abs(0.9 - 1) + 0.25 * abs(0.5 - 1) + 0.5 * abs(0.1 - 0)
    assert ages.expected_calibration_error[0] == pytest.approx(expected)
    expected = -(0.25 * math.log(0.9) + 0.25 * math.log(0.5) + 0.5 * math.log(0.9))
    assert ages.negative_log_likelihood[0] == pytest.approx(expected)


def test_errors_inside_a_bin_cancel() -> None:
    middle = math.log(0.5 / 0.5)
    evidence = np.full((10, 1), middle + 1e-9)
    assert NUM_BINS % 2 == 1
    ages = calibration_by_age(evidence, np.arange(10) < 5)
    assert ages.expected_calibration_error[0] == pytest.approx(0.0, abs=1e-6)


def test_ages_that_one_class_alone_reaches_have_no_figure() -> None:
    evidence = np.array([[0.0, 1.0], [0.0, np.nan], [0.0, 2.0]])
    ages = calibration_by_age(evidence, np.array([True, False, True]))
    assert np.isnan(ages.negative_log_likelihood).tolist() == [False, True]
    assert np.isnan(ages.expected_calibration_error).tolist() == [False, True]


def test_certainty_on_the_wrong_side_costs_a_lot_but_not_infinitely() -> None:
    ages = calibration_by_age(np.array([[800.0], [800.0]]), np.array([True, False]))
    assert ages.negative_log_likelihood[0] == pytest.approx(400.0)


def test_mean_odds_of_transients_are_one_for_exact_evidence() -> None:
    evidence, truth = gaussian_evidence(40_000)
    check = martingale_check(evidence, truth)
    assert (np.abs(check.mean - 1) < 4 * check.standard_error).all()
    assert (check.standard_error < 0.02).all()
    shifted = martingale_check(evidence + 0.3, truth)
    assert (shifted.mean > 1 + 4 * shifted.standard_error).all()


def test_a_stopped_martingale_is_one_too() -> None:
    """Tracks end when they look bad: without their last values the mean odds of the rest would be above 1."""
    evidence, truth = gaussian_evidence(40_000, ages=8)
    ends = np.cumsum(evidence < -0.5, axis=1) > 0
    after = np.concatenate([np.zeros((len(ends), 1), dtype=bool), ends[:, :-1]], axis=1)
    check = martingale_check(np.where(after, np.nan, evidence), truth)
    assert (np.abs(check.mean - 1) < 4 * check.standard_error).all()


def test_martingale_needs_transients() -> None:
    with pytest.raises(ValueError, match="got 1 transient tracks, need at least 2"):
        martingale_check(np.zeros((3, 2)), np.array([True, True, False]))
