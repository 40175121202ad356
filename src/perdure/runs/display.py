"""Shows a run: bars on a terminal, plain lines elsewhere. Decides nothing and measures nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from perdure.runs.plan import PlannedStage
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressState:
    """Where a run stands.

    Args:
        stage: stage at work.
        done: finished part of it, in units of its own.
        total: all of it.
        detail: a few words on its state.
        run_share: finished share of the whole run, 0 to 1.
        eta_s: seconds until the run ends, None before anything can be said.
    """

    stage: str
    done: int
    total: int
    detail: str
    run_share: float
    eta_s: float | None


class Display:
    """Shows a run to people; this one shows nothing."""

    def begin(self, planned: Sequence[PlannedStage]) -> None:
        """Takes all stages before the first one starts."""

    def stage_started(self, item: PlannedStage) -> None:
        """Takes the stage that starts now."""

    def progress(self, state: ProgressState) -> None:
        """Takes every step; must be quick."""

    def milestone(self, line: str) -> None:
        """Takes a line of `PROGRESS.txt`."""

    def stage_ended(self, item: PlannedStage, word: str, duration_s: float) -> None:
        """Takes how a stage ended: `done`, `kept`, `stopped` or `failed`."""

    def note(self, text: str) -> None:
        """Takes a line for people."""

    def end(self) -> None:
        """Called once, whatever happened."""


def display_for(console: Console) -> Display:
    """Returns bars for a terminal, plain lines for anything else."""
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay(console)


class PlainDisplay(Display):
    """Prints every milestone as a line, for logs and pipes.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def milestone(self, line: str) -> None:
        """Prints a line of `PROGRESS.txt`."""
        self.note(line)

    def note(self, text: str) -> None:
        """Prints a line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


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


class TerminalDisplay(Display):
    """One bar a stage and one for the whole run, redrawn in place.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._is_ascii = not console.encoding.lower().startswith("utf")
        self._bars = Progress(
            TextColumn("{task.fields[sign]}"),
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
            self._tasks[item.stage.name] = self._bars.add_task(
                f"[dim]{escape(item.stage.name):<10}",
                start=False,
                total=1,
                **self._fields("waiting", item.stage.summary),
            )
        self._run = self._bars.add_task("[bold]run       ", total=1.0, **self._fields("working", ""))
        self._bars.start()

    def stage_started(self, item: PlannedStage) -> None:
        """Marks a stage as being at work."""
        task = self._tasks[item.stage.name]
        self._bars.start_task(task)
        fields = self._fields("working", item.reason or "")
        self._bars.update(task, description=f"[bold]{item.stage.name:<10}", total=None, **fields)

    def progress(self, state: ProgressState) -> None:
        """Moves the bars."""
        task, detail = self._tasks[state.stage], escape(state.detail)
        self._bars.update(task, completed=state.done, total=max(1, state.total), detail=detail)
        if self._run is not None:
            left = "" if state.eta_s is None else f"about {duration_words(state.eta_s)} left"
            self._bars.update(self._run, completed=state.run_share, detail=left)

    def stage_ended(self, item: PlannedStage, word: str, duration_s: float) -> None:
        """Marks how a stage ended."""
        task = self._tasks[item.stage.name]
        detail = {"done": "", "kept": "nothing has changed"}.get(word)
        if detail is None:
            at_work = self._bars.tasks[self._bars.task_ids.index(task)]
            fields = self._fields(word, None, duration_s) | {"total": at_work.total or 1}
        else:
            fields = self._fields(word, detail, duration_s) | {"completed": 1, "total": 1}
        self._bars.update(task, description=f"{item.stage.name:<10}", **fields)

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, style="yellow")

    def end(self) -> None:
        """Leaves the bars as they are."""
        if self._run is not None:
            is_whole = all(task.fields["state"] in ("done", "kept") for task in self._bars.tasks[:-1])
            fields = self._fields("done" if is_whole else "stopped", "", self._bars.tasks[-1].elapsed or 0.0)
            self._bars.update(self._run, completed=1.0 if is_whole else None, **fields)
        self._bars.stop()

    def _fields(self, state: str, detail: str | None, duration_s: float = 0.0) -> dict[str, Any]:
        """Returns what the columns show of a stage in some state; without a detail that of before stays."""
        sign, plain, style = _SIGNS[state]
        fields = {"state": state, "sign": f"[{style}]{plain if self._is_ascii else sign}", "duration_s": duration_s}
        return fields if detail is None else fields | {"detail": escape(detail)}


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
