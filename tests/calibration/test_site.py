"""Bounds for a new site: per class where tracks suffice, shared otherwise, the hand rule where nothing is proven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from calibration.site_tracks import HORIZON, drawn
from perdure.calibration.exact import calibrate
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.site import site_rule, site_scores, tracks_from_rows, tracks_to_rows
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.hand_rule import tune_hand_rule
from perdure.stopping.rules import FixedHorizon, PerClass, TruncatedSPRT
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable

ASKED: dict[str, Any] = {
    "max_false_confirm": 0.1, "max_miss": None, "delta": 0.1, "horizon": HORIZON, "on_timeout": "transient"
}  # fmt: skip


def calibrated(scores: CalibrationScores) -> TruncatedSPRT:
    rates = Rates(max_false_confirm=0.1, delta=0.1)
    return calibrate(scores, rates, horizon=HORIZON, on_timeout="transient")


def test_bounds_are_those_of_one_random_track_of_each_class_and_unit() -> None:
    tracks = drawn(600, 0, per_unit=3)
    found = site_rule(tracks, **ASKED, seed=5)
    assert found.rule == calibrated(site_scores(tracks, 5))
    assert found.is_guaranteed
    num = [len(np.unique(tracks.unit[tracks.is_persistent == label])) for label in (True, False)]
    assert found.lines == (f"all tracks: bounds from {num[0]} persistent and {num[1]} transient tracks",)


def test_each_class_with_enough_tracks_has_its_own_bounds_and_the_others_share() -> None:
    cars, people, dogs, cats = (
        drawn(300, 1, class_id=2, drift=4.0), drawn(300, 2, class_id=1, drift=1.0), drawn(20, 3, class_id=7),
        drawn(10, 4, class_id=8),
    )  # fmt: skip
    tracks = TrackTable.join([cars, people, dogs, cats])
    found = site_rule(tracks, **ASKED)
    assert isinstance(found.rule, PerClass)
    assert set(found.rule.rules) == {1, 2}
    for class_id in (1, 2):
        own = tracks.take(tracks.class_id == class_id)
        assert found.rule.rules[class_id] == calibrated(site_scores(own, 0))
    assert found.rule.other == calibrated(site_scores(tracks, 0))
    assert found.rule.rules[2].upper < found.rule.other.upper < found.rule.rules[1].upper  # type: ignore[attr-defined]
    assert found.is_guaranteed
    assert [line.split(":")[0] for line in found.lines] == ["class 1", "class 2", "classes 7, 8"]
    assert "of all classes together, since there are too few of this class alone" in found.lines[-1]


def test_each_track_is_decided_by_the_rule_of_its_class() -> None:
    tracks = TrackTable.join([drawn(50, 1, class_id=1), drawn(50, 2, class_id=2), drawn(50, 3, class_id=9)])
    early, late = FixedHorizon(decision_frame=1, horizon=HORIZON), FixedHorizon(decision_frame=3, horizon=HORIZON)
    rule = PerClass(rules={1: early}, other=late)
    outcome, of_early, of_late = (run_rule(one, tracks.sequences()) for one in (rule, early, late))
    own = tracks.class_id == 1
    for name in ("age", "is_persistent", "is_forced"):
        expected = np.where(own, getattr(of_early, name), getattr(of_late, name))
        np.testing.assert_array_equal(getattr(outcome, name), expected)
    nameless = replace(tracks.sequences(), class_id=None)
    np.testing.assert_array_equal(run_rule(rule, nameless).age, of_late.age)
    with pytest.raises(ValueError, match=r"rules: got horizons \[3, 4\], expected one horizon"):
        PerClass(rules={1: FixedHorizon(decision_frame=1, horizon=3)}, other=late)


def test_too_few_tracks_fall_back_to_the_tuned_hand_rule_and_say_so() -> None:
    tracks = drawn(40, 6)
    found = site_rule(tracks, **ASKED)
    tuned = tune_hand_rule(
        tracks.sequences(), tracks.is_persistent, max_false_confirm=0.1, horizon=HORIZON, on_timeout="transient"
    )
    assert found.rule == tuned.rule
    assert not found.is_guaranteed
    (line,) = found.lines
    assert line.startswith("all tracks: NOT guaranteed, M-of-N baseline ")
    assert f"false confirm {tuned.false_confirm_rate:.1%} and miss {tuned.miss_rate:.1%}" in line
    assert "need at least 22 for max_false_confirm 0.1 at delta 0.1" in line
    assert run_rule(found.rule, tracks.sequences()).error_rates(tracks.is_persistent)[0] <= 0.1


def test_a_miss_rate_that_no_hand_rule_keeps_is_left_out_of_its_tuning() -> None:
    found = site_rule(drawn(40, 6), **{**ASKED, "max_miss": 0.001})
    assert isinstance(found.rule, ScoredMOfN)
    assert found.rule == site_rule(drawn(40, 6), **ASKED).rule


def test_an_error_can_be_asked_for_instead(as_user: None) -> None:
    with pytest.raises(ValueError, match="need at least 22 for max_false_confirm"):
        site_rule(drawn(40, 6), **ASKED, fallback="error")
    with pytest.raises(ValueError, match="got no transient track"):
        tracks = drawn(40, 6)
        site_rule(tracks.take(tracks.is_persistent), **ASKED)
    with pytest.raises(ValueError, match="fallback: got 'nothing', expected hand_rule or error"):
        site_rule(drawn(40, 6), **ASKED, fallback="nothing")  # type: ignore[arg-type]


def test_a_class_without_its_own_bounds_is_not_guaranteed_where_the_shared_ones_are_missing() -> None:
    """All tracks together are too few: class 1 has one unit less than all have, and neither suffices."""
    found = site_rule(TrackTable.join([drawn(20, 1, class_id=1), drawn(20, 2, class_id=2)]), **ASKED)
    assert not found.is_guaranteed
    assert [line.split(",")[0] for line in found.lines] == ["all tracks: NOT guaranteed"]


def test_stored_tracks_give_bounds_that_are_as_careful_or_more() -> None:
    tracks = TrackTable.join([drawn(300, 7, class_id=3), drawn(30, 8)])
    again = tracks_from_rows(tracks_to_rows(tracks), HORIZON)
    for name in ("is_hit", "is_persistent", "class_id", "unit"):
        np.testing.assert_array_equal(getattr(again, name), getattr(tracks, name))
    np.testing.assert_allclose(again.score, tracks.score, rtol=1e-5)
    change = again.evidence - tracks.evidence
    np.testing.assert_array_equal(np.isnan(change), np.isnan(tracks.evidence))
    assert (change[tracks.is_persistent & ~np.isnan(change).any(axis=1)] <= 0).all()
    assert (change[~tracks.is_persistent & ~np.isnan(change).any(axis=1)] >= 0).all()
    assert np.nanmax(np.abs(change)) < 1.1e-4
    for rate in (0.05, 0.2):  # any rate, from the same file
        asked = {**ASKED, "max_false_confirm": rate}
        for_stored, for_drawn = (site_rule(one.take(one.class_id == 3), **asked).rule for one in (again, tracks))
        assert isinstance(for_stored, TruncatedSPRT) and isinstance(for_drawn, TruncatedSPRT)
        assert for_drawn.upper <= for_stored.upper <= for_drawn.upper + 2e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hits": "1"}, "track 1 has lists of unequal length"),
        ({"evidence": [], "hits": "", "score": []}, "track 1 has lists of unequal length, or none"),
        ({"label": None}, r"track 1 has label None, expected persistent or transient"),
    ],
)
def test_damaged_rows_are_named(changes: dict[str, Any], message: str) -> None:
    rows = tracks_to_rows(drawn(3, 9))
    with pytest.raises(ValueError, match=message):
        tracks_from_rows([rows[0], rows[1] | changes, rows[2]], HORIZON)
    del rows[1]["unit"]
    with pytest.raises(ValueError, match=r"track 1 is incomplete \('unit'\)"):
        tracks_from_rows(rows, HORIZON)


@pytest.mark.slow
def test_a_rate_is_exceeded_in_no_more_calibrations_than_promised_unless_units_are_ignored() -> None:
    """150 units of 8 dependent tracks, 300 recalibrations; with every track as its own unit the promise breaks."""
    pool, delta = drawn(80_000, 10, per_unit=8), 0.1
    highest = np.nanmax(pool.evidence[~pool.is_persistent], axis=1)
    num_units, rng, num_draws = int(pool.unit.max()) + 1, np.random.default_rng(0), 300

    def violations(as_units: bool) -> int:
        count = 0
        for draw in range(num_draws):
            chosen = rng.choice(num_units, 150, replace=False)
            sample = pool.take((chosen[:, None] * 8 + np.arange(8)).ravel())
            sample = sample if as_units else sample.with_columns(group=np.arange(len(sample)), scene=())
            rule = site_rule(sample, **{**ASKED, "delta": delta}, fallback="error", seed=draw).rule
            assert isinstance(rule, TruncatedSPRT) and rule.lower == -np.inf
            count += (highest >= rule.upper).mean() > 0.1
        return count

    limit = binom.ppf(0.99, num_draws, delta)
    assert violations(as_units=True) <= limit
    assert violations(as_units=False) > limit
