"""The gate on stored detections, without video: confirmed tracks and every decision, as files and line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perdure.data.stored_detections import DetectionFiles
from perdure.files import write_json
from perdure.gate.fates import told_of
from perdure.gate.gate import PersistenceGate
from perdure.gate.trace import Tracer
from perdure.live.outputs import SUMMARY, TracksFormat, WatchOutputs, made_folder, written_files
from perdure.live.protocols import Receiver
from perdure.live.summary import RuleComparison, StreamTally, counts_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmConfig:
    """Settings around the gate."""

    frame_rate_hz: float = 30.0
    """Frames per second."""
    uses_ids: bool = False
    """Take the ids of the file for tracks, instead of linking anew."""
    tracks: TracksFormat = "csv"
    """Format of the file of all tracks on all frames."""
    compare: int | None = None
    """Say what so many detections in a row would have confirmed."""
    is_traced: bool = False
    """Write down what the gate knew, frame by frame, for explanations."""
    weights: str | None = None
    """Where the weights of the gate are, for whoever runs a traced stream again."""

    def __post_init__(self) -> None:
        if not self.frame_rate_hz > 0:
            raise ValueError(f"frame_rate_hz: got {self.frame_rate_hz}, expected above 0")


def confirm(
    found: DetectionFiles,
    gate: PersistenceGate,
    *,
    out_dir: Path,
    config: ConfirmConfig | None = None,
    receivers: Sequence[Receiver] = (),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Runs the gate over stored detections; writes decisions, tracks, confirmed boxes and a summary, which it returns.

    Beside the boxes from the confirmation on, as a live system reports them, confirmed tracks are written from their
    birth on: the first frames, which nobody can report in time, count in every evaluation of tracks.

    Args:
        found: the detections.
        gate: fresh, with the size of the picture.
        out_dir: made if it does not exist.
        config: settings around the gate.
        receivers: are told of every decision as it falls.
        on_progress: called after each frame with the number done and the number in all.

    Raises:
        ValueError: ids are asked for and there are none, or `out_dir` is a file.
    """
    config = config or ConfirmConfig()
    if config.uses_ids and not any((ids >= 0).any() for ids in found.ids.values()):
        raise ValueError(f"ids: these detections ({found.layout}) have none; leave --ids out to link them here")
    made_folder(out_dir)
    tally = StreamTally(None if config.compare is None else RuleComparison(config.compare))
    origin = {"weights": config.weights, "source": None}
    tracer = Tracer(gate, image_size=gate.intake.image_size, origin=origin) if config.is_traced else None
    start = time.perf_counter()
    with WatchOutputs(out_dir, tracks=config.tracks, is_backfilled=True, receivers=receivers, tracer=tracer) as outputs:
        for index in range(found.num_frames):
            detections, owner = found.at(index), np.asarray(found.ids_at(index)) if config.uses_ids else None
            result = gate.update(None, detections, time_s=index / config.frame_rate_hz, owner=owner)
            outputs.write(index, result.time_s, result, detections, owner)
            tally.add(result)
            on_progress(index + 1, found.num_frames)
    names = (*written_files(config.tracks, is_backfilled=True, is_traced=config.is_traced), SUMMARY)
    summary = {
        "layout": found.layout,
        **counts_of(tally),
        "frames_per_s": round(found.num_frames / max(time.perf_counter() - start, 1e-9), 1),
        "num_invalid": found.num_left_out,
        "compared": tally.compared,
        "held": told_of(gate.match),
        "problems": [
            *found.problems(),
            *filter(None, [gate.intake.boxes.problem]),
            *gate.drift.messages(),
            *(line for receiver in receivers for line in receiver.problems),
        ],
        "outputs": [str(out_dir / name) for name in names],
    }
    write_json(out_dir / SUMMARY, summary)
    return summary
