"""`perdure adapt`: weights for a detector and its site, from its detections alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import complain, counted, say
from perdure.extras import require

if TYPE_CHECKING:
    from perdure.data.labelled_stream import LabelledStream
    from perdure.training.adapt import Adaptation


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapt(Arguments):
    """Makes weights for your detector and your site without labels: what became of each track is the teacher.

    A track that goes on being detected was an object, one that vanishes early mostly was not. The weights are written
    only if they tell lives better than those that are there, on stretches of the stream that they have not seen.

    Reads: MOT folders, or one file or folder of detections in any layout of perdure confirm; no labels, no video.

    Writes: OUT (.safetensors, and .json beside it), for perdure.load(OUT), watch --weights OUT, confirm --weights OUT.

    Costs: about a second for each 1,000 frames and for each 100 tracks.
    """

    detections: tyro.conf.Positional[Path]
    """File or folder."""
    out: Path = Path("adapted.safetensors")
    """File for the weights."""
    size: tuple[int, int] | None = None
    """Width and height of the picture in pixels, where the files do not say it; by default the reach of all boxes."""
    frame_rate_hz: float | None = None
    """Frames per second, where the files do not say it; 30 by default."""
    weights: Path = Path("detections")
    """Weights that are there already, which read detections alone; those in the package by default."""
    num_trees: int = 60
    """Trees of the forest."""
    seed: int = 0
    """Of the trees."""

    def __call__(self) -> int:
        path = self.out.with_suffix(".safetensors")
        _check_out(path)
        found = adapted(self)
        if found.model is None:
            say(("kept", "bold yellow"), f": the weights that are there ({self.weights}): {found.reason}")
            return DONE
        found.model.save(path)
        say(("done", "bold green"), f": {path}: {found.reason}")
        return DONE


def _check_out(path: Path) -> None:
    """Refuses a place where weights cannot be written, or would write over what is not theirs.

    Raises:
        UsageError: there is no such folder, or a JSON file of something else stands in the place of theirs.
        ValueError: it lies in the folder of a run.
    """
    from perdure.runs.run_folder import require_outside_runs

    require_outside_runs(path)
    if path.suffix not in ("", ".safetensors"):
        raise UsageError(f"--out: got {path}, expected a name that ends in .safetensors")
    if not path.parent.is_dir():
        raise UsageError(f"--out: the folder {path.parent} does not exist; make it first")
    beside = path.with_suffix(".json")
    if beside.exists() and not path.exists():
        raise UsageError(f"--out: {beside} is there already and of no weights; choose another name for both files")


def adapted(arguments: Adapt) -> Adaptation:
    """Returns what a recording teaches, and says so on the error output, which leaves the other one to results."""
    from perdure.data.labelled_stream import unlabelled_streams

    streams = unlabelled_streams(arguments.detections, image_size=arguments.size)
    rate_hz = arguments.frame_rate_hz or streams[0].frame_rate_hz
    return learned(
        streams, arguments.weights, frame_rate_hz=rate_hz, num_trees=arguments.num_trees, seed=arguments.seed
    )


def learned(
    streams: Sequence[LabelledStream], weights: Path, *, frame_rate_hz: float, num_trees: int = 60, seed: int = 0
) -> Adaptation:
    """Returns what streams teach, and says so on the error output.

    Args:
        streams: without labels.
        weights: those that are there already.
        frame_rate_hz: frames per second of the streams.
        num_trees: of the forest.
        seed: of the trees.

    Raises:
        UsageError: the weights read pixels.
    """
    require("sklearn")
    from perdure.gate.forest_model import ForestModel
    from perdure.gate.load import load_model
    from perdure.tracks.follow import track_table
    from perdure.training.adapt import AdaptConfig, adapt, law_words
    from perdure.training.track_fit import TrackTrainingConfig

    model = load_model(weights)
    if not isinstance(model, ForestModel) or model.uses_pixels:
        raise UsageError(f"--weights: {weights} read pixels; give weights that read detections alone")
    with counted("streams") as report:
        table = track_table(streams, model.operation.tracker, least_frames=1, on_progress=report)
    config = AdaptConfig(forest=TrackTrainingConfig(num_trees=num_trees))
    with counted("fits") as report:
        found = adapt(table, model, frame_rate_hz=frame_rate_hz, config=config, seed=seed, on_fold=report)
    complain(f"{found.num_tracks:,} tracks of {len(streams)} stream(s), no labels")
    for line in law_words(found.law):
        complain(f"  {line}")
    if not math.isnan(found.loss_after):
        complain(f"  loss on lives that were left out: {found.loss_before:.3f} before, {found.loss_after:.3f} adapted")
    return found


def kept_weights(found: Adaptation, weights: Path, out: Path) -> Path:
    """Returns the weights that a second pass decides with, written into a folder if they are new, and says which.

    Args:
        found: what the first pass has taught.
        weights: those that are there already.
        out: folder; it is made if there is none.
    """
    if found.model is None:
        complain(f"kept: the weights that are there ({weights}): {found.reason}")
        return weights
    out.mkdir(parents=True, exist_ok=True)
    path = out / "adapted.safetensors"
    found.model.save(path)
    complain(f"adapted: {path}: {found.reason}")
    return path
