"""Rows of a YOLO-like detector (x1 y1 x2 y2 score class, in pixels) through the gate, frame by frame.

Run it as it is: a synthetic camera stands in for yours. Put your own detector in the place of `detector`.
"""

from __future__ import annotations

import numpy as np

import perdure

rng = np.random.default_rng(0)
y, x = np.mgrid[:240, :320]


def camera(index: int) -> np.ndarray:
    """Returns a frame with a shaded ball that moves to the right."""
    frame = np.full((240, 320, 3), 90.0) + rng.normal(0, 4, (240, 320, 3))
    inside = (x - 75 - 2 * index) ** 2 + (y - 120) ** 2 < 15**2
    frame[inside] += (60 + 2.0 * (120 - y))[inside, None]
    return frame.clip(0, 255).astype(np.uint8)


def detector(index: int) -> np.ndarray:
    """Returns what a network gave: the object, now and then missed, and one false box."""
    rows = [[60 + 2 * index, 105, 90 + 2 * index, 135, 0.83, 0]] if index != 3 else []
    rows += [[200, 40, 230, 80, 0.41, 2]] if index == 1 else []
    return np.array(rows, float).reshape(-1, 6)


gate = perdure.load(max_false_confirm=0.05, max_miss=0.05)
for index in range(12):
    rows = detector(index)
    found = perdure.Detections(xyxy_px=rows[:, :4], score=rows[:, 4], class_id=rows[:, 5].astype(int))
    result = gate.update(camera(index), found)
    for decision in result.decisions:
        print(f"frame {index}: track {decision.track_id} is {decision.label}, p = {decision.probability:.2f}")
