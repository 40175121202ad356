"""No pixels, no torch: boxes and scores of any detector in, confirmed tracks out.

Run it as it is: a synthetic detector with scores on a scale of its own stands in for yours. Put your boxes in the
place of `detector`, and a few minutes of its earlier scores, unlabelled, in the place of `earlier`.
"""

from __future__ import annotations

import numpy as np

import perdure

rng = np.random.default_rng(0)


def detector(index: int) -> np.ndarray:
    """Returns rows x1 y1 x2 y2 score class: a car, now and then missed, and false boxes at places of their own."""
    rows = [[80 + 4 * index, 200, 140 + 4 * index, 240, rng.normal(38, 3), 2]] if index % 5 != 3 else []
    for x, y in rng.uniform(0, 400, (rng.poisson(1.5), 2)):
        rows.append([x, y, x + 40, y + 30, rng.normal(12, 5), 2])
    return np.array(rows, float).reshape(-1, 6)


earlier = np.concatenate([detector(index)[:, 4] for index in range(300)])
gate = perdure.load("detections", image_size=(640, 480), known_scores=earlier)
by_gate, by_rule = {}, {}  # age at confirmation, by track; the car is the track that goes on
for index in range(40):
    rows = detector(index)
    found = perdure.Detections(xyxy_px=rows[:, :4], score=rows[:, 4], class_id=rows[:, 5].astype(int))
    result = gate.update(None, found)
    for decision in result.decisions:
        if decision.label == "persistent":
            by_gate[decision.track_id] = decision.age
            print(f"frame {index}: track {decision.track_id} of class {decision.class_id} is real, age {decision.age}")
    for track in result.tracks:
        if track.longest_streak >= 3:
            by_rule.setdefault(track.track_id, track.age)
print(f"confirmed at age: gate {by_gate}, three in a row {by_rule}")
