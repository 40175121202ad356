"""`perdure bench site`: what recalibration on a new sequence of real detections is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from perdure.bench.site_bench import SiteBench
from perdure.cli.arguments import parse
from perdure.cli.bench_commands import write_rows
from perdure.cli.errors import DONE
from perdure.cli.terminal import say_table


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteArguments:
    """What bounds for false confirms do on a new sequence: those of all others, and those of its own tracks.

    Each sequence is left out in turn; evidence of hits and scores is fitted on the others. Bounds come from the others,
    from tracks drawn from the new sequence, or from its first half (judged on its second half).

    Reads: DATA, a folder of labelled MOT folders; pixels are not needed.

    Writes: with --json the rows.

    Costs: about a minute on one core for eleven sequences and 200 draws.
    """

    data: tyro.conf.Positional[Path]
    """Folder of MOT folders; folders whose names differ in the last part alone are one sequence."""
    bench: Annotated[SiteBench, tyro.conf.arg(name="")] = field(default_factory=SiteBench)
    """How it is measured."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that the rows are written to."""


def site(words: Sequence[str], command: str) -> int:
    """Runs `perdure bench site`."""
    arguments = parse(SiteArguments, words, command=command)
    from perdure.bench.site_bench import site_bench_rows

    rows = list(site_bench_rows(arguments.data, arguments.bench))
    header = ("sequence", "bounds from", "persistent", "transient", "blocks", "refused", "violated", "allowed",
              "false confirms", "confirmed", "cost")  # fmt: skip
    say_table(header, [_line(row) for row in rows])
    write_rows("site", rows, arguments.json)
    return DONE


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    rate, share, cost = row["false_confirm_rate"], row["tpr"], row["cost"]
    return (
        row["data"],
        row["bounds_from"],
        f"{row['num_true']}",
        f"{row['num_false']}",
        f"{row['num_blocks']}",
        f"{row['refused']}",
        f"{row['violations']} of {row['draws']}",
        f"{row['violations_allowed']}",
        "-" if rate is None else f"{100 * rate:.1f} %",
        "-" if share is None else f"{100 * share:.0f} %",
        "-" if cost is None else f"{cost:.2f}",
    )
