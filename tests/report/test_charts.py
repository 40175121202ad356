"""Every number of a chart is the stored one, found again from the file and key that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.files import read_json_lines
from perdure.report.charts import CHARTS
from perdure.report.stored_run import StoredRun
from report.report_page import read_number, read_page, stored_value


@pytest.fixture(scope="module")
def specs(reported_run: Path) -> dict[str, Any]:
    charts: dict[str, Any] = read_page(reported_run / "FINAL_REPORT.html").data["charts"]
    return charts


def series_of(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from spec.get("series", [])
    yield from spec.get("marks", [])


def recounted(rows: list[dict[str, Any]], where: dict[str, Any]) -> dict[int, int]:
    """Counts decisions by age, with code of its own."""
    found: dict[int, int] = {}
    for row in rows:
        known = {**row, "is_right": row["label"] == row["true_label"]}
        if all(known[name] == value for name, value in where.items()):
            found[row["decision_frame"]] = found.get(row["decision_frame"], 0) + 1
    return found


def test_every_chart_that_belongs_to_a_run_on_clips_is_on_the_page(specs: dict[str, Any]) -> None:
    assert set(specs) == set(CHARTS) - {"cost_at_rates", "sequences"}


def test_every_point_is_the_stored_one(reported_run: Path, specs: dict[str, Any]) -> None:
    seen = 0
    for spec in specs.values():
        for series in series_of(spec):
            rows = read_json_lines(reported_run / series["file"]) if not series["key"] else None
            stored = rows if rows is not None else stored_value(reported_run, series["file"], series["key"])
            rows = [stored] if isinstance(stored, dict) else stored
            where, least = series.get("where", {}), series.get("least")
            wanted = [
                [row[field] for field in series["fields"]]
                for row in rows
                if all(row.get(name) == value for name, value in where.items())
                and all(row.get(field) is not None for field in series["fields"])
            ]
            assert series["points"] == sorted(point for point in wanted if least is None or point[1] >= least)
            seen += len(series["points"])
    assert seen > 100


def test_every_row_is_the_stored_one(reported_run: Path, specs: dict[str, Any]) -> None:
    rows = [
        row for spec in specs.values() if spec["kind"] == "rows" for panel in spec["panels"] for row in panel["rows"]
    ]
    assert len(rows) > 20
    for row in rows:
        assert row["value"] == stored_value(reported_run, row["file"], row["key"])
        shown, tolerance = read_number(row["text"])
        assert abs(shown - row["value"]) <= tolerance
        if row["interval"] is not None:
            assert row["interval"] == stored_value(reported_run, row["file"], row["interval_key"])


def test_every_bar_is_a_count_of_decisions(reported_run: Path, specs: dict[str, Any]) -> None:
    decisions = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    counted = 0
    for panel in specs["ages"]["panels"]:
        for series in panel["series"]:
            assert dict(series["counts"]) == recounted(decisions, series["where"])
            counted += sum(count for _, count in series["counts"])
    assert counted == len(decisions)


def test_the_attention_of_the_gate_that_runs_comes_first(specs: dict[str, Any]) -> None:
    """The figure of the ungated pass, four times as large, hid that of the gate that runs."""
    keys = [panel["rows"][0]["key"] for panel in specs["attention"]["panels"]]
    assert keys == ["gated_efficiency", "efficiency"]


@pytest.mark.parametrize("error", [0.0, None])
def test_an_operating_point_without_error_is_no_point(
    own_run: Path, change: Callable[..., None], error: float | None
) -> None:
    change("evaluation/frontier.json", {"operating_point.total_error": error, "gate": [], "lifetime": None})
    spec = CHARTS["frontier"].build(StoredRun(own_run))
    assert spec is not None and spec["marks"] == []
    assert [series["key"] for series in spec["series"]] == ["optimum_detections", "optimum_seeing"]
