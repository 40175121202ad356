"""`perdure bench adapt`: what weights that were taught by the lives of tracks are worth against truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.bench_commands import write_rows
from perdure.cli.errors import DONE
from perdure.cli.terminal import counted, say, say_table
from perdure.extras import require
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptBench(Arguments):
    """Frames that weights need to confirm real tracks: those in the package, taught by lives, and taught by truth.

    Every sequence is left out in turn (one sequence alone: blocks of time), thresholds are swept on the left-out tracks
    for every method alike. Lives are read without truth; truth scores, and teaches the row `labels`. Cost: mean age at
    confirmation, a miss charged 9.

    Reads: DATA, a folder of MOT folders with truth.

    Writes: with --json the rows.

    Costs: one to five minutes a data set on one core, as much again for each number in --few.
    """

    data: tyro.conf.Positional[Path]
    """Folder of MOT folders."""
    tracks: Annotated[RealData, tyro.conf.arg(name="")] = field(default_factory=RealData)
    num_trees: int = 40
    """Trees of each forest."""
    few: tuple[int, ...] = ()
    """Numbers of unlabelled tracks, in a row and spread over the other sequences, that rows are asked for as well; the
    weights in the package stay there unless lives that are left out say otherwise."""
    name: str | None = None
    """Name of the data in the rows; the folder's by default."""
    seed: int = 0
    """Of trees, and of which few tracks teach."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that the rows are written to."""

    def __post_init__(self) -> None:
        if any(num < 1 for num in self.few):
            raise ValueError(f"few: got {min(self.few)}, expected numbers of tracks, at least 1")

    def __call__(self) -> int:
        require("sklearn")
        from perdure.bench.adapt_bench import adapt_rows, read_taught

        taught = read_taught(self.data, self.tracks, self.name or self.data.name)
        config = TrackTrainingConfig(num_trees=self.num_trees)
        with counted("folds") as report:
            rows = list(adapt_rows(taught, config, few=self.few, seed=self.seed, on_fold=report))
        _say_rows(rows)
        write_rows("adapt", rows, self.json)
        return DONE


def _say_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints a line a method with its costs at every cap."""
    first, caps = rows[0], list(dict.fromkeys(row["fa_cap"] for row in rows))
    say((first["data"], "bold"), f": {first['num_true']} persistent and {first['num_false']} transient tracks")
    say(f"a life of {first['life']} detections counts as an object; {first['num_long']} tracks had one")
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        lines.append(
            (method, *("{:.2f} ({:+.2f} to {:+.2f})".format(row["cost"], *row["minus_package_ci95"]) for row in own))
        )
    say_table(("method", *(f"cost at {100 * cap:g} % false confirms (minus package)" for cap in caps)), lines)
