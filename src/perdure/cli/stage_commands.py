"""`perdure train`, `evaluate` and so on: one stage of a run that is there already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE
from perdure.cli.inspect_commands import say_end
from perdure.cli.run_command import all_stages, run_shown
from perdure.cli.terminal import say
from perdure.recipes.recipes import stored_config
from perdure.runs.run_folder import LATEST, RUNS, named_run
from perdure.runs.runner import Runner


@dataclass(frozen=True, kw_only=True, slots=True)
class StageArguments(Arguments):
    """Runs one stage of a run in any case, and no other."""

    stage: ClassVar[str]
    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default."""
    device: str | None = None
    """Where the networks run: cpu, cuda, cuda:N or mps; that of the run by default."""

    def __call__(self) -> int:
        return run_one(self.stage, self.run, self.device)


def run_one(stage: str, run: Path, device: str | None) -> int:
    """Runs a stage of the run in a folder, on another device than that of the run if one is named."""
    folder = named_run(run)
    config = stored_config(folder)
    if device is not None:
        config = replace(config, device=device)
    runner = Runner(stages=all_stages(config), config_of=stored_config, may_change=True)
    say_end(run_shown(runner, config, folder, only=(stage,)), folder)
    return DONE


class Train(StageArguments):
    """Trains the networks of a run again, or goes on where training was stopped.

    Reads: its configuration and data set.

    Writes: the trained model and rows of metrics.jsonl; what depends on the model has to run again afterwards.

    Costs: minutes with recipe cpu, mostly processor time; the state is stored every minute.
    """

    stage = "train"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluate(StageArguments):
    """Decides on the test clips of a run and measures rates, times of decision and savings.

    Reads: its data set and calibrated model.

    Writes: evaluation/ and efficiency_metrics.json.

    Costs: a minute or two with recipe cpu; savings are timed, so leave the machine alone meanwhile.
    """

    stage = "evaluate"
    trace: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Then run every stream once more and write what its gate knew to evaluation/trace.jsonl, for perdure explain."""

    def __call__(self) -> int:
        code = StageArguments.__call__(self)  # super() does not work in dataclasses with slots
        if self.trace and code == DONE:
            from perdure.explain.run_source import RunSource

            say(f"  trace: {RunSource(named_run(self.run).path).write_trace()}")
        return code


class Visualize(StageArguments):
    """Draws attention figures of a run and measures where its attention goes.

    Reads: its data set and calibrated model.

    Writes: visualizations/.

    Costs: under a minute with recipe cpu.
    """

    stage = "visualize"


class Analyze(StageArguments):
    """Draws the charts of a run and writes their text.

    Reads: what evaluate has stored; it computes no rate of its own.

    Writes: analysis/.

    Costs: seconds.
    """

    stage = "analyze"


class Report(StageArguments):
    """Writes the final report of a run.

    Reads: what the stages before it have stored; it computes no rate of its own.

    Writes: FINAL_REPORT.md and FINAL_REPORT.html.

    Costs: seconds.
    """

    stage = "report"
