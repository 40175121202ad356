"""Rows of numbers stay whole and are never there twice."""

from __future__ import annotations

import math
from pathlib import Path

from perdure.files import read_json_lines
from perdure.runs.progress import MetricsLog


def test_rows_of_work_that_is_done_again_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricsLog(path)
    for step in (10, 20, 30, 40):
        first.append({"stage": "train", "step": step, "run": 1})
    first.append({"stage": "evaluate", "run": 1})
    again = MetricsLog(path)
    for step in (30, 40, 50):
        again.append({"stage": "train", "step": step, "run": 2})
    again.append({"stage": "evaluate", "run": 2})
    rows = [(row["stage"], row.get("step"), row["run"]) for row in read_json_lines(path)]
    assert rows == [
        ("train", 10, 1),
        ("train", 20, 1),
        ("train", 30, 2),
        ("train", 40, 2),
        ("train", 50, 2),
        ("evaluate", None, 2),
    ]


def test_a_half_line_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"stage": "train", "step": 1}\n{"stage": "tr', encoding="utf-8")
    MetricsLog(path).append({"stage": "train", "step": 2})
    assert [row["step"] for row in read_json_lines(path)] == [1, 2]
    path.write_text("half of the first line", encoding="utf-8")
    MetricsLog(path)
    assert path.read_bytes() == b""


def test_numbers_that_json_does_not_know_become_null(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append({"stage": "train", "step": 1, "loss": math.nan, "worst": math.inf, "best": 0.5})
    (row,) = read_json_lines(tmp_path / "metrics.jsonl")
    assert row == {"stage": "train", "step": 1, "loss": None, "worst": None, "best": 0.5}
