"""`perdure bench ...`: tables of measured figures, on screen, as a picture and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from perdure.cli.arguments import Arguments, parse
from perdure.cli.errors import DONE
from perdure.cli.run_command import run_shown
from perdure.cli.terminal import counted, say, say_rows, say_table
from perdure.files import write_json
from perdure.recipes.recipes import recipe, stored_config
from perdure.runs.machine import machine_words
from perdure.runs.run_folder import RUNS

CELL_NAMES = ("d0", "d1", "d2", "d1-pd0.7")
"""Worlds of the frontier benchmark, as in `perdure.recipes.frontier`, which loads torch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier(Arguments):
    """Mean decision frame of every rule on the same tracks at one total error, beside both exact optima.

    Trains the gate with pixels and without on each world and seed, scores the same test tracks with both, and sweeps
    the bounds of every rule alike. Worlds and seeds that are scored already are not made again.

    Reads: what the folder holds of earlier calls.

    Writes: one run folder a world and seed, frontier.png, and with --json the rows.

    Costs: about 8 minutes a world and seed on two cores, and 4 GB of disk while it works.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = RUNS / "frontier"
    """Folder of the runs and of the figure."""
    cells: tuple[str, ...] = CELL_NAMES
    """Worlds: d0, d1, d2 (strength of the cue at Pd 0.9) and d1-pd0.7."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds; each has a data set and a training of its own."""
    total_error: float = 0.01
    """Mean of false-confirm and miss rate at which rules are compared."""
    recipe: str = "cpu"
    """Recipe that sizes and training are taken from."""
    num_threads: int = 0
    """Threads of torch; 0 takes one per usable core."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that the rows are written to."""
    line: tyro.conf.SuppressFixed[tyro.conf.Fixed[str]] = ""

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0:
            raise ValueError(f"seeds: got {self.seeds}, expected at least one, none below 0")
        if not 0 < self.total_error < 0.5:
            raise ValueError(f"total_error: got {self.total_error}, expected above 0 and below 0.5")
        unknown = [cell for cell in self.cells if cell not in CELL_NAMES]
        if unknown or not self.cells:
            raise ValueError(f"cells: got '{''.join(unknown[:1])}', expected some of {', '.join(CELL_NAMES)}")

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Frontier:
        """Returns what the words say, and the line for the records of its runs."""
        return parse(cls, words, command=command, default=cls(line=shlex.join(["perdure", command, *words])))

    def __call__(self) -> int:
        base = replace(recipe(self.recipe), num_threads=self.num_threads)

        from perdure.recipes import frontier as bench
        from perdure.report.bench_figures import draw_frontier_rows
        from perdure.runs.runner import Runner

        for seed in self.seeds:
            for cell in self.cells:
                config, folder = bench.cell_config(base, cell, seed), bench.cell_folder(self.out, cell, seed)
                if not bench.is_scored(config, folder):
                    stages = bench.frontier_stages(config)
                    runner = Runner(stages=stages, config_of=stored_config, command=self.line, may_change=True)
                    run_shown(runner, config, folder)
                    bench.drop_data(folder)
        rows: list[dict[str, Any]] = []
        with counted("worlds") as done:
            for place, cell in enumerate(self.cells):
                folders = [bench.cell_folder(self.out, cell, seed) for seed in self.seeds]
                rows += bench.cell_rows(bench.cell_config(base, cell, 0), folders, total_error=self.total_error)
                done(place + 1, len(self.cells))
        _say_frontier(rows)
        draw_frontier_rows(rows, self.out / "frontier.png")
        say(f"figure: {self.out / 'frontier.png'}")
        write_rows("frontier", rows, self.json)
        return DONE


def _say_frontier(rows: Sequence[dict[str, Any]]) -> None:
    """Prints a table for each world, every rule in a line."""
    worlds = dict.fromkeys((row["pd"], row["pfa"], row["d"]) for row in rows)
    for pd, pfa, d in worlds:
        inside = [row for row in rows if (row["pd"], row["pfa"], row["d"]) == (pd, pfa, d)]
        swept = [row for row in inside if row["bounds"] == "swept"]
        best, seeing = swept[0]["optimum_detections"], swept[0]["optimum_seeing"]
        say()
        say(
            (f"Pd {pd:g}, Pfa {pfa:g}, d {d:g}", "bold"),
            f": at {100 * swept[0]['total_error']:g} % total error no rule that sees detections alone needs fewer "
            f"than {best:.2f} frames, no rule at all fewer than {seeing:.2f}",
        )
        header = ("rule", "frames", "95 % interval", "seeds", "bounds chosen on calibration: error", "frames")
        chosen = {row["rule"]: row for row in inside if row["bounds"] == "calibration"}
        say_table(header, [_frontier_line(row, chosen[row["rule"]]) for row in swept])
        for row in inside:
            if row["bounds"] == "guaranteed":
                say(
                    f"{row['rule']}, live, bounds that guarantee both rates: {row['mean_decision_frame']:.2f} frames, "
                    f"false confirm {100 * row['false_confirm_rate']:.2f} %, miss {100 * row['miss_rate']:.2f} %"
                )


