"""Writes a small labelled MOT folder with a video: one square that moves along, and one false box."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perdure.video.writer import VideoWriter

NUM_FRAMES, SIDE, SIZE = 30, 10, (64, 96)
FALSE_FRAMES = (4, 5)


def left_of_square(frame_index: int) -> int:
    """Returns the left edge of the square."""
    return 10 + frame_index


def write_sequence(folder: Path, *, first_frame: int = 2, top: int = 20) -> Path:
    """Writes detections of a square from `first_frame` on and of nothing in `FALSE_FRAMES`; truth is the square."""
    (folder / "det").mkdir(parents=True)
    (folder / "gt").mkdir()
    detections, truth = [], []
    with VideoWriter(folder / "clip.mp4", frame_rate_hz=25) as writer:
        for index in range(NUM_FRAMES):
            frame = np.full((*SIZE, 3), 90, np.uint8)
            left = left_of_square(index)
            frame[top : top + SIDE, left : left + SIDE] = 220
            writer.write(frame)
            truth.append(f"{index + 1},1,{left},{top},{SIDE},{SIDE},1,1,1")
            if index >= first_frame:
                detections.append(f"{index + 1},-1,{left},{top},{SIDE},{SIDE},0.9,-1,-1,-1")
            if index in FALSE_FRAMES:
                detections.append(f"{index + 1},-1,70,48,{SIDE},{SIDE},0.8,-1,-1,-1")
    (folder / "det" / "det.txt").write_text("\n".join(detections) + "\n")
    (folder / "gt" / "gt.txt").write_text("\n".join(truth) + "\n")
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={folder.name}\nframeRate=25\nvideo=clip.mp4\n")
    return folder
