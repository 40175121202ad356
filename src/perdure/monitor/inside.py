"""Files inside of one folder, for a server that strangers may ask: no link is followed, no half line is given out."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

CHECKED_BYTES = 64
"""Bytes before a position by which a file that was replaced is told from one that has grown."""


@contextmanager
def opened_inside(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Yields a file below a folder, opened to be read.

    Every part of the way is opened from the one before it and must be no link, so that nothing outside of the folder
    can be read, also if somebody exchanges a part at this moment.

    Args:
        root: the folder; may itself be a link.
        name: path below it, with slashes.

    Raises:
        FileNotFoundError: there is no such file, it is none, or the way to it leads out of the folder or over a link.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise FileNotFoundError(f"{name!r}: no file of this folder")
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for index, part in enumerate(parts):
            kind = os.O_DIRECTORY if index < len(parts) - 1 else os.O_NONBLOCK  # a pipe must not hold up the server
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=handle)
            os.close(handle)
            handle = inner
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError(f"{name!r}: no file of this folder")
        file = os.fdopen(handle, "rb", buffering=0)
    except OSError as error:
        os.close(handle)
        raise FileNotFoundError(f"{name!r}: no file of this folder") from error
    with file:
        yield file


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a growing file was read.

    Args:
        position: bytes that were read, all of them whole lines.
        check: checksum of the last of them.
    """

    position: int = 0
    check: int = 0

    def __str__(self) -> str:
        return f"{self.position}-{self.check:08x}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """Returns the mark that a text stands for, None if it is none.

        >>> str(Mark.parse("120-00ff00aa")), Mark.parse("-1-0"), Mark.parse("x")
        ('120-00ff00aa', None, None)
        """
        position, _, check = text.partition("-")
        if not (position.isascii() and position.isdigit() and len(position) <= 18 and len(check) == 8):
            return None
        try:
            return cls(int(position), int(check, 16))
        except ValueError:
            return None


def is_continued(file: IO[bytes], mark: Mark) -> bool:
    """Returns whether what stands before a mark is what was read then: the file has only grown."""
    if os.fstat(file.fileno()).st_size < mark.position:
        return False
    return _mark_at(file, mark.position) == mark


def new_lines(file: IO[bytes], mark: Mark, *, most_bytes: int) -> tuple[list[bytes], Mark]:
    """Returns the whole lines after a mark, and the mark after them; a line that is being written waits.

    Args:
        file: opened to be read.
        mark: where to go on; `is_continued`.
        most_bytes: to read at once. A longer line is left out: none of ours is.
    """
    file.seek(mark.position)
    data = file.read(most_bytes)
    end = data.rfind(b"\n") + 1
    if end == 0:
        return [], mark if len(data) < most_bytes else _mark_at(file, mark.position + len(data))
    return data[: end - 1].split(b"\n"), _mark_at(file, mark.position + end)


def _mark_at(file: IO[bytes], position: int) -> Mark:
    start = max(0, position - CHECKED_BYTES)
    file.seek(start)
    return Mark(position, zlib.crc32(file.read(position - start)))


def last_lines(root: Path, name: str, *, most_bytes: int) -> list[str]:
    """Returns the last whole lines of a text file below a folder; none if there is no such file.

    Args:
        root: the folder.
        name: of the file.
        most_bytes: to read.
    """
    try:
        with opened_inside(root, name) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most_bytes))
            data = file.read(most_bytes)
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    if size > most_bytes:  # the first line is the end of one
        whole = whole[whole.find(b"\n") + 1 :]
    return whole.decode("utf-8", errors="replace").splitlines()
