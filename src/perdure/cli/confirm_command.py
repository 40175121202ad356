"""`perdure confirm`: the gate on stored detections, without video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import counted, say


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirm(Arguments):
    """Decides which tracks of stored detections are persistent, without a video.

    Reads: MOT text (frame,id,x,y,width,height,score,class in this order, or as a header names them, x1,y1,x2,y2 too), a
    MOT folder, KITTI tracking labels, a folder of YOLO labels, COCO JSON, or XML of CVAT; weights.

    Writes: decisions.jsonl, tracks.csv (or .jsonl), confirmed.txt (as reported live), confirmed_from_birth.txt and
    summary.json into OUT. Frames count from 1 in the .txt files and from 0 in all others.

    Costs: less than a millisecond a frame and undecided track on one core.
    """

    detections: tyro.conf.Positional[Path]
    """File or folder."""
    out: Path = Path("confirmed")
    """Folder for what comes out."""
    size: tuple[int, int] | None = None
    """Width and height of the picture in pixels, where the files do not say it; by default the reach of all boxes."""
    frame_rate_hz: float | None = None
    """Frames per second, where the files do not say it; 30 by default."""
    ids: bool = False
    """Take the ids in the files (column 2 of MOT text) for tracks instead of linking anew."""
    like: Literal["two in a row", "three in a row", "five in a row", "promise"] | None = None
    """How strict: as a rule that confirms after so many detections in a row, on this very stream (three by default),
    or with a promise on error rates."""
    hold: float | None = None
    """Instead of --like: the share of tracks that vanish again (with fewer than 10 detections) to confirm, such as
    0.05; kept in the long run, without labels, whatever drifts."""
    hold_miss: float | None = None
    """With --hold: the share of tracks that last to reject at first; by default nothing is rejected early."""
    compare: int | None = None
    """Say what so many detections in a row would have confirmed."""
    weights: Path = Path("detections")
    """Run folder or weights file that reads detections alone; those in the package by default."""
    calibration: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Calibration of these weights on this site, made by perdure calibrate --data."""
    max_false_confirm: float | None = None
    """Largest share of transient tracks that may be called persistent: a promise instead of --like."""
    known_scores: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Earlier detections of the same detector, in any of the layouts; unlabelled."""
    adapt: bool = False
    """Go over the detections twice: learn weights for them from what became of each track, then decide (perdure adapt);
    the weights are kept in OUT. Needs the extra tracks."""
    tracks: Literal["csv", "jsonl"] = "csv"
    """Format of the file of all tracks on all frames."""
    trace: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write what the gate knew of every track and frame to trace.jsonl, for perdure explain."""
    stdout: bool = False
    """Print every decision as a JSON line as it falls, and nothing else, for the next program of a pipeline."""
    send: tuple[str, ...] = ()
    """Webhooks (https://HOST/PATH) and MQTT topics (mqtt://HOST/TOPIC) that get every decision as it falls."""

    def __call__(self) -> int:
        summary = _confirmed(self)
        if self.stdout:
            return DONE
        say(("done", "bold green"), f": {self.out} ({summary['layout']})")
        for name in ("num_frames", "num_tracks", "num_persistent", "num_transient", "num_undecided", "frames_per_s"):
            say(f"  {name}: {summary[name]}")
        if summary["num_invalid"]:
            say(f"  left out: {summary['num_invalid']} box(es) without area or with numbers that are not finite")
        for name, value in (summary["compared"] | summary["held"]).items():
            say(f"  {name}: {value}")
        for problem in summary["problems"]:
            say((f"  problem: {problem}", "yellow"))
        return DONE


def _confirmed(arguments: Confirm) -> dict[str, Any]:
    from perdure.data.detection_files import read_detection_files, read_scores
    from perdure.gate.load import load_gate
    from perdure.live.confirm import ConfirmConfig
    from perdure.live.confirm import confirm as confirm_files
    from perdure.live.receivers import receivers_of

    found = read_detection_files(arguments.detections, image_size=arguments.size)
    known = None if arguments.known_scores is None else read_scores(arguments.known_scores)
    names = ("like", "hold", "hold_miss", "calibration", "max_false_confirm")
    asked = {name: getattr(arguments, name) for name in names}
    weights = _adapted_weights(arguments) if arguments.adapt else arguments.weights
    gate = load_gate(
        weights,
        image_size=arguments.size or found.image_size or found.reach_px(),
        known_scores=known,
        **{name: value for name, value in asked.items() if value is not None},
    )
    if gate.model.uses_pixels:
        raise UsageError(f"--weights: {arguments.weights} read pixels, and there are none; use perdure watch")
    config = ConfirmConfig(
        frame_rate_hz=arguments.frame_rate_hz or found.frame_rate_hz or 30.0,
        uses_ids=arguments.ids,
        tracks=arguments.tracks,
        compare=arguments.compare,
        is_traced=arguments.trace,
        weights=str(weights),
    )
    receivers = tuple(receivers_of(prints=arguments.stdout, addresses=arguments.send))
    with counted("frames") as report:
        return confirm_files(found, gate, out_dir=arguments.out, config=config, receivers=receivers, on_progress=report)


def _adapted_weights(arguments: Confirm) -> Path:
    """Returns the weights that these detections teach, or those that are there."""
    from perdure.cli.adapt_command import Adapt, adapted, kept_weights

    shared = {name: getattr(arguments, name) for name in ("detections", "size", "frame_rate_hz", "weights")}
    return kept_weights(adapted(Adapt(**shared)), arguments.weights, arguments.out)
