"""One process at a time works in a run folder: a lock that the system gives back when its holder ends, however."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.extras import NEEDS_POSIX
from perdure.runs.machine import host_name
from perdure.runs.record import timestamp

if sys.platform != "win32":  # so that what needs no run can be used there
    import fcntl

_TRIES, _PAUSE_S = 5, 0.1


class RunBusyError(Exception):
    """Another process works in the run folder."""


@contextmanager
def locked(path: Path, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Holds the lock of a run folder.

    Args:
        path: the lock file, made if missing; its folder must exist.
        sleep: waits between tries, since `is_locked` of another process takes the lock for a moment.

    Raises:
        RunBusyError: another process holds it.
        OSError: the file cannot be written, or is a symbolic link.
        RuntimeError: this is Windows.
    """
    if sys.platform == "win32":
        raise RuntimeError(NEEDS_POSIX)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        if not _taken(handle, sleep=sleep):
            raise RunBusyError(
                f"run folder {path.parent}: another process works in it ({holder(path) or 'unknown'}); "
                "wait for it, stop it, or choose another --out"
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {host_name()} since {timestamp()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _taken(handle: int, *, sleep: Callable[[float], None]) -> bool:
    for attempt in range(_TRIES):
        if attempt:
            sleep(_PAUSE_S)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def is_locked(path: Path) -> bool:
    """Returns whether a process holds the lock."""
    if sys.platform == "win32" or not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def holder(path: Path) -> str:
    """Returns who took the lock last, in words; empty if nobody did."""
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
