"""Killed at any point and run again, a run ends as if nothing had happened; asked to stop, it stops and says how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runs.fake_stages as fake
from perdure.files import read_json_lines
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from runs.conftest import Command, run_all

RUN = ("run", "--recipe", "tiny", "--out", "killed")
KILL_AT_END = "import perdure.runs.runner as r\nr.write_complete = lambda *a: fake.hit('end')"
KILL_IN_RECORD = (
    "import perdure.runs.stage_run as s\nold = s.StageRun._done\n"
    "s.StageRun._done = lambda self, *a, **k: (fake.hit(f'done {self.item.stage.name}'), old(self, *a, **k))[1]"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hit", "setup", "starts"),
    [
        ("KILL data", "", {"data": 2, "train": 1, "evaluate": 1}),
        ("KILL train 3", "", {"data": 1, "train": 2, "evaluate": 1}),
        ("KILL done train", KILL_IN_RECORD, {"data": 1, "train": 2, "evaluate": 1}),
        ("KILL end", KILL_AT_END, {"data": 1, "train": 1, "evaluate": 1}),
    ],
)
def test_a_killed_run_goes_on_to_the_same_end(
    perdure: Command, tmp_path: Path, hit: str, setup: str, starts: dict[str, int]
) -> None:
    killed, whole = RunFolder(tmp_path / "killed"), RunFolder(tmp_path / "whole")
    assert perdure(*RUN, hit=hit, setup=setup).returncode == -9
    assert not killed.complete_file.exists()
    assert "killed" in perdure("status", "killed").stdout
    again = perdure(*RUN)
    assert again.returncode == 0, again.stderr
    run_all(whole)
    assert fake.content(killed.path) == fake.content(whole.path)
    assert killed.complete_file.is_file()
    record = read_record(killed)
    assert record is not None and record.process.status == "finished"
    assert {name: stage.num_starts for name, stage in record.stages.items()} == starts
    rows = [(row["stage"], row["step"], row["loss"]) for row in read_json_lines(killed.metrics_file)]
    assert rows == [(row["stage"], row["step"], row["loss"]) for row in read_json_lines(whole.metrics_file)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_stops_the_run_at_a_safe_point(perdure: Command, tmp_path: Path, name: str) -> None:
    stopped = perdure(*RUN, hit=f"{name} train 3")
    assert stopped.returncode == 1
    last = stopped.stderr.splitlines()[-1]
    assert last == "perdure run: train was stopped; continue with: perdure run --resume --out killed"
    assert f"SIG{name}: stopping at the next safe point" in stopped.stderr
    record = read_record(RunFolder(tmp_path / "killed"))
    assert record is not None
    assert (record.process.status, record.process.exit_status) == ("stopped", 1)
    assert record.stages["train"].status == "stopped"
    assert perdure("run", "--resume", "--out", "killed").returncode == 0
    assert "finished" in perdure("status", "killed").stdout


HANGS = """
import time
from dataclasses import replace
import perdure.runs.signals as stopping
stopping.KILL_AFTER_S, stopping.RAISE_AFTER_S, stopping.EXIT_AFTER_S = 0.05, 0.1, 1.0
def hang(context):
    fake.hit("hang")
    while True:
        {body}
fake.STAGES = (replace(fake.DATA, run=hang),)
fake.install.__defaults__ = (fake.STAGES,)
"""
SLEEPS = "time.sleep(60)"
DEAF = """
        try:
            time.sleep(60)
        except BaseException:
            pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("body", [SLEEPS, DEAF])
