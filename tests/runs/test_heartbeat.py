"""The heartbeat tells what the worker did last, and says so when that was long ago."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure.runs.heartbeat import STALE_S, Activity, Heartbeat, Usage, UsageMeter, heartbeat_line, last_beat
from perdure.runs.record import timestamp

USAGE = Usage(cpu_percent=12.0, memory_mb=345.6)
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def line_after(seconds: float) -> str:
    clock = [0.0]
    activity = Activity(clock=lambda: clock[0])
    activity.touch("train", "12/60 loss 0.5")
    clock[0] = seconds
    return heartbeat_line(activity, USAGE, now=timestamp(NOW))


def test_a_worker_that_hangs_shows_as_stale_with_how_long() -> None:
    assert "  working  3.0 s ago: 12/60 loss 0.5  " in line_after(3.0)
    assert "  working  " in line_after(STALE_S - 1)
    assert "  STALE for 500 s  500.0 s ago: 12/60 loss 0.5  " in line_after(500.0)


def test_the_last_whole_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "HEARTBEAT.txt"
    assert last_beat(path) is None
    path.write_text(f"{line_after(1.0)}\n{line_after(200.0)}\n2025-01-31T12:00:3", encoding="utf-8")
    beat = last_beat(path)
    assert beat is not None
    assert (beat.stage, beat.is_stale) == ("train", True)
    assert beat.age_s(NOW + timedelta(seconds=42)) == 42.0
    assert beat.text == "STALE for 200 s  200.0 s ago: 12/60 loss 0.5  cpu 12 %  memory 346 MB"
    path.write_text("no heartbeat\n", encoding="utf-8")
    assert last_beat(path) is None


def test_lines_are_written_at_once_and_again_without_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "HEARTBEAT.txt"
    activity = Activity()
    activity.touch("data", "1/2")
    beats = threading.Semaphore(0)

    class Counted(Heartbeat):
        def write(self) -> None:
            super().write()
            beats.release()

    with Counted(path, activity, interval_s=1e-3):
        for _ in range(3):  # the work thread does nothing but wait
            assert beats.acquire(timeout=30)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 4 and all("ago: 1/2" in line for line in lines)


def test_a_disk_that_is_full_for_a_while_does_not_end_the_heartbeat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = iter([None, OSError(28, "No space left on device"), None])
    done = threading.Event()

    class Failing(Heartbeat):
        def write(self) -> None:
            outcome = next(outcomes, StopIteration())
            if isinstance(outcome, StopIteration):
                done.set()
            elif outcome:
                raise outcome

    with Failing(tmp_path / "HEARTBEAT.txt", Activity(), interval_s=1e-3):
        assert done.wait(timeout=30)
    assert "No space left on device" in caplog.text


def test_processor_time_of_children_counts_also_after_they_have_ended() -> None:
    clock = [0.0]
    meter = UsageMeter(clock=lambda: clock[0])
    used_s = "import time\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", used_s], check=True)
    clock[0] = 1.0
    usage = meter.read()
    assert usage.memory_mb > 5
    assert 29 < usage.cpu_percent < 1000, "percent of one second, this process and the interpreter's start included"
    clock[0] = 2.0
    assert meter.read().cpu_percent < 29, "and counts once"
