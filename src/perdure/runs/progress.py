"""How far a run is: `PROGRESS.txt`, one line a milestone, and what a display shows between milestones."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from perdure.runs.activity import Activity
from perdure.runs.metrics_log import MetricsLog
from perdure.runs.plan import PlannedStage
from perdure.runs.record import timestamp
from perdure.runs.time_left import TimeLeft
from perdure.runs.words import duration_words

logger = logging.getLogger(__name__)

_NUM_MILESTONES = 10
"""Milestones in a stage that reports its progress."""


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


@runtime_checkable
class Display(Protocol):
    """Shows a run to people; a terminal, plain lines, or nothing."""

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


class Progress:
    """Follows the stages of a run; the `StageLog` of whichever stage is at work.

    Args:
        planned: all stages.
        file: `PROGRESS.txt`, appended to.
        metrics_log: takes rows of numbers.
        activity: is touched by every report.
        display: shows it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        planned: Sequence[PlannedStage],
        *,
        file: Path,
        metrics_log: MetricsLog,
        activity: Activity,
        display: Display,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planned, self._file, self._metrics, self._activity = list(planned), file, metrics_log, activity
        self._display, self._clock = display, clock
        self._total_weight = sum(item.weight for item in planned if item.will_run) or 1.0
        self._weight_before = 0.0
        self._index = 0
        self._milestone = 0
        self._last = (0, 1)
        self._time_left = TimeLeft(clock)
        self._is_continued = False

    def start(self, item: PlannedStage, *, is_continued: bool = False) -> None:
        """A stage starts, or goes on where an earlier process left it."""
        self._index, self._milestone, self._last = self._planned.index(item), 0, (0, 1)
        self._is_continued = is_continued
        self._time_left.start(item.weight)
        self._activity.touch(item.stage.name, "started")
        self._display.stage_started(item)
        self._write(0, 1, f"started: {item.reason}")

    def finish(self, item: PlannedStage, word: str, duration_s: float) -> None:
        """A stage ended: `done`, `kept`, `stopped` or `failed`."""
        self._index = self._planned.index(item)
        if word in ("done", "kept"):
            self._last = (self._last[1], self._last[1]) if word == "done" else (1, 1)
        if word == "done":
            self._weight_before += item.weight
            self._time_left.finish(duration_s)
        self._activity.touch(item.stage.name, word)
        took = f" in {duration_words(duration_s)}" if word != "kept" else ", nothing has changed"
        self._write(*self._last, f"{word}{took}")
        self._display.stage_ended(item, word, duration_s)

    def forget(self, stage: str) -> None:
        """Drops the rows of numbers of a stage that starts from its beginning."""
        self._metrics.drop(stage)

    def metrics(self, row: dict[str, Any]) -> None:
        """Stores a row of numbers."""
        name = self._planned[self._index].stage.name
        self._metrics.append({"stage": name, **row, "time": timestamp()})
        self._activity.touch(name, f"wrote metrics of step {row['step']}" if "step" in row else "wrote metrics")

    def progress(self, done: int, total: int, detail: str = "") -> None:
        """Notes how much of the stage is done."""
        item = self._planned[self._index]
        share = done / total if total > 0 else 1.0
        self._time_left.report(share, is_skipped=self._is_continued)
        self._is_continued = False
        self._last = (done, max(1, total))
        self._activity.touch(item.stage.name, f"{done}/{total} {detail}".strip())
        self._display.progress(self._state(done, total, detail, within=share))
        milestone = int(share * _NUM_MILESTONES)
        if self._milestone < milestone < _NUM_MILESTONES:
            self._milestone = milestone
            self._write(done, total, detail, within=share)

    def note(self, text: str) -> None:
        """Logs a line; the display shows it."""
        self._activity.touch(self._planned[self._index].stage.name, text)
        logger.info("%s", text)
        self._display.note(text)

    def _state(self, done: int, total: int, detail: str, *, within: float) -> ProgressState:
        item = self._planned[self._index]
        finished = self._weight_before + within * item.weight
        later = sum(other.weight for other in self._planned[self._index + 1 :] if other.will_run)
        eta_s = self._time_left.seconds(later)
        return ProgressState(
            stage=item.stage.name,
            done=done,
            total=total,
            detail=detail,
            run_share=min(1.0, finished / self._total_weight),
            eta_s=eta_s,
        )

    def _write(self, done: int, total: int, detail: str, *, within: float = 0.0) -> None:
        state = self._state(done, total, detail, within=within)
        line = milestone_line(state, index=self._index, num_stages=len(self._planned))
        with self._file.open("ab", buffering=0) as file:
            file.write(f"{timestamp()}  {line}\n".encode())
        self._display.milestone(line)


def milestone_line(state: ProgressState, *, index: int, num_stages: int) -> str:
    """Returns a line of `PROGRESS.txt` without its time.

    >>> state = ProgressState(stage="train", done=1200, total=2000, detail="loss 0.31", run_share=0.41, eta_s=250.0)
    >>> milestone_line(state, index=1, num_stages=7)
    '[2/7] train      1200/2000   60 %  run  41 %  ETA 4 min 10 s    loss 0.31'
    """
    percent = 100 * state.done // state.total if state.total > 0 else 100
    eta = "ETA unknown" if state.eta_s is None else f"ETA {duration_words(state.eta_s)}"
    return (
        f"[{index + 1}/{num_stages}] {state.stage:<10} {f'{state.done}/{state.total}':<10} {percent:3d} %"
        f"  run {100 * state.run_share:3.0f} %  {eta:<16}  {state.detail}"
    ).rstrip()
