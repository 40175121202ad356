#!/usr/bin/env bash
# Guess:  `motmetrics.io.loadtxt` returns the boxes as they stand in the file.
# Really: every MOTChallenge format has 1 taken off x and y (files are taken to count pixels from 1, as Matlab does), for
#         ground truth and results alike. Two loaded files agree with each other, but boxes from anywhere else (a
#         detector, a tracker in memory, another evaluator's reader) are a pixel off: a perfect box of 8 x 8 has IoU
#         0.62, of 5 x 5 only 0.47, which is under the usual 0.5 and scores as a miss and a false positive.
# Seen:   motmetrics 1.4.0, motmetrics/io.py, load_motchallenge. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile motmetrics==1.4.0 numpy==1.26.4 scipy==1.15.3 pandas==2.3.3
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
from pathlib import Path

import motmetrics
import numpy as np

print("motmetrics", version("motmetrics"))
for size in (5, 8, 40):
    box = np.array([[100.0, 50.0, size, size]])  # what a tracker in memory has, written out and read again
    Path("gt.txt").write_text("".join(f"{f},1,{','.join(map(str, box[0]))},1,1,1\n" for f in range(1, 6)))
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame, rows in motmetrics.io.loadtxt("gt.txt", fmt="mot16").groupby(level="FrameId"):
        read = rows[["X", "Y", "Width", "Height"]].to_numpy()
        accumulator.update([1], [1], motmetrics.distances.iou_matrix(read, box, max_iou=0.5))
    overlap = 1 - motmetrics.distances.iou_matrix(read, box, max_iou=1.0)[0, 0]
    mota = motmetrics.metrics.create().compute(accumulator, metrics=["mota"])["mota"].iloc[0]
    print(f"{size} x {size}: written {box[0].tolist()}, read {read[0].tolist()}, IoU {overlap:.3f}, MOTA {mota:.1f}")
    assert read[0, :2].tolist() == [99.0, 49.0]
    assert mota == (-1.0 if size == 5 else 1.0)
print("still so: a file's own boxes do not lie on what is read from it")
PY
