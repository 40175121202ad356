#!/usr/bin/env bash
# Guess:  without an appearance model (embedder=None, one constant vector for every detection, as the required `embeds`),
#         deep-sort-realtime falls back to motion and overlap: two boxes that stand still keep their ids.
# Really: confirmed tracks are matched on appearance alone; motion only forbids what is too far (a Mahalanobis gate), and
#         overlap is used for what is left over. With equal vectors all costs inside the gate are equal, and ids go by
#         the order in which detections arrive: two still boxes 20 px apart swap ids when a detector lists them the other
#         way round, though each lies exactly on its own track. Detectors sort by confidence, so order changes often.
#         Vectors that differ, or boxes outside each other's gate, keep their ids.
# Seen:   deep-sort-realtime 1.3.2, deep_sort_realtime/deep_sort/tracker.py, Tracker._match (gated_metric). 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile deep-sort-realtime==1.3.2 numpy==2.4.6 scipy==1.17.1 opencv-python-headless==5.0.0.93
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from deep_sort_realtime.deepsort_tracker import DeepSort

EQUAL = [np.array([1.0, 0.0]), np.array([1.0, 0.0])]
OWN = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]


def ids(distance, vectors):
    """Ids of the left and the right box, 50 x 80, before and after the detector lists them the other way round."""
    tracker = DeepSort(embedder=None, n_init=3, max_age=10)
    rows = []
    for frame in range(12):
        order = (0, 1) if frame < 6 else (1, 0)
        detections = [([100 + distance * i, 100, 50, 80], 0.9, ("left", "right")[i]) for i in order]
        tracks = tracker.update_tracks(detections, embeds=[vectors[i] for i in order])
        rows.append({t.get_det_class(): t.track_id for t in tracks if t.is_confirmed() and t.time_since_update == 0})
    return [tuple(row[side] for side in ("left", "right")) for row in (rows[5], rows[6])]


print({name: version(name) for name in ("deep-sort-realtime", "numpy", "scipy")})
seen = {
    "equal vectors, 20 px apart": ids(20, EQUAL), "own vectors, 20 px apart": ids(20, OWN),
    "equal vectors, 40 px apart": ids(40, EQUAL),
}
for name, (before, after) in seen.items():
    print(f"{name}: ids of (left, right) before {before}, after the order changes {after}")
assert seen["equal vectors, 20 px apart"] == [("1", "2"), ("2", "1")]
assert seen["own vectors, 20 px apart"] == seen["equal vectors, 40 px apart"] == [("1", "2"), ("1", "2")]
print("still so: with one vector for all, ids follow the order of the list")
PY