def test_a_stage_that_does_not_stop_is_stopped(perdure: Command, tmp_path: Path, body: str) -> None:
    script = tmp_path / "hanging.py"
    script.write_text("import runs.fake_stages as fake\n" + HANGS.format(body=body), encoding="utf-8")
    setup = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import hanging"
    stopped = perdure(*RUN, hit="TERM hang", setup=setup)
    assert stopped.returncode == 1, stopped.stderr
    assert "continue with: perdure run --resume --out killed" in stopped.stderr.splitlines()[-1]


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
FILLS = """
import runs.fake_stages as fake
from dataclasses import replace
def fill(context):
    context.run.final_model.write_bytes(b"x" * 40000)
fake.STAGES = (fake.DATA, replace(fake.TRAIN, run=fill))
fake.install.__defaults__ = (fake.STAGES,)
"""


@pytest.mark.slow
def test_a_disk_that_takes_no_more_is_one_clear_line(perdure: Command, tmp_path: Path) -> None:
    (tmp_path / "filling.py").write_text(FILLS, encoding="utf-8")
    setup = f"{LIMIT}sys.path.insert(0, {str(tmp_path)!r}); import filling"
    full = perdure(*RUN, setup=setup)
    assert full.returncode == 1
    (line,) = [line for line in full.stderr.splitlines() if line.startswith("perdure run:")]
    assert line.startswith("perdure run: train failed: File too large; details in killed/training.log; continue with:")
    assert "Traceback" not in full.stderr
    assert not (tmp_path / "killed" / "PIPELINE_COMPLETE.txt").exists()
    content = json.loads((tmp_path / "killed" / "run.json").read_text(encoding="utf-8"))
    assert content["process"]["status"] == "failed"
    assert perdure(*RUN).returncode == 0


GREEDY = """
import os, resource, signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
import runs.fake_stages as fake
def take(context):
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    bytearray(64 << 30)
def lose_a_worker(context):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(os.abort).result()
fake.STAGES = (fake.DATA, replace(fake.TRAIN, run={function}))
fake.install.__defaults__ = (fake.STAGES,)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("take", "out of memory"),
        ("lose_a_worker", "a worker process was ended from outside, most often for want of memory"),
    ],
)
def test_too_little_memory_is_one_clear_line(perdure: Command, tmp_path: Path, function: str, reason: str) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY.format(function=function), encoding="utf-8")
    failed = perdure(*RUN, setup=f"sys.path.insert(0, {str(tmp_path)!r}); import greedy")
    assert failed.returncode == 1
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("perdure run:")]
    assert line.startswith(f"perdure run: train failed: {reason}; details in killed/training.log; continue with:")
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "killed" / "PIPELINE_COMPLETE.txt").exists()
    assert "failed" in perdure("status", "killed").stdout


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_one_clear_line(perdure: Command) -> None:
    """Nobody, root included, can make a folder in /proc."""
    failed = perdure("run", "--recipe", "tiny", "--out", "/proc/perdure")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("perdure run: run folder /proc/perdure: cannot be written (")


POOLS = """
import os, time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
import runs.fake_stages as fake
import perdure.runs.signals as stopping
stopping.KILL_AFTER_S, stopping.RAISE_AFTER_S, stopping.EXIT_AFTER_S = 1.0, 60.0, 90.0
def work(context):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first = pool.submit(os.getpid)
        futures = [pool.submit(time.sleep, 60) for _ in range(8)]
        first.result()
        fake.hit("pool")
        for future in as_completed(futures):
            future.result()
fake.STAGES = (replace(fake.DATA, run=work),)
fake.install.__defaults__ = (fake.STAGES,)
"""


@pytest.mark.slow
def test_workers_do_not_keep_a_stopped_run_from_ending(perdure: Command, tmp_path: Path) -> None:
    """A run that was interrupted while it waited for a pool said that it was stopped, and then never ended."""
    (tmp_path / "pooling.py").write_text(POOLS, encoding="utf-8")
    setup = f"sys.path.insert(0, {str(tmp_path)!r}); import pooling"
    stopped = perdure(*RUN, hit="TERM pool", setup=setup)
    assert stopped.returncode == 1, stopped.stderr
    assert "continue with: perdure run --resume --out killed" in stopped.stderr
    assert "resource_tracker" not in stopped.stderr
