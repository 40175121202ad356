"""Arguments from the command line into dataclasses; every mistake becomes one line."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from inspect import cleandoc
from typing import TypeVar

import tyro

from perdure.cli.errors import UsageError

ArgumentsT = TypeVar("ArgumentsT")

_CONFIG = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)
_CORNER = "\u256d"
_BORDER = re.compile(r"^[\u256d\u2570]")
_RULE = re.compile(r"^(\u2500{3,}|-{3,})$")
_OPTION = re.compile(r"^(--[\w.-]+)")


def parse(
    cls: type[ArgumentsT],
    words: Sequence[str],
    *,
    command: str,
    default: ArgumentsT | None = None,
    description: str | None = None,
) -> ArgumentsT:
    """Returns arguments as a dataclass.

    Args:
        cls: the dataclass.
        words: the command line after the command.
        command: words of the command, such as `data generate`.
        default: values of everything that is not given; those of the dataclass by default.
        description: the help text; the docstring of the dataclass by default.

    Raises:
        UsageError: they are not understood.
        SystemExit: help was asked for and printed.
    """
    if _IS_DESCRIBING.get():
        raise _Described(cls)
    errors = io.StringIO()
    text = None if description is None else cleandoc(description)
    read = partial(tyro.cli, cls, prog=f"perdure {command}", description=text, config=_CONFIG)
    try:
        with contextlib.redirect_stderr(errors):
            parsed: ArgumentsT = read(args=list(words)) if default is None else read(args=list(words), default=default)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(f"{one_line_of(errors.getvalue())}; see perdure {command} --help") from None
    return parsed


class _Described(Exception):
    """Ends a command at the point where it reads its arguments."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self.cls = cls


_IS_DESCRIBING: ContextVar[bool] = ContextVar("is_describing", default=False)


def described(command: Callable[[Sequence[str]], int]) -> type:
    """Returns the dataclass of a command's arguments, by calling it and stopping it where it reads them.

    Raises:
        RuntimeError: it reads none.
    """
    token = _IS_DESCRIBING.set(True)
    try:
        command(())
    except _Described as found:
        return found.cls
    finally:
        _IS_DESCRIBING.reset(token)
    raise RuntimeError(f"command: {command} has ended without reading its arguments")


def one_line_of(text: str) -> str:
    r"""Returns what a framed message of tyro says, without frame, title, help text and repetition.

    >>> one_line_of("\u256d\u2500 Value error \u2500\n\u2502 Error parsing config.data: n: got -1 \u2502\n\u2570\u2500")
    'data.n: got -1'
    >>> one_line_of(" Value error\n -----------\n Error parsing --data.n: no number \n -----------\n For full helptext")
    '--data.n: no number'
    """
    parts: list[list[str]] = [[]]
    for line in (line.strip().strip("\u2502").strip() for line in text.splitlines()):
        if _RULE.match(line):
            parts.append([])
        elif line and not _BORDER.match(line):
            parts[-1].append(line)
    if _CORNER not in text:
        del parts[0]  # an output that knows ASCII alone gets no frame, but the title as a part of its own
    message = " ".join(parts[0] if parts else []).rstrip(".")
    message = re.sub(r"^Error parsing (?:config\.)?(?=\w)([\w.]+): (?=\w+: )", r"\1.", message)
    message = re.sub(r"^Error parsing ", "", message)
    similar = [match[1] for part in parts[1:] if part and part[0].startswith("Perhaps") for match in _options(part)]
    return f"{message}; did you mean {similar[0]}?" if similar else message


def _options(lines: Sequence[str]) -> list[re.Match[str]]:
    return [match for line in lines if (match := _OPTION.match(line))]


def peek(words: Sequence[str], option: str) -> str | None:
    """Returns the value of an option before the arguments are read, None if it is not given.

    >>> peek(["--recipe", "tiny"], "--recipe"), peek(["--recipe=tiny"], "--recipe"), peek([], "--recipe")
    ('tiny', 'tiny', None)
    """
    for index, word in enumerate(words):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option:
            return words[index + 1] if index + 1 < len(words) else ""
    return None
