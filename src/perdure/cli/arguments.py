"""Arguments from the command line into dataclasses; every mistake becomes one line."""

from __future__ import annotations

import contextlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import TypeVar

import tyro

from perdure.cli.errors import UsageError
from perdure.runs.run_folder import require_outside_runs

ArgumentsT = TypeVar("ArgumentsT", bound="Arguments")

_CONFIG = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands, tyro.conf.DisallowNone)
_CORNER = "\u256d"
_BORDER = re.compile(r"^[\u256d\u2570]")
_RULE = re.compile(r"^(\u2500{3,}|-{3,})$")
_NO_FORM = re.compile(r": no type matching (\S.*?) could be instantiated from \[(.*?)\].*")
_UNKNOWN = re.compile(r"^Unrecognized options: (--[\w-]+)(?:,|$)")
_OPTION = re.compile(r"^(--[\w.-]+)")


class Arguments(ABC):
    """What a command is told and what it does then: a dataclass whose docstring is the help of the command."""

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Arguments:
        """Returns what the words after a command say; see `parse` for what may go wrong."""
        return parse(cls, words, command=command)

    @abstractmethod
    def __call__(self) -> int:
        """Does the work and returns the exit code."""


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
        ValueError: rows would be written into the folder of a run.
        SystemExit: help was asked for and printed.
    """
    errors = io.StringIO()
    text = None if description is None else cleandoc(description)
    read = partial(tyro.cli, cls, prog=f"perdure {command}", description=text, config=_CONFIG)
    try:
        with contextlib.redirect_stderr(errors):
            parsed: ArgumentsT = read(args=list(words)) if default is None else read(args=list(words), default=default)
    except SystemExit as stop:
        if not stop.code:
            raise
        line = one_line_of(errors.getvalue())
        raise UsageError(f"{line}{_meant(line, cls)}; see perdure {command} --help") from None
    if isinstance(place := getattr(parsed, "json", None), Path):  # here, since rows come at the end of long work
        require_outside_runs(place, what="--json")
    return parsed


def one_line_of(text: str) -> str:
    r"""Returns what a framed message of tyro says, without frame, title, help text and repetition.

    >>> one_line_of("\u256d\u2500 Value error \u2500\n\u2502 Error parsing config.data: n: got -1 \u2502\n\u2570\u2500")
    'data.n: got -1'
    >>> one_line_of(" Value error\n -----------\n Error parsing --data.n: no number \n -----------\n For full helptext")
    '--data.n: no number'
    >>> one_line_of(" Value error\n -----------\n Error parsing Frontier: cells: got 'd9' \n -----------\n For help")
    "cells: got 'd9'"
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
    message = re.sub(r"^Error parsing [A-Z]\w*: (?=\w+: )", "", message)  # the class of all arguments
    message = re.sub(r"^Error parsing (?:config\.)?(?=\w)([\w.]+): (?=\w+: )", r"\1.", message)
    message = re.sub(r"^Error parsing ", "", message)
    message = message.replace("'None', ", "").replace(", 'None'", "")  # what is not given, and no choice to make
    message = _NO_FORM.sub(_expected_form, message)
    perhaps = (line for part in parts[1:] if part and part[0].startswith("Perhaps") for line in part)
    similar = next((match[1] for line in perhaps if (match := _OPTION.match(line))), None)
    return f"{message}; did you mean {similar}?" if similar else message


def _expected_form(found: re.Match[str]) -> str:
    """Returns what was expected in the place of what the parser tried one after the other."""
    forms = [form.strip("{}") for form in found[1].split("|")]
    return f": got {found[2]}, expected {' or '.join(forms)}"


def _meant(line: str, cls: type[Arguments]) -> str:
    """Returns a question about the option that an unknown one resembles, where the parser has none; or nothing."""
    unknown = _UNKNOWN.search(line)
    if unknown is None or "did you mean" in line:
        return ""
    known = [f"--{field.name.replace('_', '-')}" for field in fields(cls) if field.init]  # type: ignore[arg-type]
    similar = get_close_matches(unknown[1], known, 1)
    return f"; did you mean {similar[0]}?" if similar else ""


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
