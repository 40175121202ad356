"""`perdure adapt`: weights for a detector and its site, from its detections alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import counted, say


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
        from perdure.data.labelled_stream import unlabelled_streams
        from perdure.gate.forest_model import ForestModel
        from perdure.gate.load import load_model
        from perdure.tracks.follow import track_table
        from perdure.training.adapt import AdaptConfig, law_words
        from perdure.training.adapt import adapt as adapted
        from perdure.training.track_fit import TrackTrainingConfig

        model = load_model(self.weights)
        if not isinstance(model, ForestModel) or model.uses_pixels:
            raise UsageError(f"--weights: {self.weights} read pixels; give weights that read detections alone")
        streams = unlabelled_streams(self.detections, image_size=self.size)
        with counted("streams") as report:
            table = track_table(streams, model.operation.tracker, least_frames=1, on_progress=report)
        config = AdaptConfig(forest=TrackTrainingConfig(num_trees=self.num_trees))
        rate_hz = self.frame_rate_hz or streams[0].frame_rate_hz
        with counted("fits") as report:
            found = adapted(table, model, frame_rate_hz=rate_hz, config=config, seed=self.seed, on_fold=report)
        say(f"{found.num_tracks:,} tracks of {len(streams)} stream(s), no labels")
        for line in law_words(found.law):
            say(f"  {line}")
        if found.loss_after == found.loss_after:
            say(f"  loss on lives that were left out: {found.loss_before:.3f} before, {found.loss_after:.3f} adapted")
        if found.model is None:
            say(("kept", "bold yellow"), f": the weights that are there ({self.weights}): {found.reason}")
            return DONE
        found.model.save(self.out.with_suffix(".safetensors"))
        say(("done", "bold green"), f": {self.out.with_suffix('.safetensors')}: {found.reason}")
        return DONE
