"""`perdure run`: the whole pipeline, from a recipe or a file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from perdure.cli.arguments import Arguments, parse, peek
from perdure.cli.errors import DONE, UsageError, WorkFailedError
from perdure.cli.inspect_commands import say_end
from perdure.cli.terminal import logged_to, stderr
from perdure.publish.branch import RunBranch
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import (
    DEFAULT_RECIPE,
    changed_recipe,
    recipe,
    recipes_help,
    renamed_option,
    stored_config,
)
from perdure.runs.display import DisplayHandler, display_for
from perdure.runs.record import RunRecord
from perdure.runs.run_folder import RUNS, RunFolder
from perdure.runs.runner import ResultStore, Runner
from perdure.runs.signals import StopSwitch
from perdure.runs.stage import Stage, StageFailedError, Stopped, one_line

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run(Arguments):
    """Goes from a recipe to a finished report, stage by stage; what has not changed is kept.

    Reads: the recipe or the configuration file, and what the run folder holds already.

    Writes: the run folder, runs/RECIPE by default; its data set is the largest part (0.9 MB a clip). With --branch
    also one commit a stage on that branch, without weights and data; checkout, index and stash stay as they are.

    Costs: what its recipe says, see below. The same command again takes seconds. It may be stopped with Ctrl-C or
    killed at any time and continues when it is run again.
    """

    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    config_file: Annotated[Path | None, tyro.conf.arg(name="config", metavar="FILE")] = None
    """Configuration file (TOML) to start from instead of a recipe; what it leaves out is taken from its recipe."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Run folder; runs/RECIPE by default."""
    resume: bool = False
    """Continue a run with its own settings, or let other settings redo the stages that depend on them."""
    branch: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Branch of the repository here that takes the results after every stage, such as early-persistence/magvit."""
    push: bool = False
    """Push that branch after every commit; a push that fails is tried again after the next stage."""
    line: tyro.conf.SuppressFixed[tyro.conf.Fixed[str]] = ""

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Run:
        """Returns what the words say, with the recipe, file or run that they start from, and the line for its record.

        A run that is continued by its folder alone keeps the line that started it.
        """
        read, out = parse_settings(cls, words, command)
        is_named = peek(words, "--recipe") is not None or read.config_file is not None
        line = shlex.join(["perdure", command, *(word for word in words if word != "--resume")])
        return replace(read, out=read.out or out, line=line if is_named or not read.resume else "")

    def __call__(self) -> int:
        folder = RunFolder(self.out or RUNS / DEFAULT_RECIPE)
        if self.push and self.branch is None:
            raise UsageError("got --push without --branch NAME, expected both; it pushes the branch with the results")
        store = RunBranch.open(Path.cwd(), self.branch, is_pushed=self.push) if self.branch else ResultStore()
        runner = Runner(
            stages=all_stages(self.config),
            config_of=stored_config,
            command=self.line,
            may_change=self.resume,
            branch=store,
        )
        say_end(run_shown(runner, self.config, folder), folder)
        return DONE


def parse_settings(cls: type[ArgumentsT], words: Sequence[str], command: str) -> tuple[ArgumentsT, Path]:
    """Returns arguments with all settings of a run, and the default run folder; help names all recipes."""
    base, out = starting_point(words)
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        if renamed_option(option) != option:
            raise UsageError(f"got {option}, expected its name {renamed_option(option)}; see perdure {command} --help")
    text = f"{cleandoc(cls.__doc__ or '')}\n\n{recipes_help()}"
    default = cls(config=base)  # type: ignore[call-arg]
    return parse(cls, words, command=command, description=text, default=default), out


def all_stages(config: RunConfig) -> Sequence[Stage]:
    """Returns the stages of a run; they are loaded late, so that help and mistakes in the input need no torch.

    Raises:
        ValueError, FileNotFoundError: there is no folder with the tracks that the run is for.
    """
    from perdure.recipes.stages import run_stages

    return run_stages(config)


def starting_point(words: Sequence[str]) -> tuple[RunConfig, Path]:
    """Returns the configuration that flags then change, and the default run folder.

    Raises:
        ValueError: recipe or file is not valid, or both are given.
        FileNotFoundError: there is no such file.
    """
    name, file = peek(words, "--recipe"), peek(words, "--config")
    if name is not None and file is not None:
        raise UsageError("got --recipe and --config, expected one of them; a file names its recipe itself")
    if file:
        return changed_recipe(Path(file)), RUNS / Path(file).stem
    out = RUNS / (name or DEFAULT_RECIPE)
    stored = RunFolder(Path(peek(words, "--out") or out))
    if name is None and "--resume" in words and stored.is_run:
        return stored_config(stored), out
    return recipe(DEFAULT_RECIPE if name is None else name), out


def run_shown(runner: Runner, config: RunConfig, folder: RunFolder, *, only: Sequence[str] = ()) -> RunRecord:
    """Runs stages with progress on the terminal, stoppable by signals; errors say how to go on.

    Raises:
        WorkFailedError: a stage has failed, a signal has stopped it, or the folder could not be written.
    """
    display = display_for(stderr())
    again = f"continue with: perdure run --resume --out {shlex.quote(str(folder.path))}{runner.branch.options}"

    def tell(name: str) -> None:
        display.note(f"{name}: stopping at the next safe point (Ctrl-C again: at once)")

    def tell_end() -> None:
        display.note(f"perdure: stopped; {again}")

    try:
        with StopSwitch(tell, on_exit=tell_end) as stop, logged_to(DisplayHandler(display)):
            return replace(runner, display=display, stop=stop).run(config, folder, only=only)
    except StageFailedError as error:
        raise WorkFailedError(f"{error}; details in {folder.log_file}; {again}") from error
    except (Stopped, OSError) as error:
        if isinstance(error, OSError) and error.errno is None:
            raise
        raise WorkFailedError(f"{one_line(error)}; {again}") from error
