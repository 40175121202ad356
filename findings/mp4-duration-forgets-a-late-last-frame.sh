#!/usr/bin/env bash
# Guess:  the duration of an mp4 reaches to its last frame. A camera that stalls before its last frame (19 frames at 25
#         frames/s, the 20th at 10 s) gives 10 s and about 2 frames/s.
# Really: with B-frames, which libx264 uses unless told otherwise, the file says 0.8 s and 25 frames/s, as if nothing
#         had stalled, in PyAV and in OpenCV. The late frame is there and decodes at 10.0 s. The duration is taken from
#         decoding times, and with reordering the latest decoding time is that of an earlier picture. Without B-frames
#         (bf=0) the very same frames give 10.04 s and 1.99 frames/s.
# Seen:   av 18.1.0 (FFmpeg 8 inside), libavformat/movenc.c, ff_mov_write_packet (track_duration is the last dts plus
#         its duration minus the first dts); opencv-python-headless 5.0.0.93 reports the same. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from fractions import Fraction

import av
import cv2
import numpy as np

av.logging.set_level(av.logging.ERROR)
TIMES_MS = [40 * index for index in range(19)] + [10_000]


def described(options):
    """Duration and rate as PyAV and OpenCV tell them, and the time of the last decoded frame, in seconds."""
    with av.open("stall.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time_ms in enumerate(TIMES_MS):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 10 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open("stall.mp4") as container:
        stream = container.streams.video[0]
        duration, rate = float(stream.duration * stream.time_base), float(stream.average_rate)
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == len(TIMES_MS)
    cv_rate = cv2.VideoCapture("stall.mp4").get(cv2.CAP_PROP_FPS)
    return round(duration, 3), round(rate, 2), round(cv_rate, 2), round(times[-1], 3)


print("av", av.__version__, "opencv", cv2.__version__)
with_b, without_b = described({}), described({"bf": "0"})
for name, seen in (("B-frames (as by default)", with_b), ("no B-frames", without_b)):
    print("{:25s} duration {:5.2f} s, {:5.2f} frames/s (OpenCV {:5.2f}), last frame at {} s".format(name, *seen))
assert with_b == (0.8, 25.0, 25.0, 10.0), with_b
assert without_b == (10.04, 1.99, 1.99, 10.0), without_b
PY
