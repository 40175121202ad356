#!/usr/bin/env bash
# Guess:  every detection of a tracked object carries the age at which it was taken (`detection.age`), so an object whose
#         `last_detection.age` equals its `age` was detected on this frame, any other one is only predicted.
# Really: the age is written only into detections that are also put among `past_detections`, a sample that gets thinner
#         as the object gets older. Of an object that is detected on each of 100 frames the latest detection has no age
#         (None) on most of them, and with past_detections_length=0 on all. Comparing ages reports it on a few frames,
#         fewer and fewer; that the detection is one of those just handed over is what tells.
# Seen:   norfair 2.3.0, norfair/tracker.py, TrackedObject._conditionally_add_to_past_detections. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile norfair==2.3.0 numpy==1.26.4 scipy==1.15.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from norfair import Detection, Tracker

FRAMES = 100
print("norfair", version("norfair"))
for length in (4, 0):
    tracker = Tracker("iou", distance_threshold=0.7, initialization_delay=0, past_detections_length=length)
    by_age, by_identity, without = [], 0, 0
    for frame in range(FRAMES):
        given = [Detection(points=np.array([[100.0, 100.0], [150.0, 180.0]]))]
        (item,) = tracker.update(given)
        by_identity += item.last_detection is given[0]
        without += item.last_detection.age is None
        if item.last_detection.age == item.age:
            by_age.append(frame)
    print(f"past_detections_length {length}: detected on {by_identity} frames; equal ages on {len(by_age)}: {by_age}")
    print(f"    the latest detection has no age on {without}")
    assert by_identity == FRAMES and without >= 80 and len(by_age) <= 20
print("still so: the age of a detection is known only while it is kept in the sample of past ones")
PY
