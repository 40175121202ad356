"""A job on a host outlives whoever started it, runs once at a time, and ends whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.remote import host_job

PROGRAM = Path(host_job.__file__)
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="hosts are Linux machines")


def verb(name: str, job: Path, *words: str, given: str = "", wait: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the program as a host does: another process, no perdure on its path."""
    return subprocess.run(
        [sys.executable, "-I", str(PROGRAM), name, str(job), *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def state(job: Path) -> dict[str, Any]:
    found = json.loads(verb("state", job).stdout)
    assert isinstance(found, dict)
    return found


def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Waits for something that another process does."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.05)


Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Path]:
    """Folder of a job; whatever a failed test leaves running is ended."""
    yield tmp_path / "job"
    verb("stop", tmp_path / "job")


@pytest.fixture
def start(job: Path, tmp_path: Path) -> Start:
    def run(script: str, **more: object) -> subprocess.CompletedProcess[str]:
        return verb("start", job, given=json.dumps({"script": script, "folder": str(tmp_path), **more}))

    return run


def marked(mark: str) -> list[psutil.Process]:
    """Returns the processes that have a word in their command line."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(mark in word for word in process.info["cmdline"] or [])
    ]


def test_a_job_runs_in_its_folder_and_says_how_it_ended(job: Path, start: Start, tmp_path: Path) -> None:
    assert state(job)["state"] == "none"
    assert start('echo "$WORD in $(pwd)"; exit 7', variables={"WORD": "here"}).returncode == 0
    until(lambda: state(job)["state"] == "ended")
    assert (state(job)["code"], state(job)["reason"]) == (7, "")
    assert (job / "log").read_text(encoding="utf-8") == f"here in {tmp_path}\n"
    assert state(job)["log_bytes"] == len(f"here in {tmp_path}\n")


def test_it_outlives_its_starter_and_a_second_start_is_refused(job: Path, start: Start) -> None:
    assert start("while [ ! -e go ]; do sleep 0.1; done; echo first").returncode == 0
    before = (job / "job.json").read_bytes()
    assert start("echo second").returncode == host_job.ALREADY_RUNNING
    assert (job / "job.json").read_bytes() == before and state(job)["state"] == "running"
    (job.parent / "go").touch()
    until(lambda: state(job)["state"] == "ended")
    assert (job / "log").read_text(encoding="utf-8") == "first\n"
    assert start("echo third").returncode == 0, "but one after the other is fine, in the same log"
    until(lambda: state(job)["state"] == "ended")
    assert (job / "log").read_text(encoding="utf-8") == "first\nthird\n"


def test_no_hang_up_reaches_it(job: Path, start: Start) -> None:
    start("sleep 0.5; while [ ! -e go ]; do sleep 0.1; done; echo whole")
    pid = json.loads((job / "pid").read_text(encoding="utf-8"))["pid"]
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    assert os.getsid(pid) != os.getsid(0)
    (job.parent / "go").touch()
    until(lambda: state(job)["state"] == "ended")
    assert state(job)["code"] == 0


def test_a_stop_ends_the_whole_group_and_nothing_else(job: Path, start: Start, tmp_path: Path) -> None:
    """Grandchildren, those in another session, and those whose parent has gone are part of the job."""
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    nap = f"{sys.executable} -c 'import time; time.sleep(99)' {mark}"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)", f"other-{mark}"])
    try:
        start(f"{nap} & setsid {nap} & ({nap} &) ; {nap}")
        until(lambda: len(marked(mark)) == 6)  # four naps, the shell that names them, and the other one
        assert verb("stop", job).returncode == 0
        assert [process.pid for process in marked(mark)] == [other.pid]
    finally:
        other.kill()
        other.wait()
    assert (state(job)["state"], state(job)["reason"], state(job)["code"]) == ("ended", "stopped", 143)


def test_a_job_that_does_not_listen_is_killed(job: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PROGRAM.read_text(encoding="utf-8").replace("GRACE_S = 20.0", "GRACE_S = 0.5")
    impatient = job.parent / "impatient.py"
    impatient.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", impatient)
    start("trap '' TERM; while true; do sleep 0.1; done")
    until(lambda: state(job)["state"] == "running")
    time.sleep(0.3)  # the shell sets its trap
    assert verb("stop", job).returncode == 0
    assert (state(job)["state"], state(job)["code"]) == ("ended", 137)


def test_a_supervisor_that_is_killed_takes_the_job_with_it(job: Path, start: Start, tmp_path: Path) -> None:
    start("trap 'echo stopping; exit 1' TERM; while true; do sleep 0.1; done")
    time.sleep(0.3)
    pid = json.loads((job / "pid").read_text(encoding="utf-8"))["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: state(job)["state"] == "lost")
    until(lambda: (job / "log").read_text(encoding="utf-8").endswith("stopping\n"))


def test_a_job_of_another_machine_on_a_shared_disk_is_left_alone(job: Path, start: Start) -> None:
    start("while [ ! -e go ]; do sleep 0.1; done")
    stored = json.loads((job / "pid").read_text(encoding="utf-8"))
    (job / "pid").write_text(json.dumps(stored | {"boot": "another", "host": "node7"}), encoding="utf-8")
    refused = verb("stop", job)
    assert refused.returncode == 1
    assert refused.stderr == "the job runs on node7, which shares this disk; stop it from there\n"
    assert state(job)["state"] == "running"
    (job.parent / "go").touch()
    until(lambda: state(job)["state"] == "ended")


def test_the_log_is_followed_from_any_byte_to_the_end(job: Path, start: Start) -> None:
    start("echo one; while [ ! -e go ]; do sleep 0.1; done; echo two")
    until(lambda: state(job)["log_bytes"] == 4)
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM), "follow", str(job), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.read(2) == b"e\n"
        (job.parent / "go").touch()
        assert reader.stdout.read() == b"two\n"
    assert reader.returncode == 0


def test_a_reader_that_has_gone_leaves_no_process(job: Path, start: Start) -> None:
    start("while [ ! -e go ]; do sleep 0.1; done")
    reader = subprocess.Popen([sys.executable, "-I", str(PROGRAM), "follow", str(job), "0"], stdin=subprocess.PIPE)
    assert reader.stdin is not None
    reader.stdin.close()
    assert reader.wait(timeout=30) == 0
    assert state(job)["state"] == "running"


def test_the_heartbeat_is_judged_by_the_hosts_own_clock(job: Path, start: Start, tmp_path: Path) -> None:
    beat = tmp_path / "HEARTBEAT.txt"
    old = datetime.now(UTC) - timedelta(seconds=500)
    beat.write_text(f"{old.isoformat(timespec='seconds')}  train  working\n", encoding="utf-8")
    start("while [ ! -e go ]; do sleep 0.1; done", heartbeat=str(beat))
    assert state(job)["heartbeat_age_s"] is None, "it is from before this start"
    stored = json.loads((job / "pid").read_text(encoding="utf-8"))
    (job / "pid").write_text(json.dumps(stored | {"started": stored["started"] - 900}), encoding="utf-8")
    assert 499 <= state(job)["heartbeat_age_s"] < 560
    beat.write_text(f"{old.isoformat(timespec='seconds')}  train  half a li", encoding="utf-8")
    assert state(job)["heartbeat_age_s"] is None
