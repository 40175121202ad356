#!/usr/bin/env bash
# Guess:  subtractor.apply(frame, known) tells MOG2 which pixels are foreground; help() shows apply(image,
#         knownForegroundMask[, fgmask[, learningRate]]).
# Really: the call fits the older overload apply(image[, fgmask[, learningRate]]) as well, and that one is tried first:
#         the mask is taken for the place of the output and is overwritten, nothing is masked, and the object is learnt
#         as background. No warning. apply(frame, knownForegroundMask=known) or apply(frame, known, None, rate) does
#         what is meant, so adding an argument changes what the second one is.
# Seen:   opencv-python-headless 5.0.0.93 (4.14.0.94 too): modules/video/include/opencv2/video/background_segm.hpp, the
#         two overloads of BackgroundSubtractorMOG2::apply; the Python bindings try overloads in order. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import cv2
import numpy as np

OBJECT = slice(10, 20), slice(10, 20)


def watch(call):
    """Mean mask and background at a bright object that stands in frames 20 to 119, and whether `known` survived."""
    rng = np.random.default_rng(1)
    subtractor = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    for index in range(120):
        frame = (100 + rng.normal(0, 3, (40, 60))).clip(0, 255).astype(np.uint8)
        known = np.zeros((40, 60), np.uint8)
        if index >= 20:
            frame[OBJECT], known[OBJECT] = 180, 255
        given = known.copy()
        mask = call(subtractor, frame, known)
    background = subtractor.getBackgroundImage()[OBJECT].mean()
    return float(mask[OBJECT].mean()), round(float(background)), bool(np.array_equal(known, given))


print("opencv", cv2.__version__)
calls = {
    "apply(frame, known, learningRate=0.05)": lambda s, f, k: s.apply(f, k, learningRate=0.05),
    "apply(frame, knownForegroundMask=known, learningRate=0.05)":
        lambda s, f, k: s.apply(f, knownForegroundMask=k, learningRate=0.05),
    "apply(frame, known, None, 0.05)": lambda s, f, k: s.apply(f, k, None, 0.05),
}
seen = []
for name, call in calls.items():
    seen.append(watch(call))
    print(f"{name:59s} object in mask {seen[-1][0]:5.0f}, background there {seen[-1][1]}, known intact {seen[-1][2]}")
assert seen[0] == (0.0, 180, False), seen
assert all(mask == 255.0 and background < 105 and intact for mask, background, intact in seen[1:]), seen
PY
