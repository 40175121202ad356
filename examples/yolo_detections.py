"""Rows of a YOLO-like detector (x1 y1 x2 y2 score class, in pixels) through the gate, frame by frame.

Run it as it is: a synthetic detector stands in for yours. Put your own one in the place of `detector`.
"""

from __future__ import annotations

import numpy as np

import perdure


def detector(index: int) -> np.ndarray:
    """Returns what a network gave: the object, now and then missed, and one false box."""
    rows = [[60 + 2 * index, 105, 90 + 2 * index, 135, 0.83, 0]] if index != 3 else []
    rows += [[200, 40, 230, 80, 0.41, 2]] if index == 1 else []
    return np.array(rows, float).reshape(-1, 6)


# Scores that it has given before, on any frames, without labels: the gate then knows what a high score is.
earlier = np.random.default_rng(0).beta(2, 4, size=1000)
gate = perdure.load("detections", image_size=(320, 240), known_scores=earlier)
for index in range(12):
    rows = detector(index)
    found = perdure.Detections(xyxy_px=rows[:, :4], score=rows[:, 4], class_id=rows[:, 5].astype(int))
    for decision in gate.update(None, found).decisions:
        print(f"frame {index}: track {decision.track_id} is {decision.label}, age {decision.age}")
