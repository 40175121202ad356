"""Atomic file writing: a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path | str, *, is_flushed: bool = True) -> Iterator[Path]:
    """Yields a temporary path in the same folder that replaces `path` when the block ends without an error.

    The data are flushed to the disk before the rename, and so is the rename; on an error the temporary file is removed
    and `path` is as it was. Who may read the file is up to the umask, as for any other new file.

    Args:
        path: of the file.
        is_flushed: False for what is written again in a moment: a loss of power may then leave an empty file.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    path = Path(path)
    temporary = path.parent / f".{path.stem}-{secrets.token_hex(4)}{path.suffix}.tmp"
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        if is_flushed:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
        if is_flushed:
            _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Puts what a folder lists on the disk: a rename that is not there after a loss of power has not happened."""
    if sys.platform == "win32":  # opens no folders
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that cannot, such as some network ones
            raise
    finally:
        os.close(handle)


def write_text(path: Path | str, text: str, *, is_flushed: bool = True) -> None:
    """Writes UTF-8 text, as `atomic_path`."""
    with atomic_path(path, is_flushed=is_flushed) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, data: bytes, *, is_flushed: bool = True) -> None:
    """Writes bytes, as `atomic_path`."""
    with atomic_path(path, is_flushed=is_flushed) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path | str, value: Any, *, is_flushed: bool = True) -> None:
    """Writes indented JSON, as `atomic_path`; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n", is_flushed=is_flushed)


def read_json(path: Path | str) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError) as error:  # those of decoding among them
        raise ValueError(f"{path}: got text that is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: got a JSON {type(value).__name__}, expected an object")
    return value


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


SEAL = "sha256"
"""Key of the digest of everything else in an object."""


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """Returns an object with its digest, so that an edited or half-copied one is told from what was written."""
    return values | {SEAL: _digest(values)}


def unsealed(values: dict[str, Any], path: Path | str) -> dict[str, Any]:
    """Returns an object without its digest; one that never had any, as files of earlier versions, is returned as it is.

    Raises:
        ValueError: it is not what was written.
    """
    rest = {name: value for name, value in values.items() if name != SEAL}
    if SEAL in values and values[SEAL] != _digest(rest):
        raise ValueError(f"{path}: was changed since it was written, so what it promises is not proven; make it again")
    return rest


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


_NOT_UNDERSTOOD = (KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError, ValueError)
"""What reading values of another kind than expected raises."""


@contextmanager
def understood(path: Path | str, what: str) -> Iterator[None]:
    """Turns whatever a block raises that reads a stored file into one line that names it.

    Args:
        path: of the file.
        what: it holds, for people.

    Raises:
        ValueError: the file does not hold what is written into such files.
    """
    try:
        yield
    except _NOT_UNDERSTOOD as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        why = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(f"{what}: {path} is damaged or no such file ({why}); make it again") from error


def write_json_lines(path: Path | str, rows: list[dict[str, Any]]) -> None:
    """Writes one JSON object a line atomically."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def read_json_lines(path: Path | str) -> list[dict[str, Any]]:
    """Returns the objects of a JSON-lines file.

    Raises:
        ValueError: a line is no JSON object; the file and line are named.
    """
    return [row for _, row in placed_json_lines(path)]


def placed_json_lines(path: Path | str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields file and line in words, and the object there, as `read_json_lines`."""
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} line {number}: got text that is not JSON ({error.msg})") from error
        if not isinstance(value, dict):
            raise ValueError(f"{path} line {number}: got {type(value).__name__}, expected a JSON object")
        yield f"{path} line {number}", value
