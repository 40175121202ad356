from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perdure.drawing.totals import StreamTotals
from perdure.gate.results import GateResult
from perdure.live.live_page import INTERVAL_S, MAX_WIDTH_PX, LivePage
from perdure.live.outputs import NEWEST_PICTURE, NEWEST_STATE


def shown(page: LivePage, index: int, *, width: int = 64) -> None:
    totals = StreamTotals(
        frame_index=index, time_s=0.1, num_live=2, num_encoded=1, num_tentative=1, num_persistent_now=1,
        num_persistent=1, num_transient=0, savings=0.25,
    )  # fmt: skip
    result = GateResult(frame_index=index, time_s=0.1, tracks=(), decisions=(), drift=("hit rate fell",))
    page.show(np.full((32, width, 3), (200, 30, 10), np.uint8), result, totals)


def test_the_newest_frame_and_its_totals_are_written_a_few_times_a_second(tmp_path: Path) -> None:
    now = [0.0]
    page = LivePage(tmp_path, source="camera", clock=lambda: now[0])
    frames = []
    for index in range(25):
        now[0] = index * 0.3 * INTERVAL_S  # every fourth frame is the first one after the interval
        shown(page, index)
        frames.append(json.loads((tmp_path / NEWEST_STATE).read_text())["frame_index"])
    assert sorted(set(frames)) == list(range(0, 25, 4))
    state = json.loads((tmp_path / NEWEST_STATE).read_text())
    assert (state["frames_per_s"], state["drift"], state["savings"]) == (16.7, ["hit rate fell"], 0.25)
    assert {path.name for path in tmp_path.iterdir()} == {NEWEST_PICTURE, NEWEST_STATE}, "nothing half-written is left"


def test_the_picture_has_the_colours_of_the_frame_and_is_not_too_wide(tmp_path: Path) -> None:
    shown(LivePage(tmp_path, source="camera"), 0, width=2 * MAX_WIDTH_PX)
    picture = Image.open(io.BytesIO((tmp_path / NEWEST_PICTURE).read_bytes()))
    assert picture.size == (MAX_WIDTH_PX, 16)
    np.testing.assert_allclose(np.asarray(picture)[8, 8], (200, 30, 10), atol=8)


def test_a_folder_that_is_gone_does_not_end_the_stream(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shown(LivePage(tmp_path / "gone", source="camera"), 0)
    assert "cannot be written" in caplog.text
