"""Measures confirmed boxes behind a detection network: the gate as it is loaded beside "three in a row".

usage: python benchmarks/detector_in_front.py FILE.onnx SEQUENCE [--classes person] [--min-scores 0.1 0.3] [--json FILE]

SEQUENCE is a MOT folder with video and truth; its own detections are not used. Both verdicts are taken live on the same
association; a box counts while it is detected and its track is confirmed. Boxes and truth are matched one to one by
frame at an overlap of 0.5. Frames a second are those of detector and gate together, from decoded frames on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import perdure
from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.track_labels import MatchConfig, TrackLabel, detection_labels
from perdure.detectors.network import OnnxDetector
from perdure.types import Detections
from perdure.video.reader import open_video

STREAK = 3


@dataclass(slots=True)
class Counted:
    """Boxes that were shown, by what they lie on."""

    num_right: int = 0
    num_wrong: int = 0

    def add(self, boxes: np.ndarray, sequence: MotSequence, index: int) -> None:
        """Takes in the shown boxes of one frame."""
        labels = detection_labels(boxes.reshape(-1, 4), sequence.truth.get(index), MatchConfig())
        self.num_right += int((labels == TrackLabel.TRUE).sum())
        self.num_wrong += int((labels == TrackLabel.FALSE).sum())

    def row(self, method: str, num_truth: int) -> dict[str, Any]:
        """Returns precision and recall."""
        return {
            "method": method,
            "num_boxes": self.num_right + self.num_wrong,
            "precision": round(self.num_right / max(self.num_right + self.num_wrong, 1), 4),
            "recall": round(self.num_right / num_truth, 4),
        }


def measured(
    network: Path, sequence: MotSequence, classes: list[str], min_score: float, max_frames: int | None
) -> list[dict[str, Any]]:
    """Returns a row for all detections, for the rule and for the gate."""
    detector = OnnxDetector(network, classes=classes, min_score=min_score)
    gate = perdure.load("detections", image_size=sequence.image_size)
    found, by_rule, by_gate, num_truth, seconds, num_frames = Counted(), Counted(), Counted(), 0, 0.0, 0
    if sequence.video is None:
        raise SystemExit("the sequence has no video")
    with open_video(sequence.video) as reader:
        for item in islice(reader, max_frames):
            start = time.perf_counter()
            detections: Detections = detector.detect(item.frame)
            result = gate.update(None, detections)
            seconds, num_frames = seconds + time.perf_counter() - start, num_frames + 1
            seen = [track for track in result.tracks if track.is_hit]
            rule_rows = [track.xyxy_px for track in seen if track.longest_streak >= STREAK]
            gate_rows = [track.xyxy_px for track in seen if track.status == "persistent"]
            truth = sequence.truth.get(item.frame_index)
            num_truth += 0 if truth is None else int(truth.counts.sum())
            for counted, boxes in ((found, detections.xyxy_px), (by_rule, rule_rows), (by_gate, gate_rows)):
                counted.add(np.asarray(boxes, dtype=np.float64), sequence, item.frame_index)
    same = {"min_score": min_score, "frames_per_s": round(num_frames / seconds, 1), "num_frames": num_frames}
    rows = (("all detections", found), (f"{STREAK} in a row", by_rule), ("perdure, as it is loaded", by_gate))
    return [counted.row(method, num_truth) | same for method, counted in rows]


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("sequence", type=Path)
    parser.add_argument("--classes", nargs="+", default=["person"])
    parser.add_argument("--min-scores", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--max-frames", type=int)
    parser.add_argument(
        "--detections", default="det.txt", help="any file of the folder's det/; what it holds is not used"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sequence = read_mot_sequence(given.sequence, detections=given.detections)
    rows = [
        {"data": sequence.name, "network": given.network.name} | row
        for min_score in given.min_scores
        for row in measured(given.network, sequence, given.classes, min_score, given.max_frames)
    ]
    for row in rows:
        sys.stdout.write(" ".join(f"{name}={value}" for name, value in row.items()) + "\n")
    if given.json is not None:
        text = json.dumps({"bench": "detector in front", "rows": rows}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
