"""What bounds make of stored scores, against decisions taken one by one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.evaluation.stored_scores import StoredScores, cost_of_bounds

HORIZON = 5


def scores_of(rows: list[list[float]], truth: list[bool], is_open: list[bool]) -> StoredScores:
    evidence = np.full((len(rows), HORIZON), np.nan)
    for place, row in enumerate(rows):
        evidence[place, : len(row)] = row
    return StoredScores(
        clip_id=["clip"] * len(rows),
        track_id=list(range(len(rows))),
        is_persistent=np.array(truth, dtype=bool),
        is_open=np.array(is_open, dtype=bool),
        evidence=evidence,
        horizon=HORIZON,
        on_timeout="transient",
    )


def test_each_way_to_end_counts_as_it_should() -> None:
    rows = [[0.0, 3.0], [0.0, -3.0], [0.0] * 5, [0.0, 0.0], [0.0, 0.0]]
    scores = scores_of(rows, [True, False, True, False, True], [False, False, False, False, True])
    cost = cost_of_bounds(scores, upper=2.0, lower=-2.0)
    assert (cost.num_persistent, cost.num_transient, cost.num_undecided) == (2, 2, 2)  # the open one counts nowhere
    assert (cost.miss_rate, cost.false_confirm_rate) == (0.5, 0.0)
    assert cost.mean_decision_frame == (2 + 2 + 5 + 3) / 4
    assert cost.mean_confirm_frame == 2


def by_hand(rows: list[list[float]], truth: list[bool], is_open: list[bool], upper: float, lower: float) -> list[int]:
    """Returns persistent, transient, confirmed and false-confirmed tracks, counted track by track."""
    found = [0, 0, 0, 0]
    for row, is_persistent, may_go_on in zip(rows, truth, is_open, strict=True):
        verdict = next((value >= upper for value in row if value >= upper or value <= lower), None)
        if verdict is None and may_go_on and len(row) < HORIZON:
            continue
        found[0 if is_persistent else 1] += 1
        found[2 if is_persistent else 3] += bool(verdict)
    return found


TRACKS = st.lists(
    st.tuples(st.lists(st.floats(-4, 4), min_size=1, max_size=HORIZON), st.booleans(), st.booleans()), min_size=1
)


@given(tracks=TRACKS, upper=st.floats(0.1, 3), lower=st.floats(-3, -0.1))
def test_counts_are_those_by_hand(tracks: list[tuple[list[float], bool, bool]], upper: float, lower: float) -> None:
    rows, truth, is_open = (list(column) for column in zip(*tracks, strict=True))
    cost = cost_of_bounds(scores_of(rows, truth, is_open), upper=upper, lower=lower)
    counted = [cost.num_persistent, cost.num_transient, cost.num_confirmed, cost.num_false_confirms]
    assert counted == by_hand(rows, truth, is_open, upper, lower)


def test_what_is_stored_is_what_is_read(tmp_path: Path) -> None:
    scores = scores_of([[0.12345, 1.0], [-1.0] * 5], [True, False], [True, False])
    scores.save(tmp_path / "scores.json")
    found = StoredScores.load(tmp_path / "scores.json")
    np.testing.assert_array_equal(found.evidence, np.round(scores.evidence, 3))
    assert found.is_open.tolist() == [True, False] and found.on_timeout == "transient"
    cost = cost_of_bounds(found, upper=math.inf, lower=-math.inf)
    assert (cost.num_confirmed, cost.num_undecided, cost.mean_confirm_frame) == (0, 1, None)


def test_bounds_that_cross_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected lower < upper"):
        cost_of_bounds(scores_of([[0.0]], [True], [False]), upper=-1.0, lower=1.0)
