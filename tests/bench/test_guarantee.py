"""The benchmark of the promise: what is counted, and that a broken promise would be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.bench import guarantee
from perdure.bench.guarantee import Promise, best_frame, guarantee_rows, halt_conditional_row, num_rows
from perdure.bench.law_tracks import draw_tracks
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import run_rule

PROMISE = Promise(num_draws=40, pool_size=4000)


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return list(guarantee_rows(PROMISE, (600,)))


def test_every_world_and_method_has_a_row(rows: list[dict]) -> None:
    assert len(rows) == num_rows((600,)) == 12
    assert all(row["draws"] == 40 for row in rows[:-1])
    assert rows[-1]["draws"] == 8


def test_the_promise_is_kept_and_plug_in_bounds_break_it(rows: list[dict]) -> None:
    for row in rows:
        if "plug-in" in row["method"]:
            assert row["violations"] > row["violations_allowed"], row
        else:
            assert row["violations"] <= row["violations_allowed"], row


def test_a_promise_costs_frames_over_knowing_everything(rows: list[dict]) -> None:
    for row in rows[:-1]:
        assert row["price_frames"] > 0, row


def test_ties_cost_frames_that_chance_saves(rows: list[dict]) -> None:
    """Evidence of hits alone takes few values: bounds between them do not exist, so errors stay below what is asked."""
    price = {row["data"]: row["price_frames"] for row in rows if row["method"].startswith("exact")}
    assert price["pd 0.9, d 0, ties broken at random"] < price["pd 0.9, d 0"] - 0.1


def test_a_broken_method_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that allow three times the rate must be counted as violations."""
    exact = guarantee.calibrate

    def careless(scores, rates, **options):  # type: ignore[no-untyped-def]
        lax = replace(rates, max_false_confirm=3 * rates.max_false_confirm, max_miss=3 * rates.max_miss)
        return exact(scores, lax, **options)

    monkeypatch.setattr(guarantee, "calibrate", careless)
    row = next(iter(guarantee_rows(PROMISE, (600,))))
    assert row["violations"] > 30


def test_too_few_clips_are_refused_not_counted_as_kept() -> None:
    row = next(iter(guarantee_rows(Promise(num_draws=3, pool_size=2000), (150,))))
    assert (row["refused"], row["violations"]) == (3, 0)
    assert (row["mean_decision_frame"], row["price_frames"]) == (None, None)


def test_best_frame_is_the_best_of_many_bounds() -> None:
    tracks = draw_tracks(guarantee.LAWS["pd 0.9, d 1"], 1500, np.random.default_rng(0))
    best = best_frame(tracks, alpha=0.03)
    truth, frames = tracks.is_persistent, []
    for upper in np.arange(1.0, 6.0, 0.25):
        for lower in -np.arange(1.0, 6.0, 0.25):
            outcome = run_rule(TruncatedSPRT(upper=upper, lower=lower), tracks.sequences())
            if max(outcome.error_rates(truth)) <= 0.03:
                frames.append((outcome.age[truth].mean() + outcome.age[~truth].mean()) / 2)
    assert best <= min(frames) + 0.01
    assert best == pytest.approx(min(frames), abs=0.2)


def test_halt_conditional_errors_are_those_of_early_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds near 0 at every age decide nearly everything at birth, and mostly by chance."""
    row = halt_conditional_row(Promise(num_draws=10, pool_size=4000))
    assert row["violations"] == 0
    monkeypatch.setattr(
        guarantee, "calibrate_halt_conditional", lambda scores, **_: TruncatedSPRT(upper=0.1, lower=-0.1)
    )
    assert halt_conditional_row(Promise(num_draws=10, pool_size=4000))["violations"] == 2


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"delta": 1.0}, {"num_draws": 0}, {"pool_size": 10}])
def test_settings_out_of_range_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Promise(**wrong)
