"""`perdure status`, `check`, `runs` and `explain`: look at runs without changing them; and what came out of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, FAILED, UsageError
from perdure.cli.terminal import complain, say, say_table, stdout
from perdure.runs.complete import Target, current_targets, read_targets
from perdure.runs.record import RunRecord, read_record
from perdure.runs.run_folder import LATEST, RUNS, RunFolder, find_runs, named_run
from perdure.runs.stacks import ask_for_stacks
from perdure.runs.status import RunStatus, run_status
from perdure.runs.words import duration_words

if TYPE_CHECKING:
    from perdure.explain.language_model import Chat

_STYLES = {"running": "cyan", "finished": "green", "stale": "bold red", "failed": "bold red", "killed": "bold red"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Status(Arguments):
    """Says what is going on in a run: running, finished, stale, stopped, failed or killed, and what to do.

    Reads: lock, heartbeat and record of the run folder; also while it runs, also of a copy from another machine.

    Writes: nothing.

    Costs: nothing.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""
    stacks: bool = False
    """Also show where every thread of the run is at work; the run is not disturbed."""

    def __call__(self) -> int:
        found = run_status(named_run(self.run))
        say(f"{found.run.path}: ", (found.state, _STYLES.get(found.state, "yellow")), f" ({found.text})")
        if found.record is not None:
            for name, stage in found.record.stages.items():
                error = f"  {stage.error}" if stage.error else ""
                say(f"  {name:<10}  {stage.status:<9}  {duration_words(found.worked_s(stage)):<12}{error}".rstrip())
        _say_last_progress(found)
        say_targets(found.targets)
        if found.advice:
            say(("  what to do: ", "bold"), found.advice)
        if self.stacks:
            say(ask_for_stacks(found.run).rstrip("\n"))
        return DONE


def _say_last_progress(found: RunStatus) -> None:
    path = found.run.progress_file
    if found.state != "finished" and path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines:
            say(f"  last milestone: {lines[-1]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check(Arguments):
    """Ends with exit code 1 if a run misses a target, 0 if it meets all of them.

    Reads: evaluation/evaluation_metrics.json and the record of the run folder.

    Writes: nothing.

    Costs: nothing.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""

    def __call__(self) -> int:
        folder = named_run(self.run)
        record = read_record(folder)
        stage = record.stages.get("evaluate") if record else None
        if stage is not None and stage.status != "done":
            raise ValueError(
                f"run folder {folder.path}: its evaluation is {stage.status}; run 'perdure evaluate {folder.path}'"
            )
        targets = read_targets(folder)
        if not targets:
            complain(f"perdure check: {folder.evaluation_metrics} holds no targets")
            return FAILED
        say_targets(targets)
        return DONE if all(target.is_met for target in targets) else FAILED


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs(Arguments):
    """Lists all runs of a folder: state, time of work, targets met.

    Reads: the records of all run folders inside.

    Writes: nothing.

    Costs: nothing.
    """

    root: tyro.conf.Positional[Path] = RUNS
    """Folder that the run folders lie in."""

    def __call__(self) -> int:
        folders = find_runs(self.root)
        if not folders:
            say(f"there is no run in {self.root}; make one with 'perdure run --recipe tiny'")
            return DONE
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
        return DONE


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
class Explain(Arguments):
    """Says in words why tracks were decided as they were; without a track, what was decided in all.

    Reads: decisions and trace of a run, or of a folder that perdure watch or confirm has written; where the gate is run
    again, its data and weights too.

    Writes: nothing.

    Costs: the time in which the gate runs to the track that is asked for, at most once.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder, or one of perdure watch or confirm; the run that was started last by default."""
    track: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None
    """Track id; in a run CLIP/TRACK, a clip, or a track id that only one clip has."""
    ask: Annotated[str | None, tyro.conf.arg(metavar="QUESTION")] = None
    """A question in plain words, such as 'why was track 7 rejected?'; answered from what is stored, or not at all."""
    endpoint: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """OpenAI-compatible endpoint (http://HOST/v1) whose model may choose a query for --ask and the order of sentences;
    it writes none. Key in the environment variable PERDURE_API_KEY."""
    model: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Model of --endpoint."""
    gguf: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The same with a model file for llama.cpp on this machine. Needs the extra llm."""
    timeout_s: float = 20.0
    """Seconds after which a model is given up."""

    def __call__(self) -> int:
        is_stream = (self.run / "decisions.jsonl").is_file()
        folder = self.run if is_stream else named_run(self.run).path
        say(_explained(self, folder).rstrip("\n"))
        return DONE


def _explained(arguments: Explain, folder: Path) -> str:
    """Returns what was asked for; a model helps where one is named."""
    from perdure.explain.language_model import answer_with, explain_with
    from perdure.explain.questions import answer
    from perdure.explain.text import explain_folder, explain_track

    chat = _chat(arguments)
    if arguments.ask is not None:
        asked = arguments.ask
        return str(answer(folder, asked) if chat is None else answer_with(folder, asked, chat))
    if arguments.track is None:
        return explain_folder(folder)
    track = arguments.track
    return explain_track(folder, track) if chat is None else explain_with(folder, track, chat)


def _chat(arguments: Explain) -> Chat | None:
    """Returns the language model that is named, if one is."""
    if (arguments.endpoint is None) != (arguments.model is None) or (arguments.endpoint and arguments.gguf):
        raise UsageError("--endpoint and --model go together, and without --gguf; give both, or a file, or none")
    if arguments.endpoint is not None and arguments.model is not None:
        from perdure.explain.endpoint import Endpoint

        return Endpoint(url=arguments.endpoint, model=arguments.model, timeout_s=arguments.timeout_s)
    if arguments.gguf is not None:
        from perdure.explain.local_model import LocalModel

        return LocalModel(arguments.gguf, timeout_s=arguments.timeout_s)
    return None


def say_targets(targets: Sequence[Target]) -> None:
    """Prints one line a target, and loudly which ones are missed."""
    missed = [target.name for target in targets if not target.is_met]
    width = max((len(target.name) for target in targets), default=0)
    for target in targets:
        style = "green" if target.is_met else "bold red"
        say((f"  {target.word}  ", style), f"{target.name:<{width}}  {target.value_text:<12}  asked {target.target}")
    if missed:
        verb = "target is" if len(missed) == 1 else "targets are"
        text = f"  {len(missed)} of {len(targets)} {verb} MISSED: {', '.join(missed)}"
        say((text, "bold white on red" if stdout().is_terminal else ""))
    elif targets:
        say((f"  all {len(targets)} targets are met", "green"))


def say_end(record: RunRecord, folder: RunFolder) -> None:
    """Prints what came out of a run."""
    if record.process.status == "finished":
        say(("finished", "bold green"), f": {duration_words(record.duration_s)} of work in {folder.path}")
    else:
        left = [name for name, stage in record.stages.items() if stage.status != "done"]
        more = f"; to be run again: {', '.join(left)}" if left else ""
        say(("done", "bold green"), f", but not every stage of {folder.path} has run{more}")
    say_targets(current_targets(folder, record))
    if folder.report_html.is_file() and record.process.status == "finished":
        say(f"  report: {folder.report_html}")
