#!/usr/bin/env bash
# Guess:  8-bit grey frames (infrared, depth, masks) written by libx264 as pix_fmt "gray" at qp 0 are lossless, so
#         reading them gives back the same levels.
# Really: the stream holds them exactly, but every ordinary way to read it stretches the contrast: levels up to 16
#         become 0, from 235 on 255, 220 levels are left, and the worst error is 20. The decoder hands out yuv420p
#         without a range, which means studio range, while the encoder took the frames as full range and did not say so.
#         The same call with libx265 is exact, since that decoder hands out "gray". Setting color_range to full (2) when
#         writing mends it.
# Seen:   av 18.1.0 and opencv-python-headless 5.0.0.93 (FFmpeg 8 inside): libavcodec/h264_slice.c, get_pixel_format
#         (monochrome becomes yuv420p); libavcodec/libx264.c (the range is written only if color_range says full);
#         libswscale/utils.c, handle_jpeg (gray is always full range). Also seen in JuliaIO/VideoIO.jl#283. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import av
import cv2
import numpy as np

av.logging.set_level(av.logging.ERROR)
RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def write(path, codec, options, color_range=None):
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 256, 64, "gray"
        if color_range is not None:
            stream.codec_context.color_range = color_range
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(RAMP, format="gray")
            if color_range is not None:
                frame.color_range = color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def worst_errors(path):
    """Largest error of PyAV and OpenCV, the format that PyAV decodes to, and how many levels are left."""
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    grey = frame.to_ndarray(format="gray")
    seen = cv2.VideoCapture(path).read()[1][..., 0]
    errors = [int(np.abs(image.astype(int) - RAMP).max()) for image in (grey, seen)]
    stored = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :256]
    return *errors, frame.format.name, len(np.unique(grey)), bool((stored == RAMP).all())


print("av", av.__version__, "opencv", cv2.__version__)
print("file                     PyAV  OpenCV  decoded as  levels  luma plane exact")
results = {}
for name, codec, options, color_range in (
    ("libx264 gray", "libx264", {"qp": "0"}, None),
    ("libx264 gray, range 2", "libx264", {"qp": "0"}, 2),
    ("libx265 gray", "libx265", {"x265-params": "lossless=1:log-level=none"}, None),
):
    write("grey.mp4", codec, options, color_range)
    results[name] = worst_errors("grey.mp4")
    print("{:24s} {:4d}  {:6d}  {:10s}  {:6d}  {}".format(name, *results[name]))
assert results["libx264 gray"] == (20, 20, "yuv420p", 220, True), results
assert results["libx264 gray, range 2"][:2] == (0, 0), results
assert results["libx265 gray"][:3] == (0, 0, "gray"), results
PY
