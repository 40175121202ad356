"""`perdure calibrate`: the bounds of a run from its own calibration clips, or a file of bounds for another site."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.stage_commands import run_one
from perdure.cli.terminal import counted, say
from perdure.runs.run_folder import LATEST, RUNS

if TYPE_CHECKING:
    from perdure.gate.site_tracks import SiteRequest
    from perdure.gate.weights import GateModel
    from perdure.track_table import TrackTable

PACKAGE = Path("package")
"""Stands for the weights in the package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrate(Arguments):
    """Sets the bounds of a stopping rule: of a run from its own clips, or with --data of its weights on another site.

    Nothing is trained. Each class of objects gets its own bounds where it has enough tracks, the others share those of
    all tracks; where even these are too few, the M-of-N baseline (tuned, with a score) takes over, and that is said.

    Reads: RUN and its data set; with --data weights and SITE, which must be labelled: a MOT folder, a folder of them,
    or a generated data set.

    Writes: final_model.safetensors of the run; with --data nothing but FILE, for perdure watch --calibration FILE.

    Costs: under a minute with recipe cpu; with --data about twice the time of perdure watch.
    """

    run: tyro.conf.Positional[Path] = RUNS / LATEST
    """Run folder; the run that was started last by default. With --data also a weights file, or weights in the package:
    pixels (or package), detections."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="SITE")] = None
    """Labelled tracks of another site."""
    max_false_confirm: float | None = None
    """With --data: largest share of transient tracks that may be called persistent; 0.05 by default."""
    max_miss: float | None = None
    """With --data: largest share of persistent tracks that may be called transient; not controlled by default."""
    delta: float | None = None
    """With --data: probability over calibration that a rate is exceeded; 0.05 by default."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """With --data: file of the calibration; calibration-SITE.json by default."""
    horizon: int | None = None
    """With --data: age in frames at which a decision is forced; 8, or that of training for a generated data set."""
    on_timeout: Literal["persistent", "transient"] | None = None
    """With --data: what a forced decision says; transient, or persistent for a generated data set."""
    fallback: Literal["hand_rule", "error"] | None = None
    """With --data: what to do if the tracks are too few for the rates; hand_rule by default."""
    block_s: float | None = None
    """With --data: seconds of a sequence of which at most one track of each class counts; 2 by default."""
    split: str | None = None
    """With --data: split of a generated data set; calibration by default."""
    seed: int | None = None
    """With --data: picks the tracks that count; 0 by default."""
    targets: Literal["boxes", "points"] | None = None
    """With --data: boxes are matched with objects by overlap; targets of a few pixels by their centre as well."""
    known_scores: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """With --data, for weights that rank scores (detections): earlier detections of the same detector, in any
    layout that perdure confirm reads; give the same file to perdure watch."""
    device: str | None = None
    """Where the networks run: cpu, cuda, cuda:N or mps; that of the run by default."""

    def __call__(self) -> int:
        if self.data is not None:
            return _calibrate_site(self, self.data)
        for name in (field.name for field in fields(self) if field.name not in ("run", "device")):
            if getattr(self, name) is not None:
                raise UsageError(
                    f"got --{name.replace('_', '-')} without --data SITE, expected both; the rates of a run itself "
                    "are in its configuration"
                )
        return run_one("calibrate", self.run, self.device)


def _calibrate_site(arguments: Calibrate, data: Path) -> int:
    from perdure.data.detection_files import read_scores
    from perdure.data.labelled_stream import site_streams
    from perdure.gate.load import load_model, with_known_scores
    from perdure.gate.site_tracks import SiteRequest, calibrate_site

    out = arguments.out or Path(f"calibration-{data.resolve().name}.json")
    _check_out(out)
    model = load_model(None if arguments.run == PACKAGE and not PACKAGE.exists() else arguments.run)
    if arguments.known_scores is not None:
        model = with_known_scores(model, read_scores(arguments.known_scores))
    if arguments.device is not None:
        _move(model, arguments.device)
    streams = site_streams(
        data,
        has_pixels=model.uses_pixels,
        split=arguments.split or "calibration",
        targets=arguments.targets or "boxes",
        min_score=model.operation.tracker.min_score,
    )
    is_generated = streams[0].is_one_unit
    defaults = {
        "horizon": model.operation.horizon if is_generated else 8,
        "on_timeout": "persistent" if is_generated else "transient",
    }
    names = ("max_false_confirm", "max_miss", "delta", "horizon", "on_timeout", "block_s", "seed")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    request = SiteRequest(**(defaults | given))
    with counted("streams, both passes") as report:
        calibration = calibrate_site(model, streams, request, source=data, on_progress=report)
    said = calibration.save(out, fallback=arguments.fallback or "hand_rule")
    tracks = calibration.tracks
    say(
        ("done", "bold green"),
        f": {out}, {int(tracks.is_persistent.sum())} persistent and {int((~tracks.is_persistent).sum())} transient "
        f"tracks; {_rates_words(request.max_false_confirm, request.max_miss)}",
    )
    for line in said.lines:
        say((f"  {line}", "bold red" if "NOT guaranteed" in line else ""))
    _say_rates(tracks, request)
    return DONE


def _say_rates(tracks: TrackTable, request: SiteRequest) -> None:
    """Prints what other rates would cost on these tracks, beside three in a row."""
    from perdure.calibration.exact import calibrate as exactly
    from perdure.calibration.rates import Rates
    from perdure.calibration.rates_table import rate_rows
    from perdure.calibration.site import site_scores

    scores = site_scores(tracks, request.seed)

    def exact(rate: float) -> float | None:
        try:
            rates = Rates(max_false_confirm=rate, delta=request.delta)
            return exactly(scores, rates, horizon=request.horizon, on_timeout="transient").upper
        except ValueError:
            return None

    say(f"  on these {len(tracks)} tracks, up to age {request.horizon}, confirmed by evidence alone:")
    say(f"  {'':<26}{'transient':>11}{'persistent':>12}{'at age':>8}{'lost':>6}")
    ages = slice(request.horizon)
    for row in rate_rows(
        tracks.known("evidence")[:, ages], tracks.is_hit[:, ages], tracks.is_persistent, tracks.unit,
        exact=exact, delta=request.delta,
    ):  # fmt: skip
        name = row.way if row.rate is None else f"{row.rate:.0%}, {row.way}"
        if row.rate is not None and row.bound is None:
            say(f"  {name:<26}  too few tracks to prove it")
            continue
        figures = f"{row.transient:>11.1%}{row.persistent:>12.1%}{row.mean_age:>8.2f}{row.num_lost:>6}"
        say(f"  {name:<26}{figures}")


def _move(model: GateModel, device: str) -> None:
    from perdure.gate.model import PersistenceModel

    if not isinstance(model, PersistenceModel):
        raise UsageError(f"--device: got {device}, but these weights run on the CPU alone; leave it out")
    model.to(device)


def _rates_words(max_false_confirm: float | None, max_miss: float | None) -> str:
    """Returns what is asked for, in words."""
    rates = (("false confirm", max_false_confirm), ("miss", max_miss))
    return " and ".join(f"{name} {'as it comes' if rate is None else f'<= {rate:g}'}" for name, rate in rates)


def _check_out(out: Path) -> None:
    """Refuses to write over anything that is no calibration of a site."""
    from perdure.gate.site_calibration import KIND
    from perdure.runs.run_folder import require_outside_runs

    require_outside_runs(out)
    if out.is_dir():
        raise UsageError(f"--out: {out} is a folder, expected a file")
    if not out.parent.is_dir():
        raise UsageError(f"--out: the folder {out.parent} does not exist; make it first")
    if out.exists() and KIND not in out.read_text(encoding="utf-8", errors="replace")[:200]:
        raise UsageError(f"--out: {out} exists and is no calibration of a site; choose another file")
