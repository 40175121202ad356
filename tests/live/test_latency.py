"""Quantiles of a histogram, against those of all values."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.live.summary import Latency


def filled(seconds: np.ndarray) -> Latency:
    latency = Latency()
    for value in seconds.tolist():
        latency.add(value)
    return latency


@pytest.mark.parametrize("scale_s", [2e-4, 0.02, 3.0])
def test_quantiles_are_those_of_all_values_within_the_width_of_a_bin(scale_s: float) -> None:
    seconds = np.random.default_rng(0).lognormal(np.log(scale_s), 1.0, 5000)
    found = filled(seconds).to_ms()
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = np.quantile(seconds, share, method="inverted_cdf")
        assert found[name] == pytest.approx(1e3 * exact, rel=0.026), name
    assert found["max"] == pytest.approx(1e3 * seconds.max(), abs=1e-3)


def test_one_frame_is_all_its_quantiles() -> None:
    assert filled(np.array([0.0123])).to_ms() == {"median": 12.3, "p95": 12.3, "p99": 12.3, "max": 12.3}


def test_few_frames_give_a_frame_that_there_was() -> None:
    """Three fast frames and a slow one: the median is fast, and all above 75 percent is the slow one."""
    latency = filled(np.array([0.010, 0.010, 0.010, 0.500]))
    assert latency.quantile_s(0.5) == pytest.approx(0.010, rel=0.026)
    assert latency.quantile_s(0.75) == pytest.approx(0.010, rel=0.026)
    assert latency.quantile_s(0.76) == pytest.approx(0.500, rel=0.026)


def test_the_shortest_and_the_longest_times_are_taken_and_nothing_grows() -> None:
    latency = Latency()
    num_bins = len(latency._counts)
    for seconds in (0.0, 1e-9, 1e-5, 1e3, 1e7):
        latency.add(seconds)
    assert (latency.num, len(latency._counts), sum(latency._counts)) == (5, num_bins, 5)
    assert latency.quantile_s(0.0) == 0.0
    assert latency.to_ms()["max"] == 1e10


def test_without_frames_all_is_zero() -> None:
    assert set(Latency().to_ms().values()) == {0.0}
