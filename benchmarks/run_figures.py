"""How right a run's own estimates were: time left after the first tenth of every stage, and gaps of the heartbeat.

usage: python benchmarks/run_figures.py RUN [--replay]

Reads PROGRESS.txt and HEARTBEAT.txt of a run folder that has ended. With --replay the estimates are those that the
present code would have made from the same milestones; milestones are fewer than the reports of the run itself.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from perdure.recipes.recipes import stored_config
from perdure.recipes.stages import run_stages
from perdure.runs.plan import plan_stages
from perdure.runs.progress import TimeLeft
from perdure.runs.run_folder import RunFolder

_LINE = re.compile(r"(\S+)  \[(\d+)/\d+\] (\w+) +(\d+)/(\d+) +\d+ %  run +\d+ %  ETA (.+?)  +(.*)")
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
FIRST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Milestone:
    """One line of `PROGRESS.txt`.

    Args:
        time_s: when, in seconds since the epoch.
        index: number of the stage, 1 for the first.
        stage: its name.
        share: finished share of the stage.
        eta_s: what was said about the time left; None if nothing.
        text: what happened.
    """

    time_s: float
    index: int
    stage: str
    share: float
    eta_s: float | None
    text: str


def seconds(words: str) -> float | None:
    """Returns a duration in words as seconds, None if it is unknown.

    >>> seconds("4 min 10 s"), seconds("59.6 s"), seconds("unknown")
    (250.0, 59.6, None)
    """
    parts = words.split()
    if len(parts) % 2:
        return None
    return sum(float(value) * _UNITS[unit] for value, unit in zip(parts[::2], parts[1::2], strict=True))


def read_milestones(path: Path) -> list[Milestone]:
    """Returns the lines of the last process that worked through the run."""
    found: list[Milestone] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        moment, index, stage, done, total, eta, text = match.groups()
        if int(index) < (found[-1].index if found else 1):
            found = []
        time_s = datetime.fromisoformat(moment).timestamp()
        share = int(done) / max(1, int(total))
        found.append(Milestone(time_s, int(index), stage, share, seconds(eta), text))
    return found


def first_tenths(milestones: Sequence[Milestone]) -> list[Milestone]:
    """Returns of every stage the first line at or after a tenth, those of stages without such lines left out."""
    found: dict[str, Milestone] = {}
    for item in milestones:
        if FIRST_SHARE <= item.share < 1:
            found.setdefault(item.stage, item)
    return list(found.values())


def worst(milestones: Sequence[Milestone], stage: str, end_s: float, *, at_least_s: float = 10.0) -> float | None:
    """Returns the largest relative error after the first tenth of a stage, while more than a moment was left."""
    errors = [
        item.eta_s / (end_s - item.time_s) - 1
        for item in milestones
        if item.stage == stage and FIRST_SHARE <= item.share < 1 and item.eta_s and end_s - item.time_s >= at_least_s
    ]
    return max(errors, key=abs, default=None)


def replayed(run: RunFolder, milestones: Sequence[Milestone]) -> list[Milestone]:
    """Returns the lines with what the present code would have said about the time left."""
    config = stored_config(run)
    planned = {item.stage.name: item for item in plan_stages(run_stages(config), config, run=run, record=None)}
    weights = [planned[name].weight for name in dict.fromkeys(item.stage for item in milestones)]
    clock = [0.0]
    left = TimeLeft(lambda: clock[0])
    said = []
    begun_s = 0.0
    for item in milestones:
        clock[0] = item.time_s
        if item.text.startswith("started"):
            begun_s = item.time_s
            left.start(planned[item.stage].weight)
        elif item.text.startswith("done"):
            left.finish(item.time_s - begun_s)
        else:
            left.report(item.share)
        place = list(dict.fromkeys(other.stage for other in milestones)).index(item.stage)
        eta_s = left.seconds(sum(weights[place + 1 :]))
        said.append(Milestone(item.time_s, item.index, item.stage, item.share, eta_s, item.text))
    return said


def main() -> int:
    """Prints the figures of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("--replay", action="store_true")
    arguments = parser.parse_args()
    run = RunFolder(arguments.run).require_run()
    milestones = read_milestones(run.progress_file)
    if arguments.replay:
        milestones = replayed(run, milestones)
    end_s = milestones[-1].time_s
    say(f"{run.path}: {end_s - milestones[0].time_s:.0f} s")
    for item in first_tenths(milestones):
        true_s, said = end_s - item.time_s, "nothing" if item.eta_s is None else f"{item.eta_s:.0f} s"
        error = "" if item.eta_s is None or not true_s else f"{100 * (item.eta_s / true_s - 1):+.0f} %"
        largest = worst(milestones, item.stage, end_s)
        later = "" if largest is None else f", at worst {100 * largest:+.0f} % from there on"
        say(f"  {item.stage:<10} after {100 * item.share:.0f} %: left {true_s:.0f} s, said {said}  {error}{later}")
    lines = run.heartbeat_file.read_text(encoding="utf-8").splitlines()
    times_s = [datetime.fromisoformat(line.split("  ")[0]).timestamp() for line in lines]
    gaps_s = [after - before for before, after in pairwise(times_s)]
    silent_s = [float(match[1]) for line in lines if (match := re.search(r"  ([\d.]+) s ago: ", line))]
    if gaps_s:
        say(f"  heartbeat: {len(lines)} lines, longest gap {max(gaps_s):.0f} s, longest silence {max(silent_s):.0f} s")
    return 0


def say(text: str) -> None:
    """Prints a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
