"""What people see: lines, tables and bars; colours and bars on a terminal only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from string import Formatter
from typing import Any

from rich.console import Console
from rich.text import Text

WIDE = 10_000
"""Columns of an output that is no terminal: nothing is wrapped or cut there."""


def stdout() -> Console:
    """Returns where results go."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def stderr() -> Console:
    """Returns where progress, warnings and errors go."""
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=WIDE)


def say(*parts: str | tuple[str, str]) -> None:
    """Prints a line of texts; a pair is a text and its style."""
    shown = [_harmless(part) if isinstance(part, str) else (_harmless(part[0]), part[1]) for part in parts]
    stdout().print(Text.assemble(*shown), soft_wrap=True)


def complain(text: str) -> None:
    """Prints one line on the error output."""
    stderr().print(Text(_harmless(text)), soft_wrap=True)


def _harmless(text: str) -> str:
    """Returns a text in which control characters are written out: names and values of files are other people's."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text)


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, styles: Sequence[str | None] = ()) -> None:
    """Prints rows under a header in columns that are as wide as they must be.

    Args:
        header: names of the columns.
        rows: texts, as many as there are columns.
        styles: style of each row; all plain by default.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    say((line(header), "bold"))
    for index, row in enumerate(rows):
        say((line(row), (styles[index] if styles else None) or ""))


class _Cells(Formatter):
    """Formats as Python has them, but nothing for None, and a space before the sign of percent."""

    def format_field(self, value: Any, format_spec: str) -> str:
        text = "" if value is None else format(value, format_spec)
        return text.replace("%", " %") if format_spec.endswith("%") else text


def say_rows(columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]], *, none: str = "") -> None:
    """Prints rows of named values as a table.

    Args:
        columns: title and format of each, such as `("missed", "{miss_rate:.1%}")`.
        rows: values by name.
        none: what stands where there is no value.
    """
    form = _Cells().vformat
    lines = [[form(text, (), row) or none for _, text in columns] for row in rows]
    say_table([title for title, _ in columns], lines)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yields a function that shows how many of how many are done: a bar on a terminal, a line each tenth elsewhere.

    Args:
        what: what is counted, for people.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = stderr()
    if not console.is_terminal:
        yield _line_each_tenth(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _line_each_tenth(what: str) -> Callable[[int, int | None], None]:
    shown = -1

    def report(done: int, total: int | None) -> None:
        nonlocal shown
        share = 10 * done // total if total else done // 1000
        if share > shown:
            shown = share
            complain(f"{what}: {done}/{total}" if total else f"{what}: {done}")

    return report


@contextmanager
def logged_to(handler: logging.Handler) -> Iterator[None]:
    """Hands what perdure logs to a handler, and to no other one of the command line, while the block runs."""
    logger = logging.getLogger("perdure")
    others = list(logger.handlers)
    logger.handlers[:] = [handler]
    try:
        yield
    finally:
        logger.handlers[:] = others
