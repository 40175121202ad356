#!/usr/bin/env bash
# Guess:  `initialization_delay=1` shows an object from its second detection on, larger values correspondingly later; a
#         detector that finds the object in every second frame makes it a little later still.
# Really: a missed frame takes away exactly what a detection adds, and a candidate that is back at zero is dropped. With
#         detections in every second frame no delay from 1 up ever confirms: 150 detections in 300 frames, no object.
#         Two of three frames at the default delay (7) need 14 detections and 20 frames. An object that was confirmed
#         before keeps its id on those same detections for good, so the two ends of a track obey different rules.
# Seen:   norfair 2.3.0, norfair/tracker.py, class TrackedObject (hit_counter). 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile norfair==2.3.0 numpy==1.26.4 scipy==1.15.3
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from norfair import Detection, Tracker

PATTERNS = {"every frame": [1], "two of three": [1, 1, 0], "every second": [1, 0]}
FRAMES = 300


def tracker(delay):
    return Tracker("iou", distance_threshold=0.7, hit_counter_max=15, initialization_delay=delay)


def seen(is_hit):
    return [Detection(points=np.array([[100.0, 100.0], [150.0, 180.0]]))] if is_hit else None


def first_shown(delay, pattern):
    """(frame, detections up to it) at which a box that stands still is first an object, None if never."""
    one = tracker(delay)
    hits = [pattern[frame % len(pattern)] for frame in range(FRAMES)]
    for frame, is_hit in enumerate(hits, start=1):
        if one.update(seen(is_hit)):
            return frame, sum(hits[:frame])
    return None


print("norfair", version("norfair"))
rows = {delay: {name: first_shown(delay, pattern) for name, pattern in PATTERNS.items()} for delay in (1, 2, 3, 7)}
for delay, row in rows.items():
    print(f"initialization_delay {delay}: first shown at (frame, detections): {row}")
    assert row["every frame"] == (delay + 1, delay + 1) and row["every second"] is None
assert rows[7]["two of three"] == (20, 14)
one = tracker(3)
alive = [bool(one.update(seen(frame < 6 or frame % 2 == 0))) for frame in range(FRAMES)]
print(f"confirmed by six frames in a row, then every second: shown in {sum(alive[6:])} of the next {FRAMES - 6} frames")
assert all(alive[6:])
print("still so: every second frame never confirms an object and never loses one")
PY
