"""What rates cost, on tracks whose every figure can be counted by hand, and on tracks of a known law."""

from __future__ import annotations

import math

import numpy as np

from perdure.calibration.rates_table import rate_rows

NAN = math.nan


def test_every_figure_can_be_counted_by_hand() -> None:
    evidence = np.array([[0.0, 2.0, 3.0], [-1.0, 0.5, NAN], [-2.0, NAN, NAN], [1.0, NAN, NAN], [-1.0, -1.0, -1.0]])
    is_hit = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]], dtype=bool)
    is_persistent = np.array([True, True, False, False, False])
    rows = list(rate_rows(evidence, is_hit, is_persistent, np.arange(5), exact=lambda rate: 0.25, rates=(0.4,)))
    rule, exact, _, estimate = rows
    assert (rule.way, rule.persistent, rule.transient, rule.mean_age, rule.num_lost) == ("3 in a row", 0.5, 1 / 3, 3, 1)
    assert (exact.bound, exact.persistent, exact.transient, exact.mean_age) == (0.25, 1.0, 1 / 3, 2.0)
    assert estimate.bound is not None and -1 < estimate.bound < -1 + 1e-9, "one of three is 40 % at most"
    assert (estimate.transient, estimate.mean_age, estimate.num_lost) == (1 / 3, 1.5, 0)


def test_what_cannot_be_proven_has_no_figures() -> None:
    one = np.array([[0.0]])
    rows = list(
        rate_rows(one, one == 0, np.array([True]), np.zeros(1, np.int64), exact=lambda rate: None, rates=(0.1,))
    )
    assert [row.bound for row in rows] == [None] * 4
    assert math.isnan(rows[1].persistent)


def test_the_bootstrap_keeps_the_rate_where_tracks_of_a_unit_are_alike_and_the_estimate_does_not() -> None:
    """Ten tracks of a unit share most of their evidence: taken for independent, their interval is far too short."""
    rng = np.random.default_rng(0)
    violated = {"block bootstrap": 0, "estimate": 0}
    for _ in range(100):
        unit = np.repeat(np.arange(60), 10)
        top = rng.normal(0, 1, 60)[unit] + rng.normal(0, 0.3, 600)
        rows = rate_rows(
            top[:, None], np.ones((600, 1), bool), np.zeros(600, bool), unit, exact=lambda rate: None, rates=(0.1,)
        )
        for row in rows:
            if row.bound is not None and row.way in violated:
                true_rate = 0.5 * math.erfc(row.bound / math.sqrt(2 * (1 + 0.3**2)))
                violated[row.way] += true_rate > 0.1
    assert violated["block bootstrap"] <= 15
    assert violated["estimate"] >= 30
