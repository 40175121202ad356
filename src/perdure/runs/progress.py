"""How far a run is and how long it still takes: `PROGRESS.txt`, a line a milestone, `metrics.jsonl`, the display."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perdure.files import write_text
from perdure.runs.display import Display, ProgressState
from perdure.runs.heartbeat import Activity
from perdure.runs.plan import PlannedStage
from perdure.runs.record import timestamp
from perdure.runs.words import duration_words

logger = logging.getLogger(__name__)

_NUM_MILESTONES = 10
"""Milestones in a stage that reports its progress."""


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


class MetricsLog:
    """Appends rows to a file of JSON lines.

    Args:
        path: the file; a half line that a killed process has left at its end is removed.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked: set[str] = set()
        path.touch()
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))

    def append(self, row: dict[str, Any]) -> None:
        """Appends a row with `stage` and, where it has them, `step`; numbers that are not finite become null.

        The first row of a stage in this process drops rows of that stage with the same or a later step: they are
        from before an interruption, and the work they tell of is being done again.
        """
        stage = str(row.get("stage"))
        if stage not in self._checked:
            self._checked.add(stage)
            self.drop(stage, from_step=row.get("step", 0))
        line = json.dumps({name: _finite(value) for name, value in row.items()}, allow_nan=False) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def drop(self, stage: str, *, from_step: int = 0) -> None:
        """Removes the rows of a stage from a step on; rows without a step count as step 0."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not _is_from(json.loads(line), stage, from_step)]
        if len(kept) < len(lines):
            write_text(self._path, "".join(kept))


def _is_from(row: dict[str, Any], stage: str, from_step: int) -> bool:
    return row.get("stage") == stage and row.get("step", 0) >= from_step


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


PRIOR_S = 15.0
"""Seconds of work at the pace that the weights were measured at, counted as seen before anything ran."""
TRUST_SHARE = 0.1
"""Finished share of a stage from which on its own pace counts for more than its weight."""


class TimeLeft:
    """Estimates the time left of stages whose weights say how many seconds they take on an ordinary machine.

    A stage at work is judged by its own pace over the later half of what it has done, so that what it loads before its
    first report, and parts of it that went faster or slower, are not taken for the pace of the rest. A share of a tenth
    says little about a pace, so at first its weight counts for more. Stages to come are judged by all that ran in this
    process, the stage at work included as long as it will probably take.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known_s = self._known_weight = 0.0
        self._weight = self._skipped = self._share = 0.0
        self._start_s: float | None = None
        self._reports: list[tuple[float, float]] = []

    def start(self, weight: float) -> None:
        """A stage of some weight starts."""
        self._weight, self._skipped, self._share = weight, 0.0, 0.0
        self._start_s, self._reports = self._clock(), []

    def report(self, share: float, *, is_skipped: bool = False) -> None:
        """Takes the finished share of the stage; `is_skipped` says that an earlier process had done it."""
        if is_skipped:
            self._skipped = share
        self._reports.append((share, self._clock()))
        self._share = share

    def finish(self, duration_s: float) -> None:
        """The stage has ended after some seconds of work."""
        self._known_s += duration_s
        self._known_weight += self._weight * (1 - self._skipped)
        self._start_s = None

    def seconds(self, later_weight: float) -> float | None:
        """Returns seconds until everything is done, None before anything can be said.

        Args:
            later_weight: of the stages after the one at work.
        """
        rest_s, total_s, weight = self._of_stage()
        if not self._known_weight and not weight:
            return None
        pace = (self._known_s + total_s + PRIOR_S) / (self._known_weight + weight + PRIOR_S)
        return rest_s + later_weight * pace

    def _of_stage(self) -> tuple[float, float, float]:
        """Returns for the stage at work: seconds left, seconds in all, and the weight that they are spent on."""
        if self._start_s is None:
            return 0.0, 0.0, 0.0
        spent_s, weight = self._clock() - self._start_s, self._weight * (1 - self._skipped)
        expected_s = weight * (self._known_s + PRIOR_S) / (self._known_weight + PRIOR_S)
        own_s, done = self._own_rest_s(spent_s), self._share - self._skipped
        if own_s is None:
            return max(expected_s - spent_s, 0.0), 0.0, 0.0
        trust = done / (done + TRUST_SHARE * (1 - self._share))
        total_s = trust * (spent_s + own_s) + (1 - trust) * expected_s
        return max(total_s - spent_s, 0.0), max(total_s, spent_s), weight

    def _own_rest_s(self, spent_s: float) -> float | None:
        """Returns what the stage still takes at its own pace, None before it has one."""
        done = self._share - self._skipped
        half = min(bisect_left(self._reports, (self._skipped + done / 2, 0.0)), len(self._reports) - 2)
        if half >= 0 and self._share > self._reports[half][0]:
            share, time_s = self._reports[half]
            return (self._clock() - time_s) / (self._share - share) * (1 - self._share)
        return spent_s / done * (1 - self._share) if done > 0 and not self._known_weight else None
