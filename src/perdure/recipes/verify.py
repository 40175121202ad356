"""The chain from data to a promise, link by link: files as they were written, and made for each other.

Every link is checked against a digest that was stored when the file was made. Knows what belongs to what; changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure.data.dataset import MANIFEST_NAME, ClipDataset
from perdure.evaluation.targets import is_met
from perdure.files import read_json, understood
from perdure.gate.load import load_model
from perdure.gate.site_calibration import KIND as SITE
from perdure.gate.site_calibration import SiteCalibration
from perdure.gate.weights import GateModel
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One thing that was checked.

    Args:
        name: what it is.
        is_whole: whether it is as it was written, and belongs where it is.
        text: why not, or what it proves.
    """

    name: str
    is_whole: bool
    text: str


def verify(path: Path, weights: Path | None = None) -> Iterator[Link]:
    """Yields the links of a run folder, of weights, or of the calibration of a site.

    Args:
        path: run folder, weights file, name of weights in the package, or file of `perdure calibrate --data`.
        weights: that the calibration of a site is for.

    Raises:
        FileNotFoundError: there is nothing there.
    """
    if path.is_dir() and not (path / "final_model.json").exists():
        RunFolder(path).require_run()
    if path.suffix == ".json" and path.is_file() and read_json(path).get("kind") == SITE:
        yield from _site(path, weights)
    elif path.is_dir():
        yield from _run(RunFolder(path))
    else:
        yield from _weights(path)


def _weights(path: Path) -> Iterator[Link]:
    try:
        model = load_model(path.with_suffix(".safetensors") if path.suffix == ".json" else path)
    except ValueError as error:
        yield Link(name=str(path), is_whole=False, text=str(error))
        return
    yield Link(name=str(path), is_whole=True, text=_words_of(model))


def _words_of(model: GateModel) -> str:
    scores, num_known = model.calibration, len(model.trained_on)
    num = "none"
    if scores is not None:
        num = f"{len(scores.persistent)} persistent and {len(scores.transient)} transient tracks"
    known = f"{num_known:,} tracks, whose keys it keeps" if num_known else "tracks whose keys it does not keep"
    return f"weights {model.fingerprint()}, calibrated on {num}, trained on {known}"


def _site(path: Path, weights: Path | None) -> Iterator[Link]:
    try:
        site = SiteCalibration.load(path)
        said = site.rule()
    except ValueError as error:
        yield Link(name=str(path), is_whole=False, text=str(error))
        return
    num = len(site.tracks)
    yield Link(
        name=str(path),
        is_whole=said.is_guaranteed,
        text=f"{num} tracks of {site.source} at {site.frame_rate_hz:g} Hz; {'; '.join(said.lines)}",
    )
    if weights is None:
        yield Link(name="weights", is_whole=True, text=f"made for weights {site.model}; name them to compare")
        return
    try:
        site.check_model(load_model(weights), path)
    except ValueError as error:
        yield Link(name=str(weights), is_whole=False, text=str(error))
        return
    yield Link(name=str(weights), is_whole=True, text=f"the weights that the calibration is of ({site.model})")


def _run(run: RunFolder) -> Iterator[Link]:
    try:
        record = read_record(run)
    except ValueError as error:
        yield Link(name=run.record_file.name, is_whole=False, text=str(error))
        return
    if record is None:
        yield Link(name=run.record_file.name, is_whole=False, text="there is none: nothing says what these files are")
        return
    for name, stage in record.stages.items():
        changed = [output.path for output in stage.outputs if not output.is_unchanged(run.path)]
        done = stage.status == "done"
        text = f"{len(stage.outputs)} file(s) as they were written" if done else f"the stage is {stage.status}"
        text = f"{changed[0]} is missing or was changed since; run it again" if changed else text
        yield Link(name=name, is_whole=done and not changed, text=text)
    for manifest in sorted(run.data.glob(f"*/{MANIFEST_NAME}")):
        yield _dataset(manifest.parent)
    if run.final_model.is_file():
        yield from _weights(run.final_model)
    yield from _targets(run)


def _dataset(folder: Path) -> Link:
    try:
        dataset = ClipDataset.open(folder, verify=True)
    except (ValueError, FileNotFoundError) as error:
        return Link(name=f"data {folder.name}", is_whole=False, text=str(error))
    splits = [set(ids) for ids in dataset.manifest.splits.values()]
    is_disjoint = len(set().union(*splits)) == sum(map(len, splits))
    text = f"{len(dataset)} clips by their checksums, " + ("no clip in two splits" if is_disjoint else "splits overlap")
    return Link(name=f"data {folder.name}", is_whole=is_disjoint, text=text)


def _targets(run: RunFolder) -> Iterator[Link]:
    if not run.evaluation_metrics.is_file():
        return
    with understood(run.evaluation_metrics, "metrics"):
        metrics = read_json(run.evaluation_metrics)
        wrong = [row for row in metrics["targets"] if (row["met"] is True) != is_met(row, metrics)]
    num = len(metrics["targets"])
    text = f"{num} target(s), each met or missed as its figures say"
    if wrong:
        text = f"{wrong[0]['name']}: {wrong[0]['value']} against {wrong[0]['target']} is not as it says"
    yield Link(name="targets", is_whole=not wrong, text=text)
