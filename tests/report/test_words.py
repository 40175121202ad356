"""The words of a report follow its figures: no praise, and FAIL wherever something failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.files import read_json_lines, write_json_lines
from perdure.report.render import report_markdown
from perdure.report.stored_run import StoredRun
from report.report_page import stored_value


def words_of(run_path: Path) -> str:
    """Returns the report as text; the pictures are not drawn for it."""
    return report_markdown(StoredRun(run_path))


def row_of(words: str, start: str) -> list[str]:
    """Returns the cells of the row of a table that starts with some words."""
    line = next(line for line in words.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip(" *") for cell in line.strip("|").split(" | ")]


def set_target(change: Callable[..., None], index: int, name: str, value: float | None, *, is_met: bool) -> None:
    """Changes a figure together with the target that repeats it."""
    changes = {name: value, f"targets.{index}.value": value, f"targets.{index}.met": is_met}
    change("evaluation/evaluation_metrics.json", changes)


def all_targets_met(own_run: Path, change: Callable[..., None]) -> None:
    targets = stored_value(own_run, "evaluation/evaluation_metrics.json", "targets")
    for index, target in enumerate(targets):
        is_rate = target["name"] in ("false_confirm_rate", "miss_rate")
        if is_rate:
            change("evaluation/evaluation_metrics.json", {f"{target['name']}_ci95": [0.0, 0.01]})
        set_target(change, index, target["name"], target["target"] + (-0.01 if is_rate else 0.01), is_met=True)


def test_a_missed_target_shows_as_fail(own_run: Path, change: Callable[..., None]) -> None:
    all_targets_met(own_run, change)
    assert "\n**PASS**: 9 of 9 targets are met." in words_of(own_run)
    set_target(change, 0, "accuracy", 0.79996, is_met=False)
    words = words_of(own_run)
    assert "\n**FAIL**: 1 of 9 targets are missed: accuracy." in words
    assert "**PASS**: " not in words
    assert row_of(words, "Accuracy")[1:4] == ["> 80 %", "79.996 %", "FAIL"]
    assert row_of(words, "Early-stop rate")[3] == "PASS"


def test_a_target_that_is_said_to_be_met_and_is_not_fails(own_run: Path, change: Callable[..., None]) -> None:
    all_targets_met(own_run, change)
    set_target(change, 0, "accuracy", 0.5, is_met=True)
    assert "\n**FAIL**: 1 of 9 targets are missed: accuracy." in words_of(own_run)


def test_a_target_that_was_not_measured_is_not_met(own_run: Path, change: Callable[..., None]) -> None:
    all_targets_met(own_run, change)
    set_target(change, 3, "attention_efficiency", None, is_met=False)
    assert row_of(words_of(own_run), "Attention efficiency, ungated")[2:4] == [
        "2.18 in the gate as it runs; ungated not measured",
        "FAIL",
    ]


def test_a_report_without_targets_does_not_pass(own_run: Path, change: Callable[..., None]) -> None:
    change("evaluation/evaluation_metrics.json", {"targets": []})
    assert "**FAIL**: No target was evaluated." in words_of(own_run)


def test_a_target_that_contradicts_its_figure_is_an_error(own_run: Path, change: Callable[..., None]) -> None:
    change("evaluation/evaluation_metrics.json", {"targets.0.value": 0.97531})
    with pytest.raises(ValueError, match=r"targets.0 gives accuracy as 0.97531, but accuracy is"):
        words_of(own_run)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mean_decision_frame": 2.0}, "below the full-observation bound, which no rule can do on average"),
        ({"mean_decision_frame": 3.5}, "earlier than any rule on detections alone can be"),
        ({"mean_decision_frame": 5.5}, "no earlier than the best rule without pictures could be"),
        ({"optimal_decision_frame_seeing": None}, "The optima are not known for this world"),
        ({"miss_rate": 0.011}, "That is within what was set"),
        (
            {"miss_rate": 0.05, "miss_rate_ci95": [0.01, 0.09]},
            "though the interval still includes it",
        ),
        ({"miss_rate": 0.05, "miss_rate_ci95": [0.03, 0.09]}, "FAIL: that is above what was set"),
        ({"controls.crop_swap.accuracy": 1.0}, "FAIL: foreign crops change nothing for the worse"),
        ({"controls.crop_swap.accuracy": 0.955, "accuracy_ci95.0": 0.95}, "by no more than chance may do"),
        ({"controls.crop_swap.accuracy": 0.4}, "the pictures take part in the decision"),
        ({"controls.scrambled_metadata_changed_decisions": 3}, "FAIL: decisions depend on what is not in the picture"),
        ({"controls.shortcut_rules.red": 0.6}, "None of them stands out from chance, given the number of tracks"),
        ({"controls.own_crops.accuracy": 0.5}, "FAIL: foreign crops change nothing for the worse"),
        ({"controls.shortcut_rules.red": 0.71}, "FAIL: a shortcut is open, the label can be guessed from red"),
        ({"association": "tracker"}, "The headline figures already are end to end"),
    ],
)
def test_words_follow_the_figures(
    own_run: Path, change: Callable[..., None], changes: dict[str, float], expected: str
) -> None:
    targets = stored_value(own_run, "evaluation/evaluation_metrics.json", "targets")
    place = {target["name"]: index for index, target in enumerate(targets)}
    repeated = {f"targets.{place[name]}.value": value for name, value in changes.items() if name in place}
    change("evaluation/evaluation_metrics.json", {**changes, **repeated})
    assert expected in words_of(own_run)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"efficiency_ci95": [2.4, 2.8], "structure_control": 1.7}, "what exceeds it is content"),
        ({"efficiency_ci95": [1.5, 2.8], "structure_control": 1.7}, "how much of it is content cannot be said"),
        ({"structure_control": 3.0}, "none of it can be put down to content"),
        ({"efficiency": None}, "Attention efficiency was not measured"),
    ],
)
def test_attention_is_never_praised_beyond_its_control(
    own_run: Path, change: Callable[..., None], changes: dict[str, float], expected: str
) -> None:
    change("visualizations/attention_analysis.json", changes)
    assert expected in words_of(own_run)


@pytest.mark.parametrize(
    ("saving", "expected"),
    [
        (-0.1, "FAIL: on the clock nothing is saved"),
        (0.2, "The clock saves less than the count promises"),
        (0.99, "The clock saves no less than the count promises"),
    ],
)
def test_the_clock_is_held_against_the_count(
    own_run: Path, change: Callable[..., None], saving: float, expected: str
) -> None:
    change("efficiency_metrics.json", {"classes.all.savings_wall_clock": saving})
    assert expected in words_of(own_run)


def test_a_run_without_wrong_decisions_says_so(own_run: Path) -> None:
    rows = read_json_lines(own_run / "evaluation" / "decisions.jsonl")
    right = [row | {"label": row["true_label"]} for row in rows]
    write_json_lines(own_run / "evaluation" / "decisions.jsonl", right)
    assert "Misses: persistent tracks that were not confirmed: none in this run." in words_of(own_run)
