from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.stored_runs import STARTED, stored_run
from perdure.monitor.run_view import pictures_of, run_detail, run_summary


def test_a_run_is_said_with_stage_progress_and_sign_of_life(tmp_path: Path) -> None:
    summary = run_summary(stored_run(tmp_path / "a"), now=STARTED + timedelta(minutes=3))
    assert summary["progress"]["eta"] == "4 min 10 s"
    assert [summary["progress"][name] for name in ("stage", "index", "num", "run")] == ["train", 2, 8, 31]
    assert summary["beat"]["age_s"] == 60.0
    assert summary["stages"][0]["name"] == "train"


@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_a_copy_from_another_machine_is_judged_by_the_clock_there(tmp_path: Path, hours: int) -> None:
    """A host whose clock was some hours off looked dead, or alive for ever."""
    run = stored_run(tmp_path / "a", host="elsewhere")
    line = run.heartbeat_file.read_text()
    shifted = (STARTED + timedelta(hours=hours, minutes=2)).isoformat(timespec="seconds")
    run.heartbeat_file.write_text(line.replace(line.split("  ")[0], shifted))
    arrived = run.heartbeat_file.stat().st_ctime
    for age_s, state in ((20, "running"), (600, "away")):
        now = datetime.fromtimestamp(arrived + age_s, UTC)
        summary = run_summary(run, now=now)
        assert summary["beat"]["age_s"] == pytest.approx(age_s, abs=0.2)
        if hours >= 0:  # a line from before the start of the process is of an earlier one
            assert summary["state"] == state


@pytest.mark.parametrize("name", ["HEARTBEAT.txt", ".lock", "run.json", "PROGRESS.txt", "evaluation"])
def test_a_run_with_a_link_in_it_is_not_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    run = stored_run(tmp_path / "a")
    path = run.path / name
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "secret")
    summary = run_summary(run)
    assert summary["state"] == "unreadable"
    assert "secret" not in str(summary)


def test_a_link_shows_neither_log_nor_picture(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_text("secret\n")
    run = stored_run(tmp_path / "a")
    run.log_file.unlink()
    run.log_file.symlink_to(tmp_path / "secret.png")
    (run.analysis / "linked.png").symlink_to(tmp_path / "secret.png")
    (run.analysis / "own.png").write_bytes(b"png")
    run.visualizations.rmdir()
    run.visualizations.symlink_to(tmp_path)
    detail = run_detail(run)
    assert detail["log"] == []
    assert [name for name, _ in detail["pictures"]] == ["analysis/own.png"]


def test_of_a_huge_log_the_end_is_read(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "a")
    run.log_file.write_text("")
    os.truncate(run.log_file, 5 << 30)
    with run.log_file.open("a") as file:
        file.write("\nlast line\nhalf")
    assert run_detail(run)["log"][-1] == "last line"


def test_pictures_are_the_newest(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "a")
    for index in range(14):
        path = run.analysis / f"{index}.png"
        path.write_bytes(b"x")
        os.utime(path, (index, index))
    assert pictures_of(run)[0][0] == "analysis/13.png"
    assert len(pictures_of(run)) == 10


def test_a_damaged_record_is_said_and_the_others_are_shown(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "a")
    run.record_file.write_text("{")
    assert run_summary(run)["state"] == "unreadable"
