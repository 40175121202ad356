#!/usr/bin/env bash
# Guess:  `minimum_consecutive_frames` says from when on a track is reported, as its documentation has it, so that 1 in
#         the place of 3 shows the same tracks earlier.
# Really: it also says how long a track lives: one that has not reached it is dropped on its first miss, one that has
#         lives on for `lost_track_buffer` (30) frames. With 1 every flash of clutter lives that long, and takes boxes
#         away from objects: a doubled box on one single frame takes over the object beside it ten frames later.
# Seen:   trackers 2.6.1, trackers/core/sort/utils.py _get_alive_tracklets ("mature OR just updated"). On KITTI
#         pedestrians (RRC) AssA of SORT falls from 59.8 to 56.8 by it. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile trackers==2.6.1 supervision==0.31.2 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import supervision as sv
import trackers


def ids_of_the_object(name, needed):
    """Ids of an object that stands still for 15 frames, beside it one doubled box on frame 8, then moves by 10 px."""
    tracker, found = getattr(trackers, name)(minimum_consecutive_frames=needed), []
    for frame in range(25):
        left = 100 if frame < 15 else 110
        boxes = [[left, 100, left + 50, 200]] + ([[115, 100, 165, 200]] if frame == 8 else [])
        result = tracker.update(sv.Detections(xyxy=np.array(boxes, float), confidence=np.full(len(boxes), 0.95)))
        found += [int(i) for i, box in zip(result.tracker_id, result.xyxy) if box[0] == left]
    return sorted({i for i in found if i >= 0})


print({name: version(name) for name in ("trackers", "supervision")})
seen = [len(ids_of_the_object("SORTTracker", needed)) for needed in (3, 1)]
print(f"ids of one object behind SORT with 3 and with 1 frames asked: {seen}")
assert seen == [1, 2], seen
PY
