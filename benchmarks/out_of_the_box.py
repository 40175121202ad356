"""Measures the gate as it is loaded, without labels and without settings, beside "so many in a row" on the same tracks.

usage: python benchmarks/out_of_the_box.py DATA [--like "three in a row"] [--weights FILE] [--json FILE]

DATA holds `kitti`, `mot15`, `mot17`, `ir_drone`, `v_drone` and `video/PETS09-S2L1` as MOT folders with truth; what is
missing is left out. Every sequence is a stream of its own for a fresh gate; both verdicts are taken live. For each set:
TRUE tracks confirmed, FALSE tracks confirmed, the mean age at confirmation and its difference on the TRUE tracks that
both confirm (with a bootstrap interval over sequences where there are several), and TRUE tracks with 20 detections or
more that are never reported.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import perdure
from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.track_labels import SMALL_TARGETS, MatchConfig, TrackLabel, detection_labels, majority_label
from perdure.stopping.streak import streak_of

LAST_FRAMES = 10
"""Tracks born this close to the end of a sequence are left out: nobody can tell what they would have become."""
LONG = 20
"""Detections from which on a TRUE track must be reported."""
NUM_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A set of sequences: its name in the table, where it lies, its detections, the least score, how it is matched."""

    name: str
    pattern: str
    detections: str = "det.txt"
    min_score: float | None = None
    match: MatchConfig = field(default_factory=MatchConfig)


PLACES = (
    Place("KITTI Car (PointRCNN)", "kitti/*-Car"),
    Place("KITTI Car (RRC)", "kitti/*-Car", "det_rrc.txt"),
    Place("KITTI Pedestrian (PointRCNN)", "kitti/*-Pedestrian"),
    Place("KITTI Pedestrian (RRC)", "kitti/*-Pedestrian", "det_rrc.txt"),
    Place("KITTI Cyclist (PointRCNN)", "kitti/*-Cyclist"),
    Place("MOT17 (YOLOX, 0.1 up)", "mot17/*", min_score=0.1),
    Place("MOT17 (YOLOX, 0.5 up)", "mot17/*", min_score=0.5),
    Place("MOT15 (Faster R-CNN)", "mot15/*"),
    Place("MOT15 (ACF)", "mot15/*", "det_acf.txt"),
    Place("PETS (MOG2)", "video/PETS*", "det_mog2.txt"),
    Place("PETS (Faster R-CNN)", "video/PETS*", "det_frcnn.txt"),
    Place("PETS (Keypoint R-CNN)", "video/PETS*", "det_keypointrcnn.txt"),
    Place("PETS (ACF)", "video/PETS*", "det_acf.txt"),
    Place("PETS (FastestDet)", "video/PETS*", "det_fastestdet.txt"),
    Place("infrared (three-frame difference)", "ir_drone/*", match=SMALL_TARGETS),
    Place("visible drones (three-frame difference)", "v_drone/*", match=SMALL_TARGETS),
)


@dataclass(slots=True)
class Seen:
    """What became of one track: frame of birth, hits by label, age of confirmation by gate and rule (0: never)."""

    birth: int
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    gate_age: int = 0
    rule_age: int = 0


def watched(sequence: MotSequence, place: Place, like: str, weights: str) -> list[Seen]:
    """Returns all tracks of a sequence as the gate and the rule decided them, live and on the same association."""
    gate = perdure.load(weights, like=like, image_size=sequence.image_size)
    streak, tracks = streak_of(like) or 0, dict[int, Seen]()
    for index in range(sequence.num_frames):
        found = sequence.detections_at(index, place.min_score)
        label = detection_labels(found.xyxy_px, sequence.truth.get(index), place.match)
        linked = gate.link(found)
        result = gate.observe(None, linked, time_s=index / sequence.frame_rate_hz)
        for view, row in zip(result.tracks, linked.detection_index.tolist(), strict=True):
            seen = tracks.setdefault(view.track_id, Seen(index - view.age + 1))
            if row >= 0:
                seen.counts[label[row]] += 1
            if not seen.rule_age and view.longest_streak >= streak:
                seen.rule_age = view.age
        for decision in result.decisions:
            if decision.label == "persistent" and not tracks[decision.track_id].gate_age:
                tracks[decision.track_id].gate_age = decision.age
    return [seen for seen in tracks.values() if seen.birth < sequence.num_frames - LAST_FRAMES]


def figures(tracks: list[list[Seen]]) -> dict[str, Any]:
    """Returns the figures of a set from the tracks of its sequences."""
    every = [seen for part in tracks for seen in part]
    label = majority_label(np.array([seen.counts for seen in every]).reshape(-1, 3))
    group = np.repeat(np.arange(len(tracks)), [len(part) for part in tracks])
    gate, rule = (np.array([getattr(seen, name) for seen in every]) for name in ("gate_age", "rule_age"))
    hits = np.array([sum(seen.counts) for seen in every])
    true, false = label == TrackLabel.TRUE, label == TrackLabel.FALSE
    both = true & (gate > 0) & (rule > 0)
    low, high = _interval((gate - rule)[both], group[both], len(tracks))
    return {
        "num_true": int(true.sum()),
        "num_false": int(false.sum()),
        "rule_true": int((rule[true] > 0).sum()),
        "gate_true": int((gate[true] > 0).sum()),
        "rule_false": int((rule[false] > 0).sum()),
        "gate_false": int((gate[false] > 0).sum()),
        "rule_age": round(float(rule[both].mean()), 3),
        "gate_age": round(float(gate[both].mean()), 3),
        "difference": round(float((gate - rule)[both].mean()), 3),
        "difference_ci95": [low, high],
        "num_long": int((true & (hits >= LONG)).sum()),
        "rule_long_never": int((true & (hits >= LONG) & (rule == 0)).sum()),
        "gate_long_never": int((true & (hits >= LONG) & (gate == 0)).sum()),
    }


def _interval(difference: np.ndarray, group: np.ndarray, num_groups: int) -> tuple[float | None, float | None]:
    if num_groups < 2:
        return None, None
    rng = np.random.default_rng(0)
    total, num = (np.bincount(group, weights, num_groups) for weights in (difference, np.ones(len(group))))
    drawn = rng.integers(num_groups, size=(NUM_RESAMPLES, num_groups))
    means = total[drawn].sum(axis=1) / np.maximum(num[drawn].sum(axis=1), 1)
    low, high = np.quantile(means, [0.025, 0.975])
    return round(float(low), 3), round(float(high), 3)


def rows(data: Path, like: str, weights: str) -> Iterator[dict[str, Any]]:
    """Yields one row a set."""
    for place in PLACES:
        folders = [path for path in sorted(data.glob(place.pattern)) if (path / "det" / place.detections).is_file()]
        tracks = [
            watched(read_mot_sequence(folder, detections=place.detections), place, like, weights) for folder in folders
        ]
        if tracks:
            yield {"data": place.name, "like": like, "num_sequences": len(tracks), **figures(tracks)}


def main(words: list[str]) -> None:
    """Runs the benchmark and prints its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--like", default="three in a row")
    parser.add_argument("--weights", default="detections")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(words)
    found = []
    for row in rows(arguments.data, arguments.like, arguments.weights):
        found.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    if arguments.json is not None:
        text = json.dumps({"bench": "out-of-the-box", "rows": found}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