def _frontier_line(swept: dict[str, Any], chosen: dict[str, Any]) -> tuple[str, ...]:
    tail = (f"{100 * chosen['total_error']:.2f} %", f"{chosen['mean_decision_frame']:.2f}")
    if swept["mean_decision_frame"] is None:
        return (swept["rule"], "-", f"not below {100 * swept['least_error']:.1f} % on every seed", "", *tail)
    seeds = [frame for frame in swept["seeds"] if frame is not None]
    spread = f"{min(seeds):.2f} to {max(seeds):.2f}"
    low, high = swept["ci95"]
    return (swept["rule"], f"{swept['mean_decision_frame']:.2f}", f"{low:.2f} to {high:.2f}", spread, *tail)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarantee(Arguments):
    """How often calibrated bounds violate the rates they guarantee, over many calibrations on tracks of a known law.

    The evidence is wrong on purpose (twice as sure as it should be). A guarantee with delta 0.05 may be violated by 5 %
    of calibrations; plug-in bounds, the negative control, break it far more often.

    Reads: nothing.

    Writes: with --json the rows, with --out a figure.

    Costs: about 15 minutes on one core with 1,000 draws.
    """

    draws: int = 1000
    """Calibrations a row."""
    clips: tuple[int, ...] = (500, 1000, 4000)
    """Calibration clips; each gives at most one track of each class."""
    alpha: float = 0.02
    """Largest false-confirm rate and largest miss rate."""
    delta: float = 0.05
    """Largest share of calibrations that may exceed one of them."""
    seed: int = 0
    """Seed of tracks and draws."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Figure (.png or .svg)."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that the rows are written to."""

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"draws: got {self.draws}, expected at least 1")
        if not self.clips or min(self.clips) < 1:
            raise ValueError(f"clips: got {self.clips}, expected numbers of at least 1")
        for name in ("alpha", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0 and below 1")

    def __call__(self) -> int:
        from perdure.bench.guarantee import Promise, guarantee_rows, num_rows
        from perdure.bench.shift import shift_rows

        promise = Promise(alpha=self.alpha, delta=self.delta, num_draws=self.draws, seed=self.seed)
        rows: list[dict[str, Any]] = []
        with counted("rows") as done:
            for row in guarantee_rows(promise, self.clips):
                rows.append(row)
                done(len(rows), num_rows(self.clips))
        say_rows(_PROMISES, rows)
        shifts = list(shift_rows(promise))
        say()
        say("calibrated at Pd 0.9, Pfa 0.05, d 1, 30 Hz, used elsewhere:")
        say_rows(_SHIFTS, [row | {"reported": "; ".join(row["reported"]) or "nothing"} for row in shifts])
        if self.out is not None:
            from perdure.report.bench_figures import draw_guarantee_rows

            draw_guarantee_rows(rows, self.out)
            say(f"figure: {self.out}")
        write_rows("guarantee", [*rows, *shifts], self.json)
        return DONE


_PROMISES = (
    ("data", "{data}"), ("method", "{method}"), ("clips", "{num_calibration}"), ("refused", "{refused}"),
    ("violated", "{violations} of {draws}"), ("allowed", "{violations_allowed}"),
    ("frames", "{mean_decision_frame:.2f}"), ("excess delay", "{price_frames:+.2f}"),
)  # fmt: skip
_SHIFTS = (
    ("world", "{data}"), ("violated", "{violations} of {draws}"), ("false confirms", "{false_confirm_rate:.2%}"),
    ("misses", "{miss_rate:.2%}"), ("frames", "{mean_decision_frame:.2f}"),
    ("what a gate reports there", "{reported}"),
)  # fmt: skip


def write_rows(name: str, rows: Sequence[dict[str, Any]], path: Path | None) -> None:
    """Writes the rows of a benchmark and the machine it ran on as JSON, if a file is named."""
    if path is not None:
        write_json(path, {"bench": name, "machine": machine_words(), "rows": list(rows)})
        say(f"rows: {path}")
