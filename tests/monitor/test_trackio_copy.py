"""Copies in trackio, of which a fake stands here unless the real one is installed."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.stored_runs import append_rows, stored_run
from perdure.monitor.site import Places, Site
from perdure.monitor.trackio_copy import TrackioCopy, copy_to_trackio


class FakeTrackio:
    """Keeps runs in a list."""

    def __init__(self) -> None:
        self.stored: list[Any] = []

    def Api(self) -> Any:
        def runs(project: str) -> list[Any]:
            if not self.stored:
                raise ValueError(f"Project '{project}' does not exist")
            return list(self.stored)

        return SimpleNamespace(runs=runs)

    def init(self, *, project: str, name: str, config: dict[str, Any], **_: Any) -> Any:
        run = SimpleNamespace(name=name, config=config, rows=[], finish=lambda: None)
        run.log = lambda values, step: run.rows.append((step, values))
        run.delete = lambda: self.stored.remove(run)
        self.stored.append(run)
        return run


def test_every_row_is_there_once_over_restarts_and_where_the_file_was_replaced(tmp_path: Path) -> None:
    trackio, run = FakeTrackio(), stored_run(tmp_path / "a", num_rows=3)
    copy = TrackioCopy(trackio, "p", run)
    copy.advance()
    append_rows(run, range(3, 5))
    copy.advance()
    (made,) = trackio.stored
    assert made.rows == [(step, {"train/loss": 1 / (1 + step)}) for step in range(5)]
    TrackioCopy(trackio, "p", run).advance()
    (again,) = trackio.stored
    assert again is not made and again.rows == made.rows
    run.metrics_file.write_text("")
    append_rows(run, range(2))
    copy.advance()
    assert [[step for step, _ in stored.rows] for stored in trackio.stored] == [[0, 1]]


def test_a_run_there_that_is_none_of_ours_is_not_touched(tmp_path: Path) -> None:
    trackio, run = FakeTrackio(), stored_run(tmp_path / "a")
    trackio.init(project="p", name="a", config={})
    with pytest.raises(ValueError, match="project p has a run a that is no copy of ours, expected none"):
        TrackioCopy(trackio, "p", run).advance()
    assert len(trackio.stored) == 1


def test_a_tracker_that_fails_for_one_run_copies_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        stored_run(tmp_path / name)
    trackio, is_over = FakeTrackio(), threading.Event()
    trackio.init(project="p", name="a", config={})
    is_over.set()
    copy_to_trackio(trackio, "p", Site(Places(runs=tmp_path)), is_over)
    assert [len(run.rows) for run in trackio.stored] == [0, 3]
    assert "a: not copied to trackio" in caplog.text
