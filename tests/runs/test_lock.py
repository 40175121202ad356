"""One process at a time works in a run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.runs.lock import RunBusyError, holder, is_locked, locked
from perdure.runs.run_folder import RunFolder
from runs.conftest import Command, run_all


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not is_locked(path) and holder(path) == ""
    waited: list[float] = []
    with locked(path):
        assert is_locked(path)
        assert f"process {os.getpid()} on " in holder(path)
        with (
            pytest.raises(RunBusyError, match=rf"another process works in it \(process {os.getpid()} on .* since "),
            locked(path, sleep=waited.append),
        ):
            raise AssertionError
    assert len(waited) == 4
    assert not is_locked(path)
    with locked(path):
        pass


def test_a_look_at_the_lock_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    """A status command takes the lock for a moment; a run that starts just then must not give up."""
    path = tmp_path / ".lock"
    looking = locked(path)
    looking.__enter__()
    with locked(path, sleep=lambda seconds: looking.__exit__(None, None, None) if is_locked(path) else None):
        assert is_locked(path)


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_one_line_and_exit_2(perdure: Command, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_all(folder)
    before = folder.complete_file.read_text(encoding="utf-8")
    with locked(folder.lock_file):
        second = perdure("run", "--recipe", "tiny", "--out", "run", "--resume", "--seed", "3")
        assert "running" in perdure("status", "run").stdout
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert line.startswith("perdure run: run folder run: another process works in it (process ")
    assert folder.complete_file.read_text(encoding="utf-8") == before
