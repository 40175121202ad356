#!/usr/bin/env bash
# Guess:  KalmanFilter.correct(np.array([x, y], np.float32)), the usual call in trackers, works in OpenCV 5 as it did in
#         4.
# Really: OpenCV 5 keeps a flat array as a matrix of ONE dimension, 4 turned it into a column. The product with it fails
#         with an assertion deep in matmul that names no argument; so do gemm and solve. A flat statePost is accepted
#         and fails at the next predict(). What predict() returns is still a column, so flat arrays go in nowhere and
#         columns come out, while element-wise functions (sqrt, exp, sort), which gave columns for flat arrays in 4, now
#         give flat ones.
# Seen:   opencv-python-headless 5.0.0.93 against 4.14.0.94: modules/python/src2/cv2_convert.cpp (arrays to Mat),
#         modules/core/src/matmul.dispatch.cpp, gemm (the failing assertion); modules/video/src/kalman.cpp. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.py" <<'PY'
import cv2
import numpy as np


def tracker():
    kalman = cv2.KalmanFilter(4, 2)
    kalman.transitionMatrix = np.eye(4, dtype=np.float32)
    kalman.measurementMatrix = np.eye(2, 4, dtype=np.float32)
    kalman.measurementNoiseCov = np.eye(2, dtype=np.float32)
    kalman.predict()
    return kalman


def flat_state():
    kalman = tracker()
    kalman.statePost = np.array([1, 2, 3, 4], np.float32)
    return kalman.predict()


MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])
CALLS = {
    "correct(flat)": lambda: tracker().correct(np.array([1, 2], np.float32)),
    "correct(column)": lambda: tracker().correct(np.array([[1], [2]], np.float32)),
    "predict() after a flat statePost": flat_state,
    "gemm(matrix, flat)": lambda: cv2.gemm(MATRIX, np.array([1.0, 2.0]), 1, None, 0),
    "solve(matrix, flat)": lambda: cv2.solve(MATRIX, np.array([1.0, 2.0]))[1],
    "sqrt(flat of 4)": lambda: cv2.sqrt(np.arange(4.0)),
}
EXPECTED = {
    "4": ["(4, 1)", "(4, 1)", "(4, 1)", "(2, 1)", "(2, 1)", "(4, 1)"],
    "5": ["cv2.error", "(4, 1)", "cv2.error", "cv2.error", "cv2.error", "(4,)"],
}

print("opencv", cv2.__version__)
results = []
for name, call in CALLS.items():
    try:
        results.append(str(call().shape))
    except cv2.error:
        results.append("cv2.error")
    print(f"    {name:33s} {results[-1]}")
assert results == EXPECTED[cv2.__version__[0]], results
PY
cd "$folder"
for version in 4.14.0.94 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" numpy==2.4.6
    "$folder/$version/bin/python" probe.py
done
