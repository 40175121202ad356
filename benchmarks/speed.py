"""Measures what a frame costs a gate on detections: against a pinned commit, against trackers, and as tracks grow.

usage: python benchmarks/speed.py DATA [--numba FOLDER] [--json FILE] [--figure FILE] [--only NAME ...]

DATA holds `mot17/MOT17-02`, `kitti/KITTI-0011-Car` and `video/PETS09-S2L1` as MOT folders; what is missing is left out.
Every contender runs in a process of its own, on one thread, and takes some frames in its turn: the pinned commit
(`git archive`, so a clone with history is needed), this checkout without numba and with it (installed, or in FOLDER),
and SORT, ByteTrack and OC-SORT of `trackers`. What counts is processor time of the update call, medians over frames,
as a ratio to the pinned commit in the same run. All gates have the weights of the package, the same rule and the same
links; their decisions and the evidence behind them are compared, and a run with an error of 1e-3 in the forest must be
told apart. Takes about 20 minutes, most of them in the pinned commit.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perdure.data.mot_sequence import read_mot_sequence
from perdure.files import write_json
from perdure.runs.machine import machine_words

ROOT = Path(__file__).resolve().parents[1]
PINNED = "42cfa4c"
"""The commit that ratios are to."""
ERROR = 1e-3
"""Share by which the evidence of one contender is wrong on purpose."""
RECORDED = {
    "MOT17-02": ("mot17/MOT17-02", "det.txt", 300),
    "KITTI-0011": ("kitti/KITTI-0011-Car", "det.txt", 373),
    "PETS, MOG2": ("video/PETS09-S2L1", "det_mog2.txt", 500),
}
"""Folder, detections and frames of each recorded stream."""
INVENTED = {1: 200, 10: 200, 50: 150, 100: 120, 300: 80, 1000: 30, 3000: 15, 10_000: 12}
"""Frames of a stream with so many objects; its rule never decides. The picture grows with their number beyond 100."""
NAMES = {"then": f"gate at {PINNED}", "numpy": "gate", "fast": "gate, with numba", "SORT": "SORT"}
"""What is drawn."""
MOST_PINNED, MOST_PEERS = 3000, 1000
"""Objects up to which the pinned commit and the trackers take part: beyond, a frame takes them minutes."""
TURN = 20
"""Frames that a contender takes before the next one has its turn."""
WARM = 20
"""First frames that do not count."""


@dataclass
class Contender:
    """A process that updates on command."""

    kind: str
    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)

    def run(self, first: int, last: int) -> None:
        """Has it update on some frames."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101 # both are pipes
        self.process.stdin.write(f"{first} {last}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.kind}: ended early; see above")
        self.said.append(json.loads(line))

    def all_of(self, name: str) -> list[Any]:
        """Returns what it said of all frames."""
        return [value for part in self.said for value in part.get(name, [])]


def invented(num: int, num_frames: int) -> dict[str, Any]:
    """Returns the detections of objects that walk, are missed on one frame in twelve, and are replaced in the end."""
    rng, scale = np.random.default_rng(num), max(1.0, float(np.sqrt(num / 100)))
    size = np.array([int(1920 * scale), int(1080 * scale)])

    def fresh(count: int) -> tuple[np.ndarray, ...]:
        width = rng.uniform(16, 56, count)
        sides = np.stack([width, width * rng.uniform(1, 2, count)], axis=1)
        return rng.uniform(0, 1, (count, 2)) * size, sides, rng.normal(0, 2, (count, 2)), rng.uniform(0.3, 0.9, count)

    centre, sides, speed, score = fresh(num)
    frames = []
    for _ in range(num_frames):
        centre = centre + speed
        gone = (rng.random(num) < 0.02) | ((centre < 0) | (centre > size)).any(axis=1)
        centre[gone], sides[gone], speed[gone], score[gone] = fresh(int(gone.sum()))
        seen = rng.random(num) < 0.92
        middle, half = centre[seen] + rng.normal(0, 1, (seen.sum(), 2)), sides[seen] / 2
        frames.append((np.c_[middle - half, middle + half], np.clip(score[seen], 0.01, 0.99)))
    return packed(frames, (int(size[0]), int(size[1])), 30.0)


def recorded(data: Path, place: str, detections: str, num_frames: int) -> dict[str, Any]:
    """Returns the detections of a recorded stream."""
    sequence = read_mot_sequence(data / place, detections=detections)
    found = [sequence.detections_at(index) for index in range(min(num_frames, sequence.num_frames))]
    frames = [(one.xyxy_px[one.is_valid], one.score[one.is_valid]) for one in found]
    return packed(frames, sequence.image_size, sequence.frame_rate_hz)


def packed(frames: Sequence[tuple[np.ndarray, ...]], size: tuple[int, int], rate_hz: float) -> dict[str, Any]:
    """Returns a stream as arrays."""
    boxes, scores = (np.concatenate([frame[part] for frame in frames]) for part in (0, 1))
    edges = np.concatenate([[0], np.cumsum([len(frame[1]) for frame in frames])])
    return {"boxes": boxes, "scores": scores, "edges": edges, "size": np.array(size), "rate_hz": rate_hz}


