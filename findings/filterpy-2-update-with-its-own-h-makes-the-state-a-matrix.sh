#!/usr/bin/env bash
# Guess:  `kf.update(z, H=kf.H)` is the same as `kf.update(z)`: H is the matrix that the filter would have used anyway.
# Really: since 2.0.0 z is brought into a column only where H is not given. A list or 1-D array with H broadcasts against
#         the (dim_x, 1) state of a new filter: nothing raises, and the state becomes a (dim_x, dim_z) matrix. Here a
#         position of two axes ends with each axis holding both. 1.4.5 gives the right column both ways. Code that
#         switches sensors by H is what meets this; update_correlated has the same change.
# Seen:   filterpy 2.0.0, filterpy/kalman/kalman_filter.py, KalmanFilter.update. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for release in 1.4.5 2.0.0; do
    python3 -m venv "$dir/$release"
    "$dir/$release/bin/pip" install -q --no-compile "filterpy==$release" numpy==1.26.4 scipy==1.15.3 matplotlib==3.10.8
    "$dir/$release/bin/python" -W ignore - <<'PY'
import filterpy
import numpy as np
from filterpy.kalman import KalmanFilter

print("filterpy", filterpy.__version__)
shapes = {}
for given in (False, True):
    kf = KalmanFilter(dim_x=4, dim_z=2)
    kf.F = np.eye(4) + np.eye(4, k=2)
    kf.H = np.eye(2, 4)
    kf.P *= 10
    for t in range(5):
        kf.predict()
        kf.update([1.0 * t, 2.0 * t], H=kf.H if given else None)
    shapes[given] = kf.x.shape
    print(f"H {'given' if given else 'left out'}: state of shape {kf.x.shape}: {kf.x.round(3).tolist()}")
if filterpy.__version__ == "1.4.5":
    assert shapes == {False: (4, 1), True: (4, 1)}
else:
    assert shapes == {False: (4, 1), True: (4, 2)}
    print("still so: naming the filter's own H turns the state into a matrix without a word")
PY
done
