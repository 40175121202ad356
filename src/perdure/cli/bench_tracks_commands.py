"""`perdure bench real` and `site`: early confirmation on real tracks, and what recalibration on them is worth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from perdure.bench.site_bench import SiteBench
from perdure.cli.arguments import Arguments
from perdure.cli.bench_commands import write_rows
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import counted, say, say_rows, say_table
from perdure.extras import require
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig

if TYPE_CHECKING:
    from perdure.tracks.real_data import Look
    from perdure.tracks.split import BenchData

Directory = Annotated[Path | None, tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Real(Arguments):
    """Frames that every method needs to confirm real tracks at the same false-confirm rates.

    Tracks are linked from the detections and labelled by the ground truth: persistent, transient or left out. Every
    method is fitted without the sequence that it is scored on; thresholds are swept on the left-out tracks for every
    method alike, and chosen on the training tracks alone besides. Cost: mean age at confirmation, a miss charged 9.

    Reads: MOT folders (seqinfo.ini, det/*.txt, gt/gt.txt, gmc.txt where there is one).

    Writes: with --json the rows, with --save weights.

    Costs: a few minutes a data set on one core. Needs scikit-learn: pip install 'perdure[tracks]'.
    """

    leave_one_out: Directory = None
    """Data set whose sequences are left out in turn; one sequence alone is cut into blocks of time."""
    train: Directory = None
    """Data set to train on, with --test."""
    test: Directory = None
    """Data set to score on, with --train."""
    tracks: Annotated[RealData, tyro.conf.arg(name="")] = field(default_factory=RealData)
    training: TrackTrainingConfig = field(default_factory=TrackTrainingConfig)
    """How evidence is fitted."""
    save: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Fit on all tracks of --leave-one-out, calibrate on tracks left out, and write weights for `perdure.load`."""
    max_false_confirm: float | None = 0.05
    """Share of transient tracks called persistent that the saved weights are meant to keep unless asked otherwise."""
    max_miss: float | None = None
    """The same of persistent tracks called transient; left out, nothing is rejected before its time is over."""
    pixels: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Run folder or weights whose tokenizer looks at crops of sequences with video; it must not have seen them."""
    name: str | None = None
    """Name of the data in the rows; the folder's by default."""
    methods: tuple[str, ...] = ()
    """Methods that are compared, by their names in the rows; all by default."""
    seed: int = 0
    """Seed of trees and resamples."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that the rows are written to."""

    def __post_init__(self) -> None:
        if (self.leave_one_out is None) == (self.train is None and self.test is None):
            raise ValueError("leave_one_out: expected --leave-one-out DIR, or --train DIR and --test DIR")
        if self.save is not None and (self.leave_one_out is None or self.save.suffix != ".safetensors"):
            raise ValueError(f"save: got {self.save}, expected a .safetensors file, with --leave-one-out DIR")
        if (self.train is None) != (self.test is None):
            raise ValueError("train: got one of --train and --test, expected both")

    def __call__(self) -> int:
        require("sklearn.ensemble")  # tells early what is missing
        from perdure.bench.confirmation_bench import bench_rows
        from perdure.bench.confirmation_methods import CAPS, all_methods
        from perdure.tracks.real_data import read_bench_data

        with counted("sequences") as done:
            data = read_bench_data(
                self.tracks,
                leave_one_out=self.leave_one_out,
                train=self.train,
                test=self.test,
                name=self.name,
                look=_looking(self.pixels),
                on_progress=done,
            )
        methods = all_methods(self.training, has_pixels=data.table.looks is not None, seed=self.seed)
        if unknown := [name for name in self.methods if name not in methods]:
            raise UsageError(f"methods: got '{unknown[0]}', expected some of {', '.join(methods)}")
        methods = {name: method for name, method in methods.items() if not self.methods or name in self.methods}
        total, counter = len(CAPS) * (len(methods) + 3), itertools.count()
        with counted("fits") as done:
            rows = bench_rows(data, methods, seed=self.seed, on_progress=lambda step: done(next(counter), total))
        _say_rows(rows)
        write_rows("real", rows, self.json)
        if self.save is not None:
            _save(self, data, self.save)
        return DONE


def _looking(weights: Path | None) -> Look | None:
    """Returns what looks at the crops of tracks, None without weights."""
    if weights is None:
        return None
    from perdure.gate.load import load_model
    from perdure.gate.model import PersistenceModel
    from perdure.tracks.table_looks import table_looks

    model = load_model(weights)
    if not isinstance(model, PersistenceModel):
        raise UsageError(f"pixels: {weights} reads detections alone, expected weights with a tokenizer")
    extractor, crop = model.extractor, model.operation.crop
    return lambda table, sequences: table_looks(table, sequences, extractor, crop)


def _save(arguments: Real, data: BenchData, path: Path) -> None:
    from perdure.calibration.rates import Rates
    from perdure.training.tracks_model import fit_tracks_model

    rates = Rates(max_false_confirm=arguments.max_false_confirm, max_miss=arguments.max_miss)
    fit_tracks_model(data, arguments.tracks, arguments.training, rates=rates, seed=arguments.seed).save(path)
    say(f"weights: {path}")


_FIXED = (
    ("fixed rule", "{method}"), ("persistent confirmed", "{tpr:.1%}"), ("false confirms", "{fa_reached:.1%}"),
    ("cost", "{cost:.2f}"),
)  # fmt: skip


def _say_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints a table for each false-confirm rate."""
    say((rows[0]["data"], "bold"), f": {rows[0]['num_true']} persistent and {rows[0]['num_false']} transient tracks")
    say_rows(_FIXED, [row for row in rows if row["fa_cap"] is None])
    for cap in dict.fromkeys(row["fa_cap"] for row in rows if row["fa_cap"] is not None):
        say()
        say(f"at most {100 * cap:g} % of transient tracks confirmed")
        header = ("method", "persistent confirmed", "cost", "95 % interval", "minus M-of-N (tuned)",
                  "minus best learned", "threshold from training: false confirms", "cost")  # fmt: skip
        say_table(header, [_real_line(row) for row in rows if row["fa_cap"] == cap])


def _real_line(row: dict[str, Any]) -> tuple[str, ...]:
    low, high = row["ci95"]
    against = [_difference(row, f"cost_minus_{opponent}") for opponent in ("hand", "learned")]
    trained = ("", "")
    if "fa_trained" in row:
        kept = f", satisfied in {row['sequences_kept']} of {row['sequences_judged']}" if row["sequences_judged"] else ""
        trained = (f"{_percent(row['fa_trained'])}{kept}", f"{row['cost_trained']:.2f}")
    return (row["method"], _percent(row["tpr"]), f"{row['cost']:.2f}", f"{low:.2f} to {high:.2f}", *against, *trained)


def _difference(row: dict[str, Any], name: str) -> str:
    """Returns a difference in cost with its interval, nothing where there is no such opponent."""
    if name not in row:
        return ""
    return "{:+.2f} ({:+.2f} to {:+.2f})".format(row[name], *row[f"{name}_ci95"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site(Arguments):
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

    def __call__(self) -> int:
        from perdure.bench.site_bench import site_bench_rows

        rows = list(site_bench_rows(self.data, self.bench))
        say_rows(_SITE, rows, none="-")
        write_rows("site", rows, self.json)
        return DONE


_SITE = (
    ("sequence", "{data}"), ("bounds from", "{bounds_from}"), ("persistent", "{num_true}"),
    ("transient", "{num_false}"), ("blocks", "{num_blocks}"), ("refused", "{refused}"),
    ("violated", "{violations} of {draws}"), ("allowed", "{violations_allowed}"),
    ("false confirms", "{false_confirm_rate:.1%}"), ("confirmed", "{tpr:.0%}"), ("cost", "{cost:.2f}"),
)  # fmt: skip
