"""What is said about a run follows from lock, heartbeat and record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure.files import write_text
from perdure.runs.heartbeat import LATE_S, STALE_S
from perdure.runs.lock import locked
from perdure.runs.machine import host_name
from perdure.runs.record import ProcessRecord, RunStatus, read_record, timestamp
from perdure.runs.run_folder import RunFolder
from perdure.runs.status import run_status

STARTED = datetime(2025, 1, 31, 12, tzinfo=UTC)


def at_work(
    folder: RunFolder,
    *,
    status: RunStatus = "running",
    host: str = "",
    beat_s: float = 10.0,
    text: str = "",
    silent_s: float = 1.0,
) -> None:
    """Makes a run look as if a process had begun at `STARTED` and written a heartbeat some seconds later."""
    record = read_record(folder)
    assert record is not None
    process = ProcessRecord(status=status, host=host or host_name(), pid=7, started=timestamp(STARTED))
    replace(record, process=process).save(folder)
    moment = timestamp(STARTED + timedelta(seconds=beat_s))
    write_text(
        folder.heartbeat_file, f"{moment}  train  {text or 'working'}  {silent_s} s ago: 3/9  cpu 90 %  memory 5 MB\n"
    )


def state_after(folder: RunFolder, seconds: float) -> str:
    return run_status(folder, now=STARTED + timedelta(seconds=seconds)).state


def test_with_the_lock_it_runs_or_is_stale(finished: RunFolder) -> None:
    at_work(finished)
    with locked(finished.lock_file):
        assert state_after(finished, 20) == "running"
        assert state_after(finished, 11 + LATE_S) == "stale"
        at_work(finished, text="working", beat_s=10.0, silent_s=STALE_S - 5.0)
        assert state_after(finished, 14) == "running"
        assert state_after(finished, 16) == "stale", "the next line need not be waited for"
        at_work(finished, text="STALE for 200 s")
        assert state_after(finished, 20) == "stale"
        at_work(finished, beat_s=-9999)
        assert state_after(finished, 20) == "running", "the old heartbeat is that of an earlier process"


def test_without_the_lock_it_was_killed(finished: RunFolder) -> None:
    at_work(finished)
    found = run_status(finished, now=STARTED + timedelta(seconds=20))
    assert found.state == "killed"
    assert "process 7 ended without a word" in found.text
    assert "last heartbeat 10.0 s ago in train: working" in found.text
    assert found.advice == f"continue: perdure run --resume --out {finished.path}"


def test_a_copy_from_another_machine_is_judged_by_its_heartbeat(finished: RunFolder) -> None:
    at_work(finished, host="elsewhere")
    assert state_after(finished, 20) == "running"
    assert state_after(finished, 11 + LATE_S) == "away"


@pytest.mark.parametrize("status", ["finished", "stopped", "failed", "partial"])
def test_an_end_that_was_recorded_is_told(finished: RunFolder, status: RunStatus) -> None:
    at_work(finished, status=status)
    assert state_after(finished, 20) == status


def test_a_finished_run_tells_its_targets(finished: RunFolder) -> None:
    found = run_status(finished)
    assert found.state == "finished"
    assert [(target.name, target.is_met) for target in found.targets] == [("accuracy", True)]


def test_the_stage_at_work_says_for_how_long(finished: RunFolder) -> None:
    """After ten minutes of training `perdure status` said "0.0 s": a record counts a stage once it has ended."""
    at_work(finished, beat_s=595.0)
    record = read_record(finished)
    assert record is not None
    name, stage = next(iter(record.stages.items()))
    begun = replace(stage, status="running", started=timestamp(STARTED), ended=None, duration_s=40.0)
    record.with_stage(name, begun).save(finished)
    now = STARTED + timedelta(seconds=600)
    with locked(finished.lock_file):
        found = run_status(finished, now=now)
        assert (found.state, found.worked_s(begun)) == ("running", 640.0)
    killed = run_status(finished, now=now + timedelta(days=1))
    assert (killed.state, killed.worked_s(begun)) == ("killed", 635.0), "up to its last sign of life"
    assert killed.worked_s(replace(begun, status="stopped")) == 40.0


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no run"):
        run_status(RunFolder(tmp_path))
    with pytest.raises(FileNotFoundError, match="does not exist; make one with"):
        run_status(RunFolder(tmp_path / "none"))
