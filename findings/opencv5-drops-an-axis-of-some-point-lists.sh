#!/usr/bin/env bash
# Guess:  lists of points keep one shape over OpenCV's functions: (N, 1, 2) as in OpenCV 4, or all of them (N, 2) in 5.
# Really: in 5 findNonZero, HoughLinesP and rotatedRectangleIntersection lost the middle axis, while findContours,
#         goodFeaturesToTrack, convexHull and HoughLines are as they were. The usual way to get rid of that
#         axis does not fail but picks x: points[:, 0] was (N, 2) and is now (N,), the x coordinates alone; for x, y in
#         points[:, 0] raises, points[:, 0].mean() does not. reshape(-1, 2) works in both. calcHist gives (16,) instead
#         of (16, 1) too.
# Seen:   opencv-python-headless 5.0.0.93 against 4.14.0.94; outputs that are created as one-dimensional Mat
#         (modules/imgproc/src/hough.cpp, HoughLinesP; modules/core/src/count_non_zero.dispatch.cpp, findNonZero) become
#         arrays without the second axis in modules/python/src2/cv2_convert.cpp. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.py" <<'PY'
import cv2
import numpy as np

image = np.zeros((120, 160), np.uint8)
image[30:80, 40:100] = 255
edges = cv2.Canny(image, 50, 100)
square = ((5, 5), (4, 4), 0), ((6, 5), (4, 4), 0)
lists = {
    "findNonZero": cv2.findNonZero(image),
    "HoughLinesP": cv2.HoughLinesP(edges, 1, np.pi / 180, 30),
    "rotatedRectangleIntersection": cv2.rotatedRectangleIntersection(*square)[1],
    "calcHist": cv2.calcHist([image], [0], None, [16], [0, 256]),
    "findContours": cv2.findContours(image, 0, 2)[0][0],
    "goodFeaturesToTrack": cv2.goodFeaturesToTrack(image, 4, 0.01, 5),
    "convexHull": cv2.convexHull(np.array([[0, 0], [9, 1], [5, 8], [4, 4]], np.float32)),
    "HoughLines": cv2.HoughLines(edges, 1, np.pi / 180, 40),
}
changed = ["findNonZero", "HoughLinesP", "rotatedRectangleIntersection", "calcHist"]

print("opencv", cv2.__version__)
for name, points in lists.items():
    print(f"    {name:29s} {points.shape}")
centre = lists["findNonZero"][:, 0].mean(axis=0)
print("    findNonZero(...)[:, 0].mean(axis=0) =", centre)
assert all(points.ndim == 3 for name, points in lists.items() if name not in changed)
if cv2.__version__.startswith("4"):
    assert all(lists[name].shape[1] == 1 for name in changed)
    assert centre.tolist() == [69.5, 54.5]
else:
    assert [lists[name].ndim for name in changed] == [2, 2, 2, 1]
    assert float(centre) == 69.5
PY
cd "$folder"
for version in 4.14.0.94 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" numpy==2.4.6
    "$folder/$version/bin/python" probe.py
done
