"""A signal is a wish first and an order later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import perdure.runs.signals as stopping
from perdure.runs.signals import StopSwitch
from perdure.runs.stage import Stopped


@pytest.fixture(autouse=True)
def not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort would end the process of the tests; `test_kill.py` tries it in another one."""
    monkeypatch.setattr(StopSwitch, "_end", lambda self: None)


def wait_for(switch: StopSwitch) -> None:
    while not switch.is_set():
        time.sleep(1e-3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_sets_the_flag_and_is_told_once(number: signal.Signals) -> None:
    heard: list[str] = []
    told = threading.Event()

    def tell(name: str) -> None:
        heard.append(name)
        told.set()

    with StopSwitch(tell) as switch:
        assert not switch.is_set()
        os.kill(os.getpid(), number)
        wait_for(switch)
        assert told.wait(timeout=30)
        os.kill(os.getpid(), signal.SIGTERM)  # a supervisor may send it to the group and to the process
        time.sleep(1e-2)
    assert heard == [number.name]


def test_what_nohup_started_goes_on_when_its_terminal_is_closed() -> None:
    """A closed terminal ended a run without a word, which `perdure status` then took for a crash."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSwitch() as switch:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)  # arrives after it
            wait_for(switch)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_interrupts_at_once() -> None:
    with pytest.raises(Stopped, match="before the next safe point"), StopSwitch() as switch:
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(switch)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)


def test_work_that_reaches_no_safe_point_is_interrupted() -> None:
    with pytest.raises(Stopped), StopSwitch(patience=0.01):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)


def test_worker_processes_that_keep_the_work_waiting_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StopSwitch, "_interrupt", lambda self: None)
    with StopSwitch(patience=0.01):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        os.kill(os.getpid(), signal.SIGTERM)
        assert child.wait(timeout=30) == -signal.SIGKILL


def test_workers_that_are_left_over_are_killed() -> None:
    with StopSwitch() as switch:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for(switch)
    assert child.wait(timeout=30) == -signal.SIGKILL


def test_workers_do_not_see_ctrl_c() -> None:
    """Ctrl-C goes to every process of a terminal; workers that die of it lose what they were writing."""
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with StopSwitch():
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "True"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False", "and everything is as before afterwards"


def test_everything_is_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    num_threads = threading.active_count()
    with StopSwitch():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == before
    assert threading.active_count() == num_threads


def test_the_run_ends_within_ten_seconds() -> None:
    assert 0 < stopping.KILL_AFTER_S < stopping.RAISE_AFTER_S < stopping.EXIT_AFTER_S < 10


def test_a_request_from_inside_has_no_deadline(tmp_path: Path) -> None:
    switch = StopSwitch(patience=0.0)
    switch.request()
    assert switch.is_set()
