"""Frames and boxes as plain arrays; what is confirmed goes on, what is rejected is never looked at again.

Run it as it is. The state of the gate is stored half-way and another gate goes on from it, as after a restart.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import perdure

rng = np.random.default_rng(1)
frames = rng.integers(90, 110, (16, 200, 200, 3), dtype=np.uint8)
patch = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
for index, frame in enumerate(frames):
    frame[80:104, 40 + index : 64 + index] = patch
boxes = [np.array([[40 + index, 80, 64 + index, 104]], float) for index in range(len(frames))]


def run(gate: perdure.PersistenceGate, first: int, last: int) -> None:
    for index in range(first, last):
        found = perdure.Detections(xyxy_px=boxes[index], score=np.ones(len(boxes[index])))
        result = gate.update(frames[index], found, time_s=index / 30)
        confirmed = [track.track_id for track in result.tracks if track.status == "persistent"]
        print(f"frame {index}: confirmed {confirmed}, encoded {result.num_encoded}")


with tempfile.TemporaryDirectory() as folder:
    state = Path(folder) / "gate.safetensors"
    gate = perdure.load(max_false_confirm=0.05, max_miss=0.05)
    run(gate, 0, 8)
    gate.save_state(state)
    again = perdure.load(max_false_confirm=0.05, max_miss=0.05)
    again.load_state(state)
    run(again, 8, 16)
