"""A browser clicks through the monitor, with nothing but this machine to reach."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from monitor.stored_runs import append_rows, decision_line, stored_run
from perdure.drawing.totals import StreamTotals
from perdure.gate.results import GateResult
from perdure.live.live_page import LivePage
from perdure.live.outputs import TRACK_COLUMNS
from perdure.monitor.server import application
from perdure.monitor.site import Places, Site
from perdure.runs.run_folder import RunFolder

OpenPage = Callable[..., Any]


class Served:
    """A monitor in a thread, which can be ended and started again on its port."""

    def __init__(self, places: Places) -> None:
        self._places, self.port = places, 0
        self.start()

    def start(self) -> None:
        config = uvicorn.Config(lambda scope: None, port=self.port, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        config.app = application(Site(self._places), is_ending=lambda: self._server.should_exit)
        listening = config.bind_socket()
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    made = [stored_run(tmp_path / "runs" / name, num_rows=num) for name, num in (("first", 3), ("second", 40))]
    made[0].log_file.write_text("INFO a line <img src=x onerror=console.error(1)>\n")
    (made[0].analysis / "chart.png").write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
            "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
        )
    )
    return made


@pytest.fixture
def served(tmp_path: Path, runs: list[RunFolder]) -> Iterator[Served]:
    seen = tmp_path / "seen"
    seen.mkdir()
    lines = [f"{frame},{frame / 25},7,1,1,9,9,{frame + 1},1,0.9,-1,tentative,{frame / 4},0.6" for frame in range(9)]
    (seen / "tracks.csv").write_text("\n".join([TRACK_COLUMNS, *lines, "9,0.3"]))
    (seen / "decisions.jsonl").write_text(decision_line(3))
    show_newest(seen, num_by_rule=4)
    server = Served(Places(runs=tmp_path / "runs", watched=seen))
    yield server
    server.end()


def show_newest(seen: Path, *, num_by_rule: int) -> None:
    """Writes what a watched stream writes for its page."""
    totals = StreamTotals(
        frame_index=8, time_s=0.3, num_live=1, num_encoded=1, num_tentative=1, num_persistent_now=0,
        num_persistent=5, num_transient=2, savings=0.375, compared=f"3 in a row: {num_by_rule} so far",
    )  # fmt: skip
    result = GateResult(frame_index=8, time_s=0.3, tracks=(), decisions=(), drift=("births have <b>risen</b>",))
    LivePage(seen, source="camera").show(np.full((48, 64, 3), 90, dtype=np.uint8), result, totals)


def shown(page: Any, text: str) -> None:
    """Waits until a text is to be seen."""
    page.get_by_text(text).first.wait_for(timeout=10_000)


def test_runs_are_chosen_and_stand_side_by_side(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.address)
    page.get_by_role("checkbox", name="second").check()
    page.get_by_role("checkbox", name="first").check()
    shown(page, "2 runs side by side")
    shown(page, "second: 40 rows.")
    assert page.locator("canvas").count() >= 3, "a curve of both, and the load"
    assert page.get_by_role("img", name="train: loss").get_attribute("aria-label").count("first") == 1
    page.reload()
    shown(page, "2 runs side by side")
    page.get_by_role("checkbox", name="second").uncheck()
    shown(page, "train (2 of 8)")
    page.locator("section .pictures img[alt='analysis/chart.png']").wait_for()
    shown(page, "<img src=x onerror=console.error(1)>")


def test_a_server_that_starts_again_loses_and_doubles_no_point(
    open_page: OpenPage, served: Served, runs: list[RunFolder]
) -> None:
    page = open_page(f"{served.address}#view=runs&run=first", expected="net::ERR_")
    shown(page, "3 rows.")
    append_rows(runs[0], range(3, 5))
    shown(page, "5 rows.")
    served.end()
    shown(page, "no connection; trying again")
    append_rows(runs[0], range(5, 9))
    served.start()
    append_rows(runs[0], range(9, 10))
    shown(page, "10 rows.")
    last = page.get_by_role("img", name="train: loss").get_attribute("aria-label")
    assert last == "train: loss; last: first 0.1"


def test_a_camera_is_shown_with_tracks_decisions_and_drift(open_page: OpenPage, served: Served, tmp_path: Path) -> None:
    page = open_page(served.address, width_px=390, scheme="dark")
    page.get_by_role("link", name="Camera").press("Enter")
    page.locator("img[alt='newest annotated frame']").wait_for()
    shown(page, "37.5 %")
    shown(page, "births have <b>risen</b>")
    shown(page, "no promise on error rates")
    shown(page, "3 in a row: 4 so far")
    show_newest(tmp_path / "seen", num_by_rule=6)
    shown(page, "3 in a row: 6 so far")
    assert page.locator("polyline.spark").get_attribute("points").count(",") == 9
    with (tmp_path / "seen" / "decisions.jsonl").open("a") as file:
        file.write(decision_line(11) + json.dumps({"track_id": 12})[:9])
    shown(page, "#11")
    assert page.get_by_role("region", name="decisions").locator("tr").count() == 3, "the head, and two decisions"
    assert page.evaluate("document.documentElement.scrollWidth") == 390, "nothing is cut at the right"
    counts = {"num_frames": 317, "num_tracks": 9, "num_persistent": 6, "num_transient": 2, "num_undecided": 1}
    (tmp_path / "seen" / "summary.json").write_text(json.dumps(counts | {"savings_track_frames": 0.4}))
    shown(page, "317")
    shown(page, "ended")
