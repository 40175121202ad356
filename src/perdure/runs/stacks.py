"""What a run that hangs is doing: it writes the stacks of all its threads when a signal asks for them.

Written by the interpreter itself, so that it works while the work thread waits or computes outside of Python.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.runs.lock import is_locked
from perdure.runs.machine import host_name
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder

WAIT_S = 5.0
"""How long the answer may take; only a process that is suspended or swapped out needs longer."""
_QUIET_S = 0.3


@contextmanager
def stacks_on_request(path: Path) -> Iterator[None]:
    """Answers the signal with stacks at the end of a file while the block runs.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("ab") as file:
        faulthandler.register(signal.SIGUSR2, file=file, all_threads=True, chain=False)
        try:
            yield
        finally:
            faulthandler.unregister(signal.SIGUSR2)
    remove_if_empty(path)


def remove_if_empty(path: Path) -> None:
    """Removes a file of stacks that nobody has asked for, which a killed process leaves behind.

    Raises:
        OSError: the file cannot be removed.
    """
    if path.is_file() and not path.stat().st_size:
        path.unlink()


def ask_for_stacks(run: RunFolder, *, wait_s: float = WAIT_S) -> str:
    """Returns the stacks of the process that works in a run folder.

    Raises:
        ValueError: none works there, or it works on another machine.
        RuntimeError: it does not answer.
    """
    record, path = read_record(run), run.stacks_file
    if record is None or not is_locked(run.lock_file):
        raise ValueError(f"run folder {run.path}: no process works in it here, so there are no stacks to show")
    process = record.process
    if process.host != host_name():
        raise ValueError(f"run folder {run.path}: process {process.pid} works on {process.host}; ask there")
    if not path.is_file():
        raise ValueError(f"run folder {run.path}: process {process.pid} cannot be asked; it is starting, or an old one")
    before = path.stat().st_size
    os.kill(process.pid, signal.SIGUSR2)
    deadline_s = time.monotonic() + wait_s
    size = before
    while time.monotonic() < deadline_s:
        time.sleep(_QUIET_S)
        size, last = path.stat().st_size, size
        if size == last > before:
            return path.read_bytes()[before:].decode(errors="replace")
    raise RuntimeError(f"process {process.pid} does not answer within {wait_s:.0f} s; is it suspended?")
