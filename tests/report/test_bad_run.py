"""A report of deliberately bad figures says FAIL in every place that judges one, and nowhere praises."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.files import read_json_lines, write_json_lines
from perdure.report.render import report_html, report_markdown
from perdure.report.stored_run import StoredRun
from report.report_page import read_page, stored_value

METRICS = "evaluation/evaluation_metrics.json"


@pytest.fixture
def bad_run(own_run: Path, change: Callable[..., None]) -> Path:
    """A run in which everything that is judged is bad, while its file says that every target is met."""
    figures = {
        "accuracy": 0.41,
        "early_stop_rate": 0.05,
        "compute_savings_wall_clock": -0.3,
        "attention_efficiency": 0.4,
        "compute_savings_flops": -0.1,
        "false_confirm_rate": 0.6,
        "miss_rate": 0.58,
        "frames_before_optimum_of_detections": -4.0,
        "tokenizer_psnr_db": 3.0,
    }
    targets = stored_value(own_run, METRICS, "targets")
    assert {target["name"] for target in targets} == set(figures)
    repeated = {f"targets.{index}.value": figures[target["name"]] for index, target in enumerate(targets)}
    change(METRICS, figures | repeated | {f"targets.{index}.met": True for index in range(len(targets))})
    change(
        METRICS,
        {
            "false_confirm_rate_ci95": [0.5, 0.7],
            "miss_rate_ci95": [0.5, 0.7],
            "confirm_rate": 0.42,
            "accuracy_ci95": [0.35, 0.47],
            "controls.crop_swap.accuracy": 0.99,
            "controls.scrambled_metadata_changed_decisions": 12,
            "controls.shortcut_rules.red": 0.97,
        },
    )
    change("efficiency_metrics.json", {"classes.all.savings_wall_clock": -0.3})
    low = {
        "efficiency": 0.4,
        "efficiency_ci95": [0.3, 0.5],
        "gated_efficiency": 0.5,
        "gated_efficiency_ci95": [0.4, 0.6],
    }
    change("visualizations/attention_analysis.json", low)
    return own_run


JUDGED = (
    "FAIL: that is above what was set, and the whole interval is.",
    "FAIL: on the clock nothing is saved.",
    "FAIL: foreign crops change nothing for the worse",
    "FAIL: decisions depend on what is not in the picture.",
    "FAIL: a shortcut is open, the label can be guessed from red.",
    "none of it can be put down to content",
)


def test_the_text_says_fail_everywhere(bad_run: Path) -> None:
    text = report_markdown(StoredRun(bad_run))
    assert "PASS" not in text
    assert "\n**FAIL**: 9 of 9 targets are missed:" in text
    assert len(re.findall(r"\| \*\*FAIL\*\* \|", text)) == 9
    for words in JUDGED:
        assert words in text
    assert text.count(JUDGED[0]) == text.count(JUDGED[-1]) == 2  # both rates, both passes
    assert "what exceeds it is content" not in text.replace("other tracks: what exceeds it is content", "")


def test_the_page_says_fail_everywhere(bad_run: Path) -> None:
    (bad_run / "FINAL_REPORT.html").write_text(report_html(StoredRun(bad_run)), encoding="utf-8")
    page = read_page(bad_run / "FINAL_REPORT.html")
    words = " ".join(" ".join(page.words).split())
    assert "PASS" not in words
    assert [row[3] for row in page.rows[1:10]] == ["FAIL"] * 9
    for said in JUDGED:
        assert said in words
    assert "<title>FAIL: " in (bad_run / "FINAL_REPORT.html").read_text(encoding="utf-8")


def test_the_first_screen_says_no_rate_that_a_constant_verdict_reaches(
    bad_run: Path, change: Callable[..., None]
) -> None:
    """On recorded tracks, most of which are transient, 91.9 % of verdicts were right while a third was missed."""
    change(METRICS, {"accuracy": 0.919, "targets.0.value": 0.919, "constant_accuracy": 0.93})
    head = report_markdown(StoredRun(bad_run)).partition("\n## ")[0]
    first = head.splitlines()[0]
    assert first.startswith("# 42.0 % of simulated persistent tracks are confirmed, at a mean age of ")
    assert "; 60.0 % of transient ones are confirmed, too." in first
    assert "All clips are simulated" in head
    outside = [line for line in head.splitlines() if "91.9 %" in line]
    assert [line.partition(" | ")[0] for line in outside] == ["| Accuracy"]  # the target that asks for it, alone


def test_a_track_that_reached_no_bound_was_not_rejected(own_run: Path) -> None:
    """A persistent track with a probability of 0.731 was called transient where the tracker had given it up."""
    path = own_run / "evaluation" / "decisions.jsonl"
    rows = read_json_lines(path)
    missed = next(row for row in rows if row["true_label"] == "persistent" and row["label"] == "transient")
    write_json_lines(
        path, [row | {"reason": "deleted", "probability": 0.731} if row == missed else row for row in rows]
    )
    text = report_markdown(StoredRun(own_run))
    start = f"| {missed['clip_id']} / {missed['track_id']} |"
    lines = [line for line in text.splitlines() if line.startswith(start)]
    assert lines and all("| undecided, not confirmed |" in line and "0.731" in line for line in lines)
    assert re.search(r"Truly persistent: \d+ confirmed, \d+ rejected, 1 never decided", text)
