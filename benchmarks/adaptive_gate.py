"""Measures what a gate is worth that learns on its own stream, live or in two passes, and what learning costs.

usage: python benchmarks/adaptive_gate.py DATA [--sets NAME ...] [--json FILE]

DATA as in `out_of_the_box.py`, whose sets and figures these are. The sequences of a set follow one another as one
stream with a gap between them (PETS, one sequence: five times the same). Beside each other, on tracks of the second
half: the package's weights, a gate that learns while it runs (`perdure.load(adapt=True)`), and two passes, the first of
which learns from the whole stream. Nobody is told a label; truth scores. Milliseconds are those of a frame: median,
mean, and the longest, which is the one that waits for a fit, since frames come here as fast as they can.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from out_of_the_box import PLACES, Place, Seen, figures

import perdure
from perdure.data.labelled_stream import unlabelled_stream
from perdure.data.mot_sequence import read_mot_sequence
from perdure.data.track_labels import detection_labels
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import gate_like, load_gate, load_model
from perdure.tracks.follow import track_table
from perdure.training.adapt import adapt
from perdure.types import Detections

GAP_S, NUM_LOOPS, STREAK = 5.0, 5, 3
SETS = ("KITTI Car (PointRCNN)", "PETS (MOG2)", "PETS (FastestDet)", "infrared (three-frame difference)")


class Frame(NamedTuple):
    """One frame of a stream: its time, detections, and what each lies on."""

    time_s: float
    detections: Detections
    label: np.ndarray


def joined(place: Place, folders: list[Path]) -> tuple[list[Frame], float, tuple[int, int]]:
    """Returns the sequences of a set as one stream, its frames per second, and the size of the largest picture."""
    sequences = [read_mot_sequence(folder, detections=place.detections) for folder in folders]
    sequences *= NUM_LOOPS if len(sequences) == 1 else 1
    frames, start_s = list[Frame](), 0.0
    for one in sequences:
        for index in range(one.num_frames):
            found = one.detections_at(index, place.min_score)
            label = detection_labels(found.xyxy_px, one.truth.get(index), place.match)
            frames.append(Frame(start_s + index / one.frame_rate_hz, found, label))
        start_s = frames[-1].time_s + GAP_S
    widths, heights = zip(*(one.image_size for one in sequences), strict=True)
    return frames, sequences[0].frame_rate_hz, (max(widths), max(heights))


def watched(gate: PersistenceGate, frames: list[Frame]) -> tuple[list[Seen], list[float]]:
    """Returns the tracks of a stream, and milliseconds of each frame."""
    tracks, spent = dict[int, Seen](), list[float]()
    for index, frame in enumerate(frames):
        begun = time.perf_counter()
        gate.begin(None, frame.detections, time_s=frame.time_s)
        linked = gate.link(frame.detections)
        result = gate.observe(None, linked, time_s=frame.time_s)
        spent.append(1e3 * (time.perf_counter() - begun))
        for view, row in zip(result.tracks, linked.detection_index.tolist(), strict=True):
            seen = tracks.setdefault(view.track_id, Seen(index - view.age + 1))
            if row >= 0:
                seen.counts[frame.label[row]] += 1
            if not seen.rule_age and view.longest_streak >= STREAK:
                seen.rule_age = view.age
        for decision in result.decisions:
            if decision.label == "persistent" and not tracks[decision.track_id].gate_age:
                tracks[decision.track_id].gate_age = decision.age
    return list(tracks.values()), spent


def two_passes(frames: list[Frame], rate_hz: float, size: tuple[int, int]) -> tuple[PersistenceGate, float]:
    """Returns a gate with weights that the whole stream taught, and the seconds that it took."""
    base = load_model("detections")
    if not isinstance(base, ForestModel):
        raise TypeError("the weights in the package read pixels")
    begun = time.perf_counter()
    stream = unlabelled_stream("stream", [frame.detections for frame in frames], rate_hz, size)
    table = track_table([stream], base.operation.tracker, least_frames=1)
    found = adapt(table, base, frame_rate_hz=rate_hz)
    took_s = time.perf_counter() - begun
    if found.model is None:
        sys.stderr.write(f"kept: {found.reason}\n")
        return load_gate("detections", image_size=size), took_s
    return gate_like(found.model, STREAK, None, size), took_s


def rows(place: Place, folders: list[Path]) -> Iterator[dict[str, Any]]:
    """Yields the rows of one set."""
    frames, rate_hz, size = joined(place, folders)
    half = len(frames) // 2
    taught, took_s = two_passes(frames, rate_hz, size)
    gates = {
        "package": perdure.load("detections", image_size=size),
        "learns live": perdure.load("detections", adapt=True, image_size=size),
        "two passes": taught,
    }
    for name, gate in gates.items():
        tracks, spent = watched(gate, frames)
        scored = [seen for seen in tracks if half <= seen.birth < len(frames) - 10]
        row = {"data": place.name, "method": name, "num_frames": len(frames), **figures([scored])}
        row |= {"ms_median": round(float(np.median(spent)), 3), "ms_mean": round(float(np.mean(spent)), 3)}
        row |= {"ms_longest": round(max(spent), 1)}
        row |= {"stream_s": round(frames[-1].time_s, 1)}
        yield row | ({"first_pass_s": round(took_s, 1)} if name == "two passes" else {})


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for place in (place for place in PLACES if place.name in given.sets):
        folders = [path for path in sorted(given.data.glob(place.pattern))]
        for row in rows(place, [path for path in folders if (path / "det" / place.detections).is_file()]):
            found.append(row)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        if given.json is not None:
            text = json.dumps({"bench": "adaptive", "rows": found}, indent=1)
            given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
