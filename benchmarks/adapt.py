"""Measures what a forest taught by the lives of tracks is worth against truth, on all sets of `docs/benchmarks.md`.

usage: python benchmarks/adapt.py DATA [--sets car pedestrian infrared clutter mot17 pets] [--trees 40]
                                       [--few 50 100 ...] [--json FILE]

DATA holds `kitti`, `ir_drone`, `mot17`, `mot15` and `video/PETS09-S2L1` as MOT folders with truth. Each set is what
`perdure bench adapt` measures on one folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from perdure.bench.adapt_bench import adapt_rows, read_taught
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig

SETS: dict[str, tuple[str, RealData]] = {
    "car": ("kitti", RealData(only="*-Car")),
    "pedestrian": ("kitti", RealData(only="*-Pedestrian")),
    "infrared": ("ir_drone", RealData(targets="points", camera="static")),
    "clutter": ("ir_drone", RealData(targets="points", camera="static", detections="det_bg.txt")),
    "mot17": ("mot17", RealData(only="MOT17-*", min_score=0.1, born="second-half")),
    "mot15": ("mot15", RealData()),
    "pets": ("video/PETS09-S2L1", RealData(detections="det_mog2.txt")),
}


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--trees", type=int, default=40)
    parser.add_argument("--few", nargs="*", type=int, default=[])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.sets:
        folder, request = SETS[name]
        taught = read_taught(given.data / folder, request, name)
        own = list(adapt_rows(taught, TrackTrainingConfig(num_trees=given.trees), few=given.few))
        rows += own
        for method in dict.fromkeys(row["method"] for row in own):
            found = [row for row in own if row["method"] == method]
            costs = " / ".join(f"{row['cost']:.2f}" for row in found)
            sys.stdout.write(f"{name} {method} {costs} {[row['minus_package_ci95'] for row in found]}\n")
            sys.stdout.flush()
        if given.json is not None:
            given.json.write_text(json.dumps({"bench": "adapt", "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
