#!/usr/bin/env bash
# Guess:  a track takes the detection that covers it best unless another track needs that one; pairs below
#         `minimum_iou_threshold` play no part in the pairing.
# Really: SORT, ByteTrack and OC-SORT here solve the assignment on all overlaps first and drop pairs under the threshold
#         afterwards. A pair that is dropped later (IoU 0.297 < 0.3) still pushes the other pair aside: the id moves to a
#         box of IoU 0.32, the box of IoU 0.61 goes to nobody, and the second track is unmatched all the same. A solver
#         that knows the limit (lap's cost_limit, used by the original ByteTrack code) keeps the pair of IoU 0.61.
# Seen:   trackers 2.6.1, trackers/core/{sort,bytetrack,ocsort}/tracker.py, _get_associated_indices; lap 0.5.13, lapjv.
#         2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile trackers==2.6.1 supervision==0.31.2 lap==0.5.13 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import lap
import numpy as np
import supervision as sv
import trackers

LIMIT = 0.3
TRACKS, DETECTIONS = [0, 78], [24, -52]  # left edges of boxes 100 wide on one line


def overlap(left, right):
    shared = max(0, 100 - abs(left - right))
    return shared / (200 - shared)


def detections(edges):
    return sv.Detections(xyxy=np.array([[x, 0, x + 100, 100] for x in edges], float), confidence=np.full(len(edges), 0.95))


print({name: version(name) for name in ("trackers", "lap", "scipy")})
overlaps = np.array([[overlap(track, box) for box in DETECTIONS] for track in TRACKS])
print("IoU, rows tracks A and B, columns boxes 1 and 2:", overlaps.round(3).tolist())
_, matched, _ = lap.lapjv(1 - overlaps, extend_cost=True, cost_limit=1 - LIMIT)
print("lap with the limit inside: A takes box", matched[0] + 1, "- B takes", "none" if matched[1] < 0 else matched[1] + 1)
assert matched.tolist() == [0, -1]
for name in ("SORTTracker", "ByteTrackTracker", "OCSORTTracker"):
    tracker = getattr(trackers, name)(minimum_iou_threshold=LIMIT)
    for _ in range(8):
        result = tracker.update(detections(TRACKS))
    before = {int(box[0]): int(i) for box, i in zip(result.xyxy, result.tracker_id)}
    result = tracker.update(detections(DETECTIONS))
    after = {int(box[0]): int(i) for box, i in zip(result.xyxy, result.tracker_id)}
    print(f"{name}: ids by left edge before {before}, after {after}")
    assert after == {24: -1, -52: before[0]}, after
print("still so: the id goes to the box that overlaps half as much, and the better box to nobody")
PY
