"""`perdure confirm`: the gate on stored detections, without video."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from perdure.cli.arguments import parse
from perdure.cli.errors import UsageError
from perdure.cli.terminal import say

if TYPE_CHECKING:
    from perdure.types import Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmArguments:
    """Decides which tracks of stored detections are persistent, without a video.

    Reads: MOT text, a MOT folder, KITTI tracking labels, a folder of YOLO labels, COCO JSON, or XML of CVAT; weights.

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
    compare: int | None = None
    """Say what so many detections in a row would have confirmed."""
    weights: Path = Path("detections")
    """Run folder or weights file that reads detections alone; those in the package by default."""
    calibration: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Calibration of these weights on this site, made by perdure calibrate --data."""
    max_false_confirm: float | None = None
    """Largest share of transient tracks that may be called persistent: a promise instead of --like."""
    known_scores: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Earlier detections of the same detector in MOT format, unlabelled."""
    tracks: Literal["csv", "jsonl"] = "csv"
    """Format of the file of all tracks on all frames."""
    stdout: bool = False
    """Print every decision as a JSON line as it falls, and nothing else, for the next program of a pipeline."""


def confirm(words: Sequence[str], command: str) -> int:
    """Runs `perdure confirm`."""
    arguments = parse(ConfirmArguments, words, command=command)
    summary = _confirmed(arguments, _print_line if arguments.stdout else lambda decision: None)
    if arguments.stdout:
        return 0
    say(("done", "bold green"), f": {arguments.out} ({summary['layout']})")
    for name in ("num_frames", "num_tracks", "num_persistent", "num_transient", "num_undecided", "frames_per_s"):
        say(f"  {name}: {summary[name]}")
    if summary["num_invalid"]:
        say(f"  left out: {summary['num_invalid']} box(es) without area or with numbers that are not finite")
    for name, value in summary["compared"].items():
        say(f"  {name}: {value}")
    for problem in summary["problems"]:
        say((f"  problem: {problem}", "yellow"))
    return 0


def _confirmed(arguments: ConfirmArguments, on_decision: Callable[[Decision], None]) -> dict[str, Any]:
    from perdure.data.detection_files import read_detection_files
    from perdure.gate.load import load_gate
    from perdure.live.confirm import ConfirmConfig
    from perdure.live.confirm import confirm as confirm_files
    from perdure.video.mot import read_mot_detections

    found = read_detection_files(arguments.detections, image_size=arguments.size)
    known = None if arguments.known_scores is None else read_mot_detections(arguments.known_scores).scores
    asked = {name: getattr(arguments, name) for name in ("like", "calibration", "max_false_confirm")}
    gate = load_gate(
        arguments.weights,
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
    )
    return confirm_files(found, gate, out_dir=arguments.out, config=config, on_decision=on_decision)


def _print_line(decision: Decision) -> None:
    sys.stdout.write(json.dumps(asdict(decision)) + "\n")
    sys.stdout.flush()
