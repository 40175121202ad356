"""Shows a run: bars on a terminal, plain lines elsewhere. Decides nothing and measures nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from perdure.runs.plan import PlannedStage
from perdure.runs.progress import Display, ProgressState
from perdure.runs.words import clock_words, duration_words

_SIGNS = {
    "waiting": ("\N{MIDDLE DOT}", ".", "dim"),
    "working": ("\N{BLACK RIGHT-POINTING TRIANGLE}", ">", "bold cyan"),
    "done": ("\N{CHECK MARK}", "+", "green"),
    "kept": ("\N{CHECK MARK}", "+", "dim green"),
    "stopped": ("\N{DOUBLE VERTICAL BAR}", "=", "yellow"),
    "failed": ("\N{MULTIPLICATION SIGN}", "x", "bold red"),
}
"""State of a stage: sign, sign on a terminal that knows ASCII alone, style."""


def display_for(console: Console) -> Display:
    """Returns bars for a terminal, plain lines for anything else."""
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay(console)


class SilentDisplay:
    """Shows nothing."""

    def begin(self, planned: Sequence[PlannedStage]) -> None:
        """Shows nothing."""

    def stage_started(self, item: PlannedStage) -> None:
        """Shows nothing."""

    def progress(self, state: ProgressState) -> None:
        """Shows nothing."""

    def milestone(self, line: str) -> None:
        """Shows nothing."""

    def stage_ended(self, item: PlannedStage, word: str, duration_s: float) -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Shows nothing."""

    def end(self) -> None:
        """Shows nothing."""


class PlainDisplay(SilentDisplay):
    """Prints every milestone as a line, for logs and pipes.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def milestone(self, line: str) -> None:
        """Prints a line of `PROGRESS.txt`."""
        self._print(line)

    def note(self, text: str) -> None:
        """Prints a line."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _SignColumn(ProgressColumn):
    """State of a stage as one sign."""

    def __init__(self, *, is_ascii: bool) -> None:
        super().__init__()
        self._is_ascii = is_ascii

    def render(self, task: Task) -> Text:
        sign, plain, style = _SIGNS[task.fields["state"]]
        return Text(plain if self._is_ascii else sign, style=style)


class _BarColumn(BarColumn):
    """A bar that pulses only while a stage works without saying how far it is."""

    def render(self, task: Task) -> ProgressBar:
        bar = super().render(task)
        bar.pulse = task.fields["state"] == "working" and task.total is None
        return bar


class _ShareColumn(ProgressColumn):
    """Percent of a stage, empty while it waits or if it was kept."""

    def render(self, task: Task) -> Text:
        is_shown = task.fields["state"] not in ("waiting", "kept")
        return Text(f"{task.percentage:3.0f} %" if is_shown else "", style="dim" if task.finished else "cyan")


class _TimeColumn(ProgressColumn):
    """Seconds spent on a stage."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        state = task.fields["state"]
        if state in ("waiting", "kept"):
            return Text("")
        seconds = task.elapsed if state == "working" else task.fields["duration_s"]
        return Text(clock_words(seconds), style="cyan" if state == "working" else "dim")


class TerminalDisplay(SilentDisplay):
    """One bar a stage and one for the whole run, redrawn in place.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            _SignColumn(is_ascii=not console.encoding.lower().startswith("utf")),
            TextColumn("{task.description}"),
            _BarColumn(bar_width=28, complete_style="cyan", finished_style="green", pulse_style="cyan"),
            _ShareColumn(),
            _TimeColumn(),
            TextColumn("{task.fields[detail]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            refresh_per_second=5,
        )
        self._tasks: dict[str, TaskID] = {}
        self._run: TaskID | None = None

    def begin(self, planned: Sequence[PlannedStage]) -> None:
        """Lists all stages."""
        for item in planned:
            name = f"{item.stage.name:<10}"
            task = self._bars.add_task(f"[dim]{escape(name)}", start=False, total=1, state="waiting", **_fields(item))
            self._tasks[item.stage.name] = task
        self._run = self._bars.add_task("[bold]run       ", total=1.0, state="working", detail="", duration_s=0.0)
        self._bars.start()

    def stage_started(self, item: PlannedStage) -> None:
        """Marks a stage as being at work."""
        task = self._tasks[item.stage.name]
        self._bars.start_task(task)
        self._update(task, description=f"[bold]{item.stage.name:<10}", state="working", total=None, detail=item.reason)

    def progress(self, state: ProgressState) -> None:
        """Moves the bars."""
        self._update(self._tasks[state.stage], completed=state.done, total=max(1, state.total), detail=state.detail)
        if self._run is not None:
            left = "" if state.eta_s is None else f"about {duration_words(state.eta_s)} left"
            self._update(self._run, completed=state.run_share, detail=left)

    def stage_ended(self, item: PlannedStage, word: str, duration_s: float) -> None:
        """Marks how a stage ended."""
        task = self._tasks[item.stage.name]
        fields: dict[str, Any] = {"state": word, "duration_s": duration_s, "description": f"{item.stage.name:<10}"}
        if word in ("done", "kept"):
            fields |= {"completed": 1, "total": 1, "detail": "nothing has changed" if word == "kept" else ""}
        else:
            fields["total"] = self._bars.tasks[self._bars.task_ids.index(task)].total or 1
        self._update(task, **fields)

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, style="yellow")

    def end(self) -> None:
        """Leaves the bars as they are."""
        if self._run is not None:
            is_whole = all(task.fields["state"] in ("done", "kept") for task in self._bars.tasks[:-1])
            self._update(self._run, state="done" if is_whole else "stopped", detail="")
            elapsed_s = self._bars.tasks[-1].elapsed or 0.0
            self._update(self._run, duration_s=elapsed_s, **({"completed": 1.0} if is_whole else {}))
        self._bars.stop()

    def _update(self, task: TaskID, **fields: Any) -> None:
        if "detail" in fields:
            fields["detail"] = escape(fields["detail"] or "")
        self._bars.update(task, **fields)


def _fields(item: PlannedStage) -> dict[str, Any]:
    return {"detail": escape(item.stage.summary), "duration_s": 0.0}


class DisplayHandler(logging.Handler):
    """Hands warnings of the log to a display, so that they do not tear its bars.

    Args:
        display: shows them.
    """

    def __init__(self, display: Display, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record as one line; one with a trace is for the file, whoever ends the run tells the error."""
        if record.exc_info:
            return
        try:
            self._display.note(f"{record.levelname.lower()}: {record.getMessage()}")
        except Exception:  # noqa: BLE001 - what logging asks of a handler
            self.handleError(record)