def start(kind: str, stream: Path, then: Path, numba: Path | None, *, rule: str, error: float = 0.0) -> Contender:
    """Starts a contender."""
    source = then / "src" if kind == "then" else ROOT / "src"
    path = os.pathsep.join(str(one) for one in (source, numba) if one is not None)
    weights = ROOT / "src/perdure/weights/detections.safetensors"
    line = [
        sys.executable,
        str(ROOT / "benchmarks/speed_contender.py"),
        kind,
        str(stream),
        str(weights),
        rule,
        str(error),
    ]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return Contender(kind, subprocess.Popen(line, text=True, env=environment, **pipes))


def compared(name: str, contenders: list[Contender], num_frames: int) -> dict[str, Any]:
    """Returns one row: what frames cost each contender as a ratio to the first, and whether decisions are equal."""
    turn = TURN if num_frames > 2 * WARM else 1
    for first in range(0, num_frames, turn):
        for one in contenders:
            one.run(first, min(first + turn, num_frames))
    for one in contenders:
        assert one.process.stdin is not None  # noqa: S101 # a pipe
        one.process.stdin.close()
        one.process.wait()
    gates = [one for one in contenders if one.all_of("num_live")]
    warm = min(WARM, num_frames // 3)
    base = float(np.median(contenders[0].all_of("cpu_s")[warm:]))
    row: dict[str, Any] = {
        "stream": name,
        "base": contenders[0].kind,
        "num_live": float(np.mean(gates[0].all_of("num_live")[warm:])),
        "num_undecided": float(np.mean(gates[0].all_of("num_undecided")[warm:])),
        "num_decisions": len(gates[0].all_of("decisions")),
    }
    for one in contenders:
        cpu_s = float(np.median(one.all_of("cpu_s")[warm:]))
        row[one.kind] = {"times_faster": base / cpu_s, "cpu_ms": 1e3 * cpu_s, "peak_mib": one.said[-1]["peak_mib"]}
        if one in gates:
            row[one.kind] |= {
                "same_decisions": one.all_of("decisions") == gates[0].all_of("decisions"),
                "largest_difference": difference(one.all_of("evidence"), gates[0].all_of("evidence")),
            }
    return row


def difference(one: list[Any], other: list[Any]) -> float:
    """Returns the largest difference of evidence in nats; infinity where not even the tracks are the same."""
    if [key for key, _ in one] != [key for key, _ in other]:
        return float("inf")
    return max((abs(a - b) for (_, a), (_, b) in zip(one, other, strict=True)), default=0.0)


def slope(rows: list[dict[str, Any]], kind: str) -> float:
    """Returns the slope of log time against log undecided tracks, from 100 of them on."""
    points = [(row["num_undecided"], row[kind]["cpu_ms"]) for row in rows if kind in row and row["num_undecided"] > 80]
    across, up = np.log(np.array(points)).T
    return float(np.polyfit(across, up, 1)[0])


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--numba", type=Path, help="folder with numba, if it is not installed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--only", nargs="*", help="streams, by name or by number of objects")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(arguments, Path(folder))
    grown = [row for row in rows if row["stream"].isdigit()]
    slopes = {kind: slope(grown, kind) for kind in ("numpy", "fast") if len(grown) > 2 and kind in grown[0]}
    sys.stdout.write("".join(json.dumps(row) + "\n" for row in [*rows, slopes]))
    if arguments.json:
        write_json(arguments.json, {"bench": "speed", "machine": machine_words(), "slopes": slopes, "rows": rows})
    if arguments.figure:
        from perdure.report.bench_figures import draw_speed_rows

        draw_speed_rows(grown, arguments.figure, names=NAMES)
    wrong = [row["stream"] for row in rows for one in row.values() if isinstance(one, dict)
             and not one.get("same_decisions", True)]  # fmt: skip
    unseen = [row["stream"] for row in rows if not row.get("wrong_by", {}).get("is_seen", True)]
    return 1 if wrong or unseen else 0


def measured(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of all streams that are asked for."""
    archive = subprocess.run(["git", "archive", PINNED, "src"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        source.extractall(folder / "then", filter="data")
    streams: dict[str, tuple[dict[str, Any], str]] = {}
    for name, (place, detections, num) in RECORDED.items():
        if (arguments.data / place).is_dir() and (not arguments.only or name in arguments.only):
            streams[name] = (recorded(arguments.data, place, detections, num), "sprt")
    for objects, num in INVENTED.items():
        if not arguments.only or str(objects) in arguments.only:
            streams[str(objects)] = (invented(objects, num), "never")
    rows = []
    for name, (arrays, rule) in streams.items():
        path, num_frames = folder / "stream.npz", len(arrays["edges"]) - 1
        np.savez(path, **arrays)
        objects = int(name) if name.isdigit() else 0
        kinds = [*(["then"] if objects <= MOST_PINNED else []), "numpy", "fast"]
        kinds += ["SORT", "ByteTrack", "OC-SORT"] if objects <= MOST_PEERS else []
        contenders = [start(kind, path, folder / "then", arguments.numba, rule=rule) for kind in kinds]
        rows.append(compared(name, contenders, num_frames))
        if rule == "sprt":  # once more with an error that must be seen
            pair = [start("numpy", path, folder, arguments.numba, rule=rule, error=error) for error in (0.0, ERROR)]
            apart = compared(name, pair, 60)["numpy"]["largest_difference"]
            rows[-1]["wrong_by"] = {"error": ERROR, "is_seen": apart > ERROR / 10}
        faster = {kind: round(rows[-1][kind]["times_faster"], 2) for kind in kinds}
        sys.stderr.write(f"{name}: {faster}\n")
    return rows


if __name__ == "__main__":
    sys.exit(main())
