"""What is going on in a run folder, from its lock, its heartbeat and its record: read only, from any process."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import psutil

from perdure.runs.complete import Target, current_targets
from perdure.runs.heartbeat import LATE_S, STALE_S, Beat, last_beat
from perdure.runs.lock import holder, is_locked
from perdure.runs.machine import host_name
from perdure.runs.record import ProcessRecord, RunRecord, StageRecord, read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.words import duration_words

State = Literal["running", "stale", "finished", "partial", "stopped", "failed", "killed", "away", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The state of a run.

    Args:
        run: the folder.
        state: `running`; `stale` (there, but without a sign of life); `finished`; `partial` (some stages were asked
            for by name, others have not run); `stopped`; `failed`; `killed` (ended without a word); `away` (another
            machine works on it, and its last words are old); `new` (nothing has run).
        text: what is known, in one line.
        advice: what to do, in one line; empty if nothing.
        record: of the run, None if there is none.
        targets: stored targets; empty while evaluation has to run.
        seen: when the process was last known to be at work: now if it is, else its last heartbeat.
    """

    run: RunFolder
    state: State
    text: str
    advice: str
    record: RunRecord | None
    targets: tuple[Target, ...] = ()
    seen: datetime | None = None

    def worked_s(self, stage: StageRecord) -> float:
        """Returns seconds of work of a stage, up to now or to the last sign of life where it has not ended.

        A record counts a stage once it has ended, so that one at work would show none.
        """
        if stage.status != "running" or self.seen is None:
            return stage.duration_s
        return stage.duration_s + max((self.seen - datetime.fromisoformat(stage.started)).total_seconds(), 0.0)


def run_status(run: RunFolder, *, now: datetime | None = None) -> RunStatus:
    """Returns the state of a run.

    Args:
        run: its folder.
        now: the time; of the machine by default.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its record cannot be read.
    """
    run.require_run()
    record, beat = read_record(run), last_beat(run.heartbeat_file)
    now = now or datetime.now(UTC)
    state = _state(run, record, beat=beat, now=now)
    text, advice = _words(run, record, beat=beat, now=now)[state]
    targets = tuple(current_targets(run, record))
    seen = now if state == "running" else (beat.time if beat is not None else None)
    return RunStatus(run=run, state=state, text=text, advice=advice, record=record, targets=targets, seen=seen)


def _state(run: RunFolder, record: RunRecord | None, *, beat: Beat | None, now: datetime) -> State:
    if record is None:
        return "new"
    started = datetime.fromisoformat(record.process.started)
    is_of_process = beat is not None and beat.time >= started
    silent_s = beat.age_s(now) if beat and is_of_process else (now - started).total_seconds()
    is_late = silent_s > LATE_S
    if beat is not None and is_of_process:
        # Lines may come on while the work thread waits for ever, each saying for how long already.
        is_late |= beat.is_stale or beat.silent_s + silent_s > STALE_S
    if is_locked(run.lock_file):
        return "stale" if is_late else "running"
    if record.process.status != "running":
        return record.process.status
    if record.process.host != host_name():
        return "away" if is_late else "running"
    return "killed"


def _words(
    run: RunFolder, record: RunRecord | None, *, beat: Beat | None, now: datetime
) -> dict[State, tuple[str, str]]:
    """Returns for every state what is known and what to do, in one line each."""
    again = f"perdure run --resume --out {run.path}"
    if record is None:
        return {"new": ("nothing has run yet", f"start it: {again}")}
    process, pid, by = record.process, record.process.pid, holder(run.lock_file)
    seen = ""
    if beat is not None:
        seen = f"; last heartbeat {duration_words(beat.age_s(now))} ago in {beat.stage}: {beat.text}"
    return {
        "running": (
            f"{by}{seen}",
            f"watch it: tail -f {run.progress_file}; stop it: kill {pid} (it can be continued)",
        ),
        "stale": (
            f"{by} is {_condition(process)}{seen}",
            f"wake it if it is suspended: kill -CONT {pid}; see what it does: perdure status {run.path} --stacks; "
            f"or stop it: kill {pid}, and continue: {again}",
        ),
        "finished": (
            f"every stage ran, {duration_words(record.duration_s)} of work; ended {process.ended}",
            f"read {run.report_html}",
        ),
        "partial": (f"some stages have not run; ended {process.ended}", f"run the rest: {again}"),
        "stopped": (f"{process.error or 'stopped on request'}; ended {process.ended}", f"continue: {again}"),
        "failed": (
            f"{process.error or 'no reason recorded'}; ended {process.ended}",
            f"see {run.log_file}; then continue: {again}",
        ),
        "killed": (
            f"process {pid} ended without a word (killed, out of memory or power cut){seen}",
            f"continue: {again}",
        ),
        "away": (
            f"worked on by {process.host}, of which nothing was heard{seen}",
            f"look on {process.host}; if it ended there, continue: {again}",
        ),
    }


def _condition(process: ProcessRecord) -> str:
    """Returns what is wrong with a process that shows no life, as far as the system tells."""
    with contextlib.suppress(psutil.Error):
        if process.host == host_name() and psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
            return "suspended (somebody sent SIGSTOP, or Ctrl-Z)"
    return "there but shows no life"
