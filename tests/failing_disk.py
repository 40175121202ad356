"""A disk that fails at its n-th operation below a folder: raises once, from then on, or ends the process there.

Operations are what Python reports to audit hooks (opening for writing, making, renaming and removing), and flushes.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

How = Literal["once", "from then on", "killed"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PLACE = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.truncate": 0, "os.symlink": 1, "os.link": 1}
"""Which argument of an event is the path that changes."""
KILLED = 9


class FailingDisk:
    """Counts the operations below a folder, and lets one fail.

    Args:
        root: the folder.
        fails_at: number of the operation, from 1; None for none.
        how: it fails.
    """

    def __init__(self, root: Path, fails_at: int | None = None, how: How = "once") -> None:
        self.root, self.fails_at, self.how = str(root), fails_at, how
        self.operations: list[str] = []

    def see(self, name: str, path: object) -> None:
        """Takes in one operation.

        Raises:
            OSError: the disk fails.
        """
        if isinstance(path, int):
            path = Path(f"/proc/self/fd/{path}").readlink() if path >= 0 else ""
        place = str(Path(os.fsdecode(path)).absolute()) if isinstance(path, str | bytes | os.PathLike) else ""
        if not place.startswith(self.root):
            return
        self.operations.append(f"{name} {place.removeprefix(self.root)}")
        if self.fails_at is None or len(self.operations) < self.fails_at:
            return
        if self.how == "killed":
            os._exit(KILLED)
        # What is removed makes room: it works on a full disk.
        if len(self.operations) == self.fails_at or (self.how == "from then on" and name not in ("remove", "rmdir")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)


_disk: FailingDisk | None = None
_is_hooked = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _disk is None:
        return
    if event == "open":
        path, mode, flags = arguments
        is_written = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(int(flags) & _WRITES)  # type: ignore[call-overload]
        if is_written:
            _disk.see("open", path)
    elif event in _PLACE:
        _disk.see(event.removeprefix("os."), arguments[_PLACE[event]])


@contextmanager
def failing(disk: FailingDisk) -> Iterator[FailingDisk]:
    """Puts a disk in the place of the real one while the block runs."""
    global _disk, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_hook)  # for good: there is no way to take one away
        _is_hooked = True
    flush = os.fsync

    def fsync(handle: int) -> None:
        disk.see("fsync", handle)
        flush(handle)

    os.fsync, _disk = fsync, disk
    try:
        yield disk
    finally:
        os.fsync, _disk = flush, None


def in_a_child(work: Callable[[], object], disk: FailingDisk) -> int:
    """Does work in a forked process on a disk and returns its exit code, `KILLED` if the disk ended it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with failing(disk):
                work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
