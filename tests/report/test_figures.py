"""Figures are whole PNGs that show the stored numbers and change when the data do."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from perdure.metrics.decisions import DecisionRecord, read_decisions
from perdure.report import figures
from perdure.report.style import save_figure, svg_bytes


def stored(run_path: Path, name: str) -> Any:
    return json.loads((run_path / name).read_text(encoding="utf-8"))


def texts_of(figure: Figure) -> list[str]:
    return [item.get_text() for item in figure.findobj(Text)]  # type: ignore[attr-defined]


def first_class_changed(records: list[DecisionRecord]) -> list[DecisionRecord]:
    first = records[0]
    other = "transient" if first.label == "persistent" else "persistent"
    return [replace(first, label=other), *records[1:]]


@pytest.fixture(scope="module")
def content(run_path: Path) -> dict[str, Any]:
    return {
        "metrics": stored(run_path, "evaluation/evaluation_metrics.json"),
        "efficiency": stored(run_path, "efficiency_metrics.json"),
        "records": read_decisions(run_path / "evaluation" / "decisions.jsonl"),
    }


def spoil_confusion(content: dict[str, Any]) -> None:
    content["metrics"]["confusion_matrix"]["transient"]["persistent"] += 1


def spoil_records(content: dict[str, Any]) -> None:
    content["records"] = first_class_changed(content["records"])


def spoil_cost(content: dict[str, Any]) -> None:
    content["efficiency"]["classes"]["transient"]["seconds_gated"] *= 1.5


DRAWINGS: list[tuple[Callable[[dict[str, Any]], Figure], Callable[[dict[str, Any]], None]]] = [
    (lambda content: figures.confusion_figure(content["metrics"]), spoil_confusion),
    (lambda content: figures.histogram_figure(content["records"], 4), spoil_records),
    (lambda content: figures.compute_figure(content["efficiency"]), spoil_cost),
]


@pytest.mark.parametrize(("draw", "spoil"), DRAWINGS, ids=["confusion", "histogram", "compute"])
def test_a_figure_is_a_png_that_follows_its_data(
    content: dict[str, Any],
    tmp_path: Path,
    draw: Callable[[dict[str, Any]], Figure],
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    changed = copy.deepcopy(content)
    spoil(changed)
    paths = [tmp_path / name for name in ("first.png", "again.png", "changed.png")]
    for values, path in zip((content, content, changed), paths, strict=True):
        save_figure(draw(values), path)
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 10
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


def test_the_confusion_matrix_shows_the_stored_counts(content: dict[str, Any]) -> None:
    metrics = content["metrics"] | {
        "confusion_matrix": {
            "persistent": {"persistent": 1111, "transient": 22},
            "transient": {"persistent": 3, "transient": 4444},
        }
    }
    texts = texts_of(figures.confusion_figure(metrics))
    shown = [text for text in texts if text.replace(",", "").isdigit()]
    assert shown == ["1,111", "22", "3", "4,444"]


def test_the_histogram_counts_every_record_once(content: dict[str, Any]) -> None:
    records = content["records"]
    figure = figures.histogram_figure(records, 4)
    for axes, truth in zip(figure.axes, ("persistent", "transient"), strict=True):
        mine = [record for record in records if record.true_label == truth]
        bars = [bar for group in axes.containers for bar in group]
        assert sum(bar.get_height() for bar in bars) == len(mine)
        wrong = sum(not record.is_right for record in mine)
        names = [text.get_text() for text in axes.get_legend().get_texts()]
        assert (f"wrong: {wrong}" in names) == (wrong > 0)


def test_forced_decisions_are_marked(content: dict[str, Any]) -> None:
    forced = replace(
        content["records"][0], decided=False, reason="timeout", label="persistent", true_label="persistent"
    )
    figure = figures.histogram_figure([forced], 4)
    assert "right, forced at the horizon: 1" in texts_of(figure)


def test_the_compute_chart_shows_savings_and_what_they_depend_on(content: dict[str, Any]) -> None:
    efficiency = copy.deepcopy(content["efficiency"])
    efficiency |= {"num_frames": 48, "max_misses": 7}
    efficiency["classes"]["all"] |= {"flops_gated": 4.4e9, "savings_flops": 0.123, "savings_wall_clock": 0.456}
    texts = texts_of(figures.compute_figure(efficiency))
    assert "4.4 GFLOP  saves 12.3 %" in texts
    assert any(text.endswith("saves 45.6 %") for text in texts)
    assert "T = 48, max_misses = 7" in texts


def test_a_histogram_of_nothing_is_a_figure() -> None:
    assert len(svg_bytes(figures.histogram_figure([], 4))) > 1000


def test_svg_has_no_date_and_loads_nothing(content: dict[str, Any]) -> None:
    first, again = (svg_bytes(figures.confusion_figure(content["metrics"])) for _ in range(2))
    assert first == again
    assert b'href="http' not in first
    assert b"<dc:date>" not in first


def test_another_suffix_is_an_error(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got suffix '\.gif', expected \.png or \.svg"):
        save_figure(figures.confusion_figure(content["metrics"]), tmp_path / "confusion.gif")
