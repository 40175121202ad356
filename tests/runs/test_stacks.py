"""A run that hangs says where, without being disturbed; a suspended one is told from a busy one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from perdure.runs.run_folder import RunFolder
from perdure.runs.stacks import ask_for_stacks
from perdure.runs.status import run_status
from runs.conftest import SOURCE, Command

HANGING = """
import sys, time
from dataclasses import replace
import runs.fake_stages as fake
def hangs_in_here(context):
    context.log.progress(1, 2, "before it hangs")
    while not (context.run.path.parent / "go").exists():
        time.sleep(0.05)
    fake.make_data(context)
fake.install((replace(fake.DATA, run=hangs_in_here), fake.TRAIN, fake.EVALUATE))
from perdure.cli import main
sys.exit(main())
"""


@pytest.mark.slow
def test_a_run_that_hangs_tells_where_and_goes_on(perdure: Command, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "hung")
    words = [sys.executable, "-c", HANGING, "run", "--recipe", "tiny", "--out", str(folder.path)]
    paths = os.pathsep.join((str(SOURCE), str(SOURCE.parent / "tests")))
    run = subprocess.Popen(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if folder.progress_file.is_file() and "before it hangs" in folder.progress_file.read_text(encoding="utf-8"):
                break
            time.sleep(0.05)
        shown = perdure("status", folder.path, "--stacks")
        assert shown.returncode == 0, shown.stderr
        where = r'Thread 0x\w+ .*most recent call first.*File "<string>", line \d+ in hangs_in_here'
        assert re.search(where, shown.stdout, re.DOTALL)
        os.kill(run.pid, signal.SIGSTOP)
        while psutil.Process(run.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        late = run_status(folder, now=datetime.now(UTC) + timedelta(seconds=119))
        assert late.state == "stale"
        assert " is suspended (somebody sent SIGSTOP" in late.text and f"kill -CONT {run.pid}" in late.advice
        with pytest.raises(RuntimeError, match=f"process {run.pid} does not answer within 1 s; is it suspended"):
            ask_for_stacks(folder, wait_s=1.0)
        os.kill(run.pid, signal.SIGCONT)
        (tmp_path / "go").touch()
        assert run.wait(timeout=60) == 0
    finally:
        run.kill()
        run.wait()
    assert folder.stacks_file.is_file()


def test_without_a_process_there_are_no_stacks(finished: RunFolder) -> None:
    assert not finished.stacks_file.exists(), "nobody has asked"
    with pytest.raises(ValueError, match="no process works in it here, so there are no stacks"):
        ask_for_stacks(finished)
    assert json.loads(finished.record_file.read_text(encoding="utf-8"))["process"]["status"] == "finished"
