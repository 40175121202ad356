"""`perdure status`, `check`, `runs` and `explain`: look at runs without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from perdure.cli.arguments import parse
from perdure.cli.summary import say_targets
from perdure.cli.terminal import complain, say, say_table
from perdure.runs.complete import read_targets
from perdure.runs.record import read_record
from perdure.runs.run_folder import LATEST, RUNS, find_runs, named_run
from perdure.runs.stacks import ask_for_stacks
from perdure.runs.status import RunStatus, run_status
from perdure.runs.words import duration_words

_STYLES = {"running": "cyan", "finished": "green", "stale": "bold red", "failed": "bold red", "killed": "bold red"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusArguments:
    """Says what is going on in a run: running, finished, stale, stopped, failed or killed, and what to do.

    Reads: lock, heartbeat and record of the run folder; also while it runs, also of a copy from another machine.

    Writes: nothing.

    Costs: nothing.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""
    stacks: bool = False
    """Also show where every thread of the run is at work; the run is not disturbed."""


def status(words: Sequence[str], command: str) -> int:
    """Runs `perdure status`."""
    arguments = parse(StatusArguments, words, command=command)
    found = run_status(named_run(arguments.run))
    say(f"{found.run.path}: ", (found.state, _STYLES.get(found.state, "yellow")), f" ({found.text})")
    if found.record is not None:
        for name, stage in found.record.stages.items():
            error = f"  {stage.error}" if stage.error else ""
            say(f"  {name:<10}  {stage.status:<9}  {duration_words(stage.duration_s):<12}{error}".rstrip())
    _say_last_progress(found)
    say_targets(found.targets)
    if found.advice:
        say(("  what to do: ", "bold"), found.advice)
    if arguments.stacks:
        say(ask_for_stacks(found.run).rstrip("\n"))
    return 0


def _say_last_progress(found: RunStatus) -> None:
    path = found.run.progress_file
    if found.state != "finished" and path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines:
            say(f"  last milestone: {lines[-1]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckArguments:
    """Ends with exit code 1 if a run misses a target, 0 if it meets all of them.

    Reads: evaluation/evaluation_metrics.json and the record of the run folder.

    Writes: nothing.

    Costs: nothing.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""


def check(words: Sequence[str], command: str) -> int:
    """Runs `perdure check`."""
    folder = named_run(parse(CheckArguments, words, command=command).run)
    record = read_record(folder)
    stage = record.stages.get("evaluate") if record else None
    if stage is not None and stage.status != "done":
        raise ValueError(
            f"run folder {folder.path}: its evaluation is {stage.status}; run 'perdure evaluate {folder.path}'"
        )
    targets = read_targets(folder)
    if not targets:
        complain(f"perdure {command}: {folder.evaluation_metrics} holds no targets")
        return 1
    say_targets(targets)
    return 0 if all(target.is_met for target in targets) else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsArguments:
    """Lists all runs of a folder: state, time of work, targets met.

    Reads: the records of all run folders inside.

    Writes: nothing.

    Costs: nothing.
    """

    root: tyro.conf.Positional[Path] = RUNS
    """Folder that the run folders lie in."""


def runs(words: Sequence[str], command: str) -> int:
    """Runs `perdure runs`."""
    root = parse(RunsArguments, words, command=command).root
    folders = find_runs(root)
    if not folders:
        say(f"there is no run in {root}; make one with 'perdure run --recipe tiny'")
        return 0
    rows: list[tuple[str, ...]] = []
    styles = []
    for folder in folders:
        try:
            found = run_status(folder)
        except ValueError as error:
            rows.append((folder.name, "-", "unreadable", "-", "-", str(error)))
            styles.append("bold red")
            continue
        rows.append(_row(found))
        styles.append(_STYLES.get(found.state, "yellow"))
    say_table(("run", "recipe", "state", "work", "targets", "started"), rows, styles=styles)
    return 0


def _row(found: RunStatus) -> tuple[str, ...]:
    record = found.record
    met = sum(target.is_met for target in found.targets)
    return (
        found.run.name,
        record.recipe if record else "-",
        found.state,
        duration_words(record.duration_s) if record else "-",
        f"{met} of {len(found.targets)} met" if found.targets else "-",
        record.process.started if record else "-",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainArguments:
    """Says in words why tracks of a run were decided as they were; without a track, all that were decided wrongly.

    Reads: evaluation/ of the run folder.

    Writes: nothing.

    Costs: nothing.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""
    track: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """CLIP/TRACK, a clip, or a track id that only one clip has."""


def explain(words: Sequence[str], command: str) -> int:
    """Runs `perdure explain`."""
    from perdure.report.explain import explain_run

    arguments = parse(ExplainArguments, words, command=command)
    say(explain_run(named_run(arguments.run).path, arguments.track).rstrip("\n"))
    return 0
