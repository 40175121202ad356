"""Records survive their file; every rate equals a count by hand; what is wrong is named with file, line and field."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.metrics.decisions import (
    DecisionRecord,
    confusion_matrix,
    decision_metrics,
    read_decisions,
    write_decisions,
)
from perdure.metrics.intervals import binomial_interval

RECORD = DecisionRecord(
    clip_id="test-0001",
    track_id=3,
    true_label="persistent",
    label="persistent",
    evidence=3.25,
    probability=0.96,
    decision_frame=4,
    decided=True,
    reason="evidence",
    first_frame=5,
    last_frame=31,
    frames_encoded=4,
    reopened=False,
)


def record(
    clip: int, truth: str, label: str, age: int = 4, length: int = 20, encoded: int | None = None
) -> DecisionRecord:
    return replace(
        RECORD,
        clip_id=f"clip-{clip}",
        true_label=truth,
        label=label,
        decision_frame=age,
        last_frame=5 + length - 1,
        frames_encoded=age if encoded is None else encoded,
    )


P, T = "persistent", "transient"
RECORDS = [
    record(0, P, P, age=2),
    record(0, P, P, age=5),
    record(0, T, P, age=4, length=7),
    record(1, P, T, age=16),
    record(1, T, T, age=3, length=6),
    record(1, T, T, age=6, length=6),
    record(2, T, T, age=4, length=8, encoded=5),
]


def test_rates_by_hand() -> None:
    metrics = decision_metrics(RECORDS, num_censored=2)
    assert metrics.num_clips == 3
    assert metrics.num_tracks == 7
    assert metrics.num_censored == 2
    assert metrics.confusion_matrix == {P: {P: 2, T: 1}, T: {P: 1, T: 3}}
    assert metrics.accuracy == 5 / 7
    assert metrics.accuracy_ci95 == binomial_interval(5, 7)
    assert metrics.false_confirm_rate == 1 / 4
    assert metrics.false_confirm_rate_ci95 == binomial_interval(1, 4)
    assert metrics.miss_rate == 1 / 3
    assert metrics.miss_rate_ci95 == binomial_interval(1, 3)
    assert metrics.total_error == pytest.approx((1 / 4 + 1 / 3) / 2)
    assert metrics.early_stop_rate == 4 / 7
    assert metrics.mean_decision_frame == 40 / 7
    assert metrics.mean_decision_frame_persistent == 23 / 3
    assert metrics.mean_decision_frame_transient == 17 / 4
    assert metrics.track_frames_gated == 2 + 5 + 4 + 16 + 3 + 6 + 5
    assert metrics.track_frames_ungated == 20 * 3 + 7 + 6 + 6 + 8
    assert metrics.compute_savings_track_frames == 1 - 41 / 87


def test_the_matrix_is_indexed_by_truth_first() -> None:
    assert confusion_matrix([record(0, P, T)]) == {P: {P: 0, T: 1}, T: {P: 0, T: 0}}


def test_a_verdict_that_the_horizon_forced_is_right_or_wrong_like_any_other() -> None:
    forced = [replace(row, reason="timeout", decided=False) for row in RECORDS]
    assert decision_metrics(forced).accuracy == decision_metrics(RECORDS).accuracy


def test_early_means_at_that_age_or_before() -> None:
    assert decision_metrics(RECORDS, early_stop_frame=1).early_stop_rate == 0
    assert decision_metrics(RECORDS, early_stop_frame=2).early_stop_rate == 1 / 7
    assert decision_metrics(RECORDS, early_stop_frame=16).early_stop_rate == 1


def test_a_class_without_tracks_has_no_rate() -> None:
    metrics = decision_metrics([record(0, P, P)])
    assert metrics.false_confirm_rate is None
    assert metrics.false_confirm_rate_ci95 == (0.0, 1.0)
    assert metrics.total_error is None
    assert metrics.mean_decision_frame_transient is None
    assert metrics.miss_rate == 0
    assert json.loads(json.dumps(metrics.to_dict()))["total_error"] is None


def test_the_interval_over_clips_is_wider_when_whole_clips_fail() -> None:
    """40 clips of 10 tracks, all right or all wrong: 40 pieces of news, not 400."""
    records = [record(clip, P, P if clip % 4 else T) for clip in range(40) for _ in range(10)]
    metrics = decision_metrics(records)
    low, high = metrics.accuracy_ci95_clips
    assert low < metrics.accuracy_ci95[0] - 0.05
    assert high > metrics.accuracy_ci95[1] + 0.05
    assert (low, high) == decision_metrics(records).accuracy_ci95_clips
    half = 1.96 * math.sqrt(0.75 * 0.25 / 40)
    assert low == pytest.approx(0.75 - half, abs=0.03)


def test_the_interval_over_clips_weighs_clips_by_their_tracks() -> None:
    records = [record(0, P, P)] * 90 + [record(1, P, T)] * 10
    assert decision_metrics(records).accuracy == 0.9
    assert decision_metrics(records).accuracy_ci95_clips == (0.0, 1.0)


@given(st.lists(st.tuples(st.sampled_from([P, T]), st.sampled_from([P, T]), st.integers(1, 16)), min_size=1))
def test_rates_are_rates(rows: list[tuple[str, str, int]]) -> None:
    records = [record(index % 3, truth, label, age) for index, (truth, label, age) in enumerate(rows)]
    metrics = decision_metrics(records, num_resamples=100)
    assert sum(sum(row.values()) for row in metrics.confusion_matrix.values()) == len(rows)
    assert metrics.confusion_matrix == confusion_matrix(records[::-1])
    for rate, (low, high) in (
        (metrics.accuracy, metrics.accuracy_ci95),
        (metrics.accuracy, metrics.accuracy_ci95_clips),
        (metrics.false_confirm_rate, metrics.false_confirm_rate_ci95),
        (metrics.miss_rate, metrics.miss_rate_ci95),
    ):
        assert 0 <= low <= high <= 1
        assert rate is None or 0 <= rate <= 1
    assert 1 <= metrics.mean_decision_frame <= 16


def test_no_decisions_have_no_rates() -> None:
    with pytest.raises(ValueError, match="decisions: got no records"):
        decision_metrics([])


def test_records_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    records = [RECORD, replace(RECORD, track_id=4, label="transient", reason="timeout", decided=False, reopened=True)]
    write_decisions(path, records)
    assert read_decisions(path) == records
    stored = json.loads(path.read_text().splitlines()[0])
    assert ", ".join(stored) == (
        "clip_id, track_id, true_label, label, evidence, probability, decision_frame, decided, reason, first_frame, "
        "last_frame, frames_encoded, reopened"
    )
    assert np.isclose(decision_metrics(read_decisions(path)).accuracy, 0.5)


def write_lines(path: Path, *changes: dict[str, Any] | str) -> Path:
    lines = [change if isinstance(change, str) else json.dumps({**asdict(RECORD), **change}) for change in changes]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "car"}, r"line 3: label: got 'car', expected one of persistent, transient"),
        ({"decision_frame": 0}, r"line 3: decision_frame: got 0, expected at least 1"),
        ({"decision_frame": 4.5}, r"line 3: decision_frame: got 4.5, expected int"),
        ({"evidence": "high"}, r"line 3: evidence: got 'high', expected float"),
        ({"probability": 1.5}, r"line 3: probability: got 1.5, expected 0 to 1"),
        ({"last_frame": 4}, r"line 3: last_frame: got 4, expected at least first_frame \(5\)"),
        ({"decided": False}, r"line 3: decided: got False with reason evidence"),
        ({"colour": "red"}, r"line 3: got unknown key 'colour', expected one of clip_id"),
        ("{", r"line 3: got text that is not JSON"),
        ("[1]", r"line 3: got list, expected a JSON object"),
        ('{"clip_id": "a"}', r"line 3: section '' is incomplete .*track_id"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any] | str, message: str) -> None:
    path = write_lines(tmp_path / "decisions.jsonl", {}, "", change)
    with pytest.raises(ValueError, match=f"decisions.jsonl {message}"):
        read_decisions(path)


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run 'perdure evaluate' on the run folder first"):
        read_decisions(tmp_path / "decisions.jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": math.inf}, "evidence: got inf, expected a finite number"),
        ({"frames_encoded": -1}, "frames_encoded: got -1"),
        ({"first_frame": -1}, "first_frame: got -1"),
        ({"reason": "timeout"}, "decided: got True with reason timeout"),
    ],
)
def test_a_record_that_contradicts_itself_cannot_be_made(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RECORD, **change)


def test_unknown_words_are_refused(as_user: None) -> None:
    with pytest.raises(ValueError, match="true_label: got 'maybe'"):
        replace(RECORD, true_label="maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reason: got 'bored'"):
        replace(RECORD, reason="bored")  # type: ignore[arg-type]
