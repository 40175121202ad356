#!/usr/bin/env bash
# Guess:  a ground-truth object whose track is lost for three frames and then found again has one fragmentation,
#         whatever else the tracker put out in those frames.
# Really: CLEAR leaves its loop early for a frame in which the tracker has no box at all and so forgets to end the
#         match of the frame before. The fragmentation is counted only if some unrelated box stands in the gap. The same
#         leftover match also steers the pairing after the gap, so one unrelated box can add an identity switch too.
#         One-object videos, where every gap is an empty frame, always score Frag 0. py-motmetrics counts 1 both times.
# Seen:   trackeval 1.3.0, trackeval/metrics/clear.py, CLEAR.eval_sequence; the same in trackers 2.6.1,
#         trackers/eval/clear.py, compute_clear_metrics (made to agree with it); motmetrics 1.4.0 differs. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile trackeval==1.3.0 trackers==2.6.1 motmetrics==1.4.0 numpy==2.4.6 scipy==1.17.1 pandas==3.0.6
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import motmetrics
import numpy as np
from trackers.eval import compute_clear_metrics
from trackeval.metrics import CLEAR


def scores(frames):
    """Count Frag and IDSW three ways; one object in every frame, `frames` maps track id to IoU with it."""
    ids = [np.array(sorted(frame), dtype=int) for frame in frames]
    overlaps = [np.array([[frame[i] for i in sorted(frame)]], dtype=float).reshape(1, len(frame)) for frame in frames]
    objects = [np.array([0])] * len(frames)
    data = {
        "num_timesteps": len(frames), "num_gt_ids": 1, "num_gt_dets": len(frames), "gt_ids": objects,
        "num_tracker_ids": 3, "num_tracker_dets": sum(map(len, ids)), "tracker_ids": ids, "similarity_scores": overlaps,
    }
    te = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    tr = compute_clear_metrics(objects, ids, overlaps)
    mm = motmetrics.MOTAccumulator(auto_id=True)
    for track_ids, overlap in zip(ids, overlaps):
        mm.update([0], track_ids, np.where(overlap >= 0.5, 1 - overlap, np.nan))
    mm = motmetrics.metrics.create().compute(mm, metrics=["num_fragmentations", "num_switches"]).iloc[0]
    return {
        "trackeval": (int(te["Frag"]), int(te["IDSW"])), "trackers": (int(tr["Frag"]), int(tr["IDSW"])),
        "motmetrics": (int(mm["num_fragmentations"]), int(mm["num_switches"])),
    }


print({name: version(name) for name in ("trackeval", "trackers", "motmetrics")})
before, after, empty, other = [{0: 0.9}] * 3, [{0: 0.9}] * 3, [{}] * 3, [{2: 0.0}] * 3
rival = [{0: 0.6, 1: 0.8}] * 3  # after the gap a second track covers the object better
seen = {
    "gap of empty frames": scores(before + empty + after),
    "gap with an unrelated box": scores(before + other + after),
    "empty gap, then a rival": scores(before + empty + rival),
    "unrelated box in gap, then a rival": scores(before + other + rival),
}
for name, row in seen.items():
    print(f"{name}: (Frag, IDSW) = {row}")
assert seen["gap of empty frames"] == {"trackeval": (0, 0), "trackers": (0, 0), "motmetrics": (1, 0)}
assert seen["gap with an unrelated box"] == {"trackeval": (1, 0), "trackers": (1, 0), "motmetrics": (1, 0)}
for name in ("trackeval", "trackers"):
    assert seen["empty gap, then a rival"][name] == (0, 0)
    assert seen["unrelated box in gap, then a rival"][name] == (1, 1)
print("still so: a false box far away adds a fragmentation and an identity switch to another object")
PY
