#!/usr/bin/env bash
# Guess:  frames encoded with rate=25 and a codec time base of 1 ms (for real time stamps) stay a 25 frames/s video,
#         also when packets are copied from mp4 to mkv by add_stream_from_template.
# Really: the copy says 1000 frames/s: average_rate and OpenCV's CAP_PROP_FPS are 1000, OpenCV's frame count is 2400 for
#         60 frames. libx264 writes the time base, not the rate, into the H.264 header. Nothing shows that as long as
#         the container knows better: mp4 by its table of samples, mkv by the rate of the encoder. The template carries
#         codec parameters but no rate, so the copied mkv has none and readers believe the header. Time stamps,
#         base_rate and guessed_rate are right.
# Seen:   av/container/output.py, OutputContainer.add_stream_from_template (takes codecpar and time_base, no rate);
#         libavcodec/libx264.c, X264_init (i_timebase, b_vfr_input). av 18.1.0, opencv-python-headless 5.0.0.93.
#         2026-11-30.
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


def encode(name):
    with av.open(name, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(60):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 4 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 40 * index, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def copy(source_name, name):
    with av.open(source_name) as source, av.open(name, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


encode("encoded.mp4")
encode("encoded.mkv")
copy("encoded.mp4", "copied.mp4")
copy("encoded.mp4", "copied.mkv")
print("av", av.__version__, "opencv", cv2.__version__)
seen = {}
for name in ("encoded.mp4", "encoded.mkv", "copied.mp4", "copied.mkv"):
    with av.open(name) as container:
        stream = container.streams.video[0]
        rates = float(stream.average_rate), float(stream.guessed_rate)
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 60 and np.allclose(np.diff(times), 0.04), times
    capture = cv2.VideoCapture(name)
    seen[name] = *rates, capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    line = "{:12s} average_rate {:6.1f}, guessed_rate {:4.1f}, OpenCV {:6.1f} frames/s, {:4d} frames"
    print(line.format(name, *seen[name]))
assert seen.pop("copied.mkv") == (1000.0, 25.0, 1000.0, 2400), seen
assert set(seen.values()) == {(25.0, 25.0, 25.0, 60)}, seen
PY
