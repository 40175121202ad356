#!/usr/bin/env bash
# Guess:  `kinematic_kf(dim=2, order=1)` builds in filterpy 2.0.0, as in 1.4.5, a constant-velocity filter that measures
#         x and y; `dim_z=2` says the same.
# Really: since 2.0.0 the default is one measurement, and each row of H has a 1 for the position of every axis: what is
#         measured is x + y. Passing dim_z=2 gives two equal rows, which no longer raises: the filter runs and ends on
#         the same wrong number for both axes. In 1.4.5 dim_z was ignored, so code that never named it breaks and code
#         that named it goes silently wrong. Only dim=1 is as before.
# Seen:   filterpy 2.0.0 (first release after 1.4.5), filterpy/common/kinematic.py, kinematic_kf. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for release in 1.4.5 2.0.0; do
    python3 -m venv "$dir/$release"
    "$dir/$release/bin/pip" install -q --no-compile "filterpy==$release" numpy==1.26.4 scipy==1.15.3 matplotlib==3.10.8
    "$dir/$release/bin/python" -W ignore - <<'PY'
import filterpy
from filterpy.common import kinematic_kf

print("filterpy", filterpy.__version__)
seen = {}
for given in ({}, {"dim_z": 2}):
    kf = kinematic_kf(dim=2, order=1, **given)
    kf.P *= 100
    kf.R *= 0.01
    kf.Q *= 0.001
    try:
        for t in range(20):  # x rises by 1 a step, y falls by 3
            kf.predict()
            kf.update([t, 100.0 - 3 * t])
        state = kf.x.ravel().round(2).tolist()
    except ValueError as error:
        state = f"raises: {error}"
    seen[len(given)] = (kf.H.tolist(), state)
    print(f"kinematic_kf(dim=2, order=1, {given}): H = {kf.H.tolist()}, x, vx, y, vy after 20 steps: {state}")
if filterpy.__version__ == "1.4.5":
    right = ([[1, 0, 0, 0], [0, 0, 1, 0]], [19.0, 1.0, 43.0, -3.0])
    assert seen == {0: right, 1: right}
else:
    assert seen[0][0] == [[1, 0, 1, 0]] and seen[0][1].startswith("raises")
    assert seen[1] == ([[1, 0, 1, 0], [1, 0, 1, 0]], [15.5, -0.5, 15.5, -0.5])
    print("still so: both rows of H measure x + y, and both axes come out the same and wrong")
PY
done
