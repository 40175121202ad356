#!/usr/bin/env bash
# Guess:  on a linear model an unscented Kalman filter is the Kalman filter, to rounding, whatever release is installed.
# Really: in 1.4.5 predict() adds Q to P but keeps the sigma points drawn before, and update() makes S and the gain from
#         those. The first gate is too narrow by H Q H', and from then on P is too large by Q: the filter claims a
#         position variance of 4.9 right after a measurement of variance 1. 2.0.0 draws the points anew and agrees with
#         KalmanFilter. Trackers that ask for filterpy below 2 (norfair 2.3.0 does) keep the old figures; thresholds on
#         P or on the first innovations do not carry over from one release to the other.
# Seen:   filterpy 1.4.5 and 2.0.0, filterpy/kalman/UKF.py, UnscentedKalmanFilter.predict. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for release in 1.4.5 2.0.0; do
    python3 -m venv "$dir/$release"
    "$dir/$release/bin/pip" install -q --no-compile "filterpy==$release" numpy==1.26.4 scipy==1.15.3 matplotlib==3.10.8
    "$dir/$release/bin/python" -W ignore - <<'PY'
import filterpy
import numpy as np
from filterpy.kalman import KalmanFilter, MerweScaledSigmaPoints, UnscentedKalmanFilter

print("filterpy", filterpy.__version__)
F, H, Q, R = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]), np.diag([4.0, 1.0]), np.array([[1.0]])
kf = KalmanFilter(dim_x=2, dim_z=1)
ukf = UnscentedKalmanFilter(2, 1, 1.0, lambda x: H @ x, lambda x, dt: F @ x, MerweScaledSigmaPoints(2, 0.5, 2.0, 1.0))
kf.F, kf.H = F, H
for one in (kf, ukf):
    one.Q, one.R, one.P = Q.copy(), R.copy(), np.eye(2)
rows = []
for step, z in enumerate((0.0, 1.0, 2.0, 5.0, 4.0, 5.0), start=1):
    for one in (kf, ukf):
        one.predict()
        one.update(np.array([z]))
    rows.append([float(one.S[0, 0]) for one in (kf, ukf)] + [float(one.P[0, 0]) for one in (kf, ukf)])
    s_kf, s_ukf, p_kf, p_ukf = rows[-1]
    print(f"step {step}: S Kalman {s_kf:.3f}, unscented {s_ukf:.3f}; P after update Kalman {p_kf:.3f}, unscented {p_ukf:.3f}")
rows = np.array(rows)
if filterpy.__version__ == "1.4.5":
    assert np.allclose(rows[0, :2], [7, 3])
    assert (rows[:, 2] < 1).all() and (rows[:, 3] > 4.5).all()
    print("still so in 1.4.5: the first gate is narrower by Q, and P stays wider by Q than the Kalman filter's")
else:
    assert np.allclose(rows[:, 0], rows[:, 1]) and np.allclose(rows[:, 2], rows[:, 3])
PY
done
