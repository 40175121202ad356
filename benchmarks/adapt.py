"""Measures what a forest taught by the lives of tracks is worth against truth, every sequence left out in turn.

usage: python benchmarks/adapt.py DATA [--sets car pedestrian infrared clutter mot17 pets] [--trees 40] [--json FILE]

DATA holds `kitti`, `ir_drone`, `mot17`, `mot15` and `video/PETS09-S2L1` as MOT folders with truth. For each set and
each cap on false confirms: mean frames to confirm a persistent track (a miss costs 9), the threshold swept on the
left-out tracks for every method alike. Truth scores; only the row "with labels" is fitted on it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perdure.bench.confirmation import cost_resamples, running_best, swept_point
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_model
from perdure.track_table import TrackTable
from perdure.tracks.follow import track_table
from perdure.tracks.real_data import left_out, read_places, sequence_folders
from perdure.tracks.split import BenchData
from perdure.tracks.tracks_config import RealData
from perdure.training.adapt import fit_on_lives
from perdure.training.fates import Lives, fit_life_law, soft_labels
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence

CAPS = (0.10, 0.03, 0.01)
NUM_DRAWS = 500
SETS: dict[str, tuple[str, RealData]] = {
    "car": ("kitti", RealData(only="*-Car")),
    "pedestrian": ("kitti", RealData(only="*-Pedestrian")),
    "infrared": ("ir_drone", RealData(targets="points", camera="static")),
    "clutter": ("ir_drone", RealData(targets="points", camera="static", detections="det_bg.txt")),
    "mot17": ("mot17", RealData(only="MOT17-*", min_score=0.1, born="second-half")),
    "mot15": ("mot15", RealData()),
    "pets": ("video/PETS09-S2L1", RealData(detections="det_mog2.txt")),
}
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def read(root: Path, request: RealData) -> tuple[BenchData, list[MotSequence]]:
    """Returns labelled tracks with their parts, and their sequences."""
    places = [str(folder) for folder in sequence_folders(request, root)]
    table, sequences = read_places(request, places)
    name, rate_hz = root.name, float(np.median([one.frame_rate_hz for one in sequences]))
    num_frames = [one.num_frames for one in sequences]
    return left_out(request, table, name, num_frames=num_frames, frame_rate_hz=rate_hz), sequences


def unlabelled(request: RealData, sequences: list[MotSequence]) -> TrackTable:
    """Returns all tracks of the same sequences as somebody without truth has them, in the same groups."""
    streams = [
        sequence_stream(replace(one, truth={}), request.match, min_score=request.min_score, scene=scene)
        for scene, one in enumerate(sequences)
    ]
    return track_table(streams, request.tracker, least_frames=1)


def rows_of(name: str, root: Path, request: RealData, config: TrackTrainingConfig) -> list[dict[str, Any]]:
    """Returns the rows of one set."""
    data, sequences = read(root, request)
    raw = unlabelled(request, sequences)
    if len(sequences) == 1:  # one camera: blocks of time are left out
        edges = np.ceil(np.linspace(0, data.table.birth_frame.max() + 1, request.blocks + 1))
        raw_group = np.searchsorted(edges, raw.birth_frame, side="right") - 1
    else:
        raw_group = np.array(data.table.scene)[raw.group]
    lives = Lives(raw.known("num_hits"), raw.known("is_open"))
    law = fit_life_law(lives)
    label = soft_labels(lives, law.life)
    shipped = load_model("detections")
    if not isinstance(shipped, ForestModel):
        raise TypeError("the weights in the package read pixels")
    found = {method: np.full(data.table.is_valid.shape, np.nan) for method in ("package", "lives", "labels")}
    found["package"] = table_evidence(shipped.evidence, data.table)
    for fold in data.folds:
        left = np.isin(raw_group, np.unique(data.table.unit[fold.test]))
        own = fit_on_lives(raw.take(~left), label[~left], config, 0)
        test = data.table.take(fold.test)
        found["lives"][fold.test] = table_evidence(own, test)
        found["labels"][fold.test] = table_evidence(
            fit_track_evidence(data.table.take(fold.train), config, seed=0), test
        )
    scored = data.table.take(data.is_scored)
    best = {method: running_best(values[data.is_scored], scored.is_valid) for method, values in found.items()}
    groups = np.unique(scored.unit, return_inverse=True)[1]
    drawn = np.random.default_rng(0).integers(0, groups.max() + 1, (NUM_DRAWS, groups.max() + 1))
    rows = []
    for cap in CAPS:
        draws = {m: cost_resamples(b, scored.is_persistent, groups, cap, drawn) for m, b in best.items()}
        for method, numbers in best.items():
            point = swept_point(numbers, scored.is_persistent, cap)
            gain = np.nanquantile(draws[method] - draws["package"], [0.025, 0.975])
            rows.append(
                {
                    "data": name,
                    "method": method,
                    "fa_cap": cap,
                    "cost": round(point.cost, 3),
                    "minus_package_ci95": [round(float(value), 3) for value in gain],
                    "life": law.life,
                    "num_long": law.num_long,
                    "num_true": int(scored.is_persistent.sum()),
                    "num_false": int((~scored.is_persistent).sum()),
                }
            )
    return rows


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--trees", type=int, default=40)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.sets:
        folder, request = SETS[name]
        rows += rows_of(name, given.data / folder, request, TrackTrainingConfig(num_trees=given.trees))
        for method in ("package", "lives", "labels"):
            own = [row for row in rows if row["data"] == name and row["method"] == method]
            costs = " / ".join(f"{row['cost']:.2f}" for row in own)
            sys.stdout.write(f"{name} {method} {costs} {[row['minus_package_ci95'] for row in own]}\n")
            sys.stdout.flush()
        if given.json is not None:
            given.json.write_text(json.dumps({"bench": "adapt", "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
