"""Figures of the benchmarks: what they show of the rows that they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from perdure.report.bench_figures import draw_speed_rows, draw_tracker_rows
from perdure.report.style import GATE, WRONG


def row(tracker: str, method: str, *, num_false: int, **gain: Any) -> dict[str, Any]:
    return {"data": "street", "tracker": tracker, "method": method, "num_false_tracks": num_false, **gain}


def share_of(colour: str, path: Path) -> float:
    """Returns the share of pixels of a picture that have a colour."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return float((np.abs(pixels - 255 * np.array(to_rgb(colour))).max(axis=2) < 3).mean())


@pytest.mark.parametrize(("interval", "is_worse"), [((-0.03, -0.01), True), ((-0.03, 0.01), False)])
def test_only_what_is_worse_beyond_its_interval_is_shown_so(
    tmp_path: Path, interval: tuple[float, float], is_worse: bool
) -> None:
    rows = []
    for tracker in ("SORT", "OC-SORT"):
        rows.append(row(tracker, "own rule", num_false=0 if tracker == "SORT" else 8))
        gain = {"HOTA_difference": -0.01, "HOTA_difference_ci95": interval}
        rows.append(row(tracker, "gate", num_false=2, **gain))
    draw_tracker_rows(rows, tmp_path / "rows.png", method="gate")
    shown, hidden = (WRONG, GATE) if is_worse else (GATE, WRONG)
    assert share_of(shown, tmp_path / "rows.png") > 0 == share_of(hidden, tmp_path / "rows.png")


def test_a_contender_that_was_left_out_of_large_streams_is_drawn_as_far_as_it_went(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"num_undecided": num, "then": {"cpu_ms": num / 10}, "fast": {"cpu_ms": 1 + num / 100}} for num in (10, 100)
    ]
    rows.append({"num_undecided": 1000.0, "fast": {"cpu_ms": 11.0}})
    draw_speed_rows(rows, tmp_path / "all.png", names={"then": "before", "fast": "now"})
    draw_speed_rows(rows, tmp_path / "one.png", names={"then": "before"})
    assert share_of(GATE, tmp_path / "all.png") > 0 == share_of(GATE, tmp_path / "one.png")
