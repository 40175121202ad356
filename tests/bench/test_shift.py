"""Shifts: which break the promise, which do not, and that the breaking ones are reported."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.bench import shift as shift_module
from perdure.bench.guarantee import Promise
from perdure.bench.law_tracks import draw_tracks
from perdure.bench.shift import CALIBRATED, SHIFTS, drift_messages, shift_rows
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import run_rule


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift_module, "NUM_CALIBRATIONS", 4)
        return {row["data"]: row for row in shift_rows(Promise(pool_size=6000))}


def test_every_shift_has_a_row(rows: dict[str, dict]) -> None:
    assert list(rows) == [shift.name for shift in SHIFTS]


@pytest.mark.parametrize("name", ["as calibrated", "20 % persistent instead of 50 %"])
def test_a_change_of_the_mixture_breaks_nothing_and_is_not_reported(rows: dict[str, dict], name: str) -> None:
    assert (rows[name]["violations"], rows[name]["reported"]) == (0, [])


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("Pd 0.7 instead of 0.9", "miss_rate", "confirmed tracks are hit on 7"),
        ("Pfa 0.2 instead of 0.05", "false_confirm_rate", "places of rejected tracks are hit on 1"),
        ("60 Hz instead of 30 Hz", "false_confirm_rate", "frame rate is 60 Hz"),
    ],
)
def test_what_breaks_the_promise_is_reported(rows: dict[str, dict], name: str, rate: str, message: str) -> None:
    row = rows[name]
    assert row[rate] > 0.03
    assert row["violations"] == 4
    assert any(found.startswith(message) for found in row["reported"])


def test_objects_that_were_rejected_by_mistake_are_not_taken_for_clutter() -> None:
    """A rule that rejects everything at birth rejects every real object; their hits are not clutter."""
    tracks = draw_tracks(CALIBRATED, 4000, np.random.default_rng(1))
    everything = TruncatedSPRT(upper=99.0, lower=98.0)
    outcome = run_rule(everything, tracks.sequences())
    assert not outcome.is_persistent.any()
    assert drift_messages(SHIFTS[0], tracks, outcome) == []
