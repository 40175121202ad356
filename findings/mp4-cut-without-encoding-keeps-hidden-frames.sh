#!/usr/bin/env bash
# Guess:  an mp4 that was cut by copying packets (start between two key frames) has as many frames as its readers count,
#         and frame i of one reader is frame i of the other.
# Really: packets from the key frame to the cut stay in the file, hidden by an edit list. PyAV's stream.frames and
#         OpenCV's CAP_PROP_FRAME_COUNT count them, decoding does not show them. decord2 also counts them, but hands out
#         the visible frames from index 0 on and then repeats the last one until the count is reached, without a word.
#         Its time stamps belong to the hidden frames: half a second too early here for the picture of the same index.
# Seen:   av/stream.py, Stream.frames (nb_frames of the sample table); OpenCV cap_ffmpeg_impl.hpp, get_total_frames;
#         decord2 3.4.0 VideoReader.__getitem__ and get_frame_timestamp. av 18.1.0, opencv-python-headless 5.0.0.93.
#         2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 decord2==3.4.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from fractions import Fraction
from importlib.metadata import version

import av
import cv2
import decord
import numpy as np

av.logging.set_level(av.logging.ERROR)
FRAMES, CUT = 60, 13  # key frames at 0 and 30; the cut is before frame 13


def picture(index):
    return np.full((64, 96, 3), 4 * index, np.uint8)


def number(image):
    """Which of the written frames a decoded picture is."""
    return round(float(np.asarray(image).mean()) / 4)


with av.open("whole.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"g": "30", "qp": "4", "sc_threshold": "0"})
    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv444p"
    for index in range(FRAMES):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
    container.mux(stream.encode())

with av.open("whole.mp4") as source, av.open("cut.mp4", "w") as target:
    stream = source.streams.video[0]
    copy = target.add_stream_from_template(stream)
    offset = int(Fraction(CUT, 25) / stream.time_base)
    for packet in source.demux(stream):
        if packet.dts is not None:
            packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, copy
            target.mux(packet)

with av.open("cut.mp4") as container:
    counted = container.streams.video[0].frames
    shown = [number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
capture = cv2.VideoCapture("cut.mp4")
cv_counted, cv_shown = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0
while capture.grab():
    cv_shown += 1
reader = decord.VideoReader("cut.mp4")
indexed = [number(reader[index].asnumpy()) for index in range(len(reader))]
starts = [float(reader.get_frame_timestamp(index)[0]) for index in (0, CUT)]

print("av", av.__version__, "opencv", cv2.__version__, "decord2", version("decord2"))
print(f"PyAV    counts {counted}, shows {len(shown)}: frames {shown[0]} to {shown[-1]}")
print(f"OpenCV  counts {cv_counted}, shows {cv_shown}")
print(f"decord2 counts {len(reader)}: index 0 is frame {indexed[0]} at {starts[0]:.2f} s, "
      f"index {CUT} is frame {indexed[CUT]} at {starts[1]:.2f} s")
print("decord2, last indices:", indexed[44:])
assert (counted, len(shown)) == (cv_counted, cv_shown) == (FRAMES, FRAMES - CUT)
assert shown == list(range(CUT, FRAMES)), shown
assert indexed == shown + [FRAMES - 1] * CUT, indexed
assert abs(starts[0] + CUT / 25) < 1e-3 and abs(starts[1]) < 1e-3, starts
PY
