"""Keep your tracker, replace its "three in a row": the gate decides which of its tracks are reported.

Needs `supervision` and a tracker that writes tracker ids, here SORT of the `trackers` library:
    pip install supervision && pip install --no-deps trackers
"""

from __future__ import annotations

import numpy as np
import supervision as sv
from trackers import SORTTracker

import perdure
from perdure.integrations.supervision import TrackConfirmer

rng = np.random.default_rng(2)
patch = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)

tracker = SORTTracker(minimum_consecutive_frames=1, track_activation_threshold=0.1)  # report everything, at once
confirm = TrackConfirmer(perdure.load("detections", image_size=(320, 240)))
for index in range(12):
    frame = rng.integers(110, 130, (240, 320, 3), dtype=np.uint8)
    frame[100:140, 60 + 2 * index : 90 + 2 * index] = patch
    boxes = [[60.0 + 2 * index, 100, 90 + 2 * index, 140]]
    if index in (2, 3):
        boxes.append([220.0, 40, 250, 80])  # a false alarm that lives two frames
    found = sv.Detections(xyxy=np.array(boxes), confidence=np.full(len(boxes), 0.8))
    reported = confirm.update(frame, tracker.update(found))
    print(f"frame {index}: reported {reported.tracker_id.tolist()}")
