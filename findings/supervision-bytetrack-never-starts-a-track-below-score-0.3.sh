#!/usr/bin/env bash
# Guess:  `track_activation_threshold` says from which score on a box may start a track ("boxes above it"): at 0.1 a
#         steady box of score 0.28 is tracked from its second frame on.
# Really: the second box of a new track must reach overlap times score of 0.3, a number that no setting reaches. A box
#         that stands perfectly still at score 0.28 is never tracked in 100 frames, whatever the threshold; at 0.32 it
#         is. Lower even loses: boxes above the threshold need overlap times score of 0.2, those below it overlap alone,
#         so a confirmed track whose scores fall to 0.12 is followed at the default of 0.25 and lost at once at 0.1.
#         Scores of 0.2 handed over as 0.5 + score / 2 give tracks, the very same boxes with their own scores none.
# Seen:   supervision 0.30.0 (the last with this tracker), supervision/tracker/byte_tracker/core.py, "Deal with
#         unconfirmed tracks": fuse_score, then linear_assignment(thresh=0.7). ByteTrack of boxmot 25.0.0 does the same;
#         that of ultralytics 8.4 unless fuse_score is set to False. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile supervision==0.30.0 numpy==2.3.5
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import supervision as sv

BOX = np.array([[100.0, 100.0, 160.0, 180.0]])
OTHER = np.array([[300.0, 100.0, 360.0, 180.0]])


def tracked(scores, threshold=0.1):
    """Frames on which a box that stands still is tracked, beside another of score 0.9."""
    tracker = sv.ByteTrack(track_activation_threshold=threshold, minimum_consecutive_frames=1)
    count = 0
    for frame, score in enumerate(scores):
        # It comes on the third frame: on the very first one every box is a track.
        boxes, given = (np.vstack([OTHER, BOX]), [0.9, score]) if frame >= 2 else (OTHER, [0.9])
        found = sv.Detections(xyxy=boxes, confidence=np.array(given), class_id=np.zeros(len(boxes), int))
        count += int((tracker.update_with_detections(found).xyxy[:, 0] == BOX[0, 0]).sum())
    return count


print("supervision", version("supervision"))
for threshold in (0.01, 0.1, 0.15):
    print(f"threshold {threshold}: of 100 frames tracked at", {s: tracked([s] * 102, threshold) for s in (0.28, 0.29, 0.32)})
assert [tracked([s] * 102, t) for t in (0.01, 0.1, 0.15) for s in (0.28, 0.29)] == [0] * 6
assert tracked([0.32] * 102) == 99
weak = {t: tracked([0.9] * 5 + [0.12] * 97, t) for t in (0.1, 0.25)}
print("three strong boxes, then 97 of score 0.12: frames tracked by threshold", weak)
assert weak == {0.1: 2, 0.25: 99}
print("score 0.2 as it is:", tracked([0.2] * 102), "frames; handed over as 0.6:", tracked([0.6] * 102, 0.4))
assert tracked([0.2] * 102) == 0 and tracked([0.6] * 102, 0.4) == 99
print("still so: no threshold lets a weak box start a track")
PY
