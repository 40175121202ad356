#!/usr/bin/env bash
# Guess:  VideoFrame.from_ndarray(x, format="grayf32le").to_ndarray(format="gray16le") gives round(65535 x), as the way
#         back and the way to 8 bits do.
# Really: 8 % off. Float grey is taken for studio range and 16-bit grey for full range, so the values are stretched:
#         everything below 0.0617 becomes 0, everything above 0.9188 becomes 65535. 10, 12 and 14 bits do the same; 8
#         bits and the way back (16 bits to float) are exact, so a test of either finds nothing. src_color_range and
#         dst_color_range change nothing. Multiply in NumPy instead.
# Seen:   av 18.1.0 (FFmpeg 8 inside), av/video/reformatter.py, VideoReformatter._reformat, which leaves it to
#         libswscale; libswscale/utils.c, handle_jpeg lists gray8 to gray16 as full range but not grayf32. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import av
import numpy as np
from av.video.reformatter import ColorRange

values = (np.arange(1024, dtype=np.float32) / 1023).reshape(32, 32)
frame = av.VideoFrame.from_ndarray(values, format="grayf32le")


def worst_error(image, highest):
    return float(np.abs(image / highest - values).max())


print("av", av.__version__, "libswscale", av.library_versions["libswscale"])
errors = {}
for name, highest in (("gray", 255), ("gray10le", 1023), ("gray12le", 4095), ("gray14le", 16383), ("gray16le", 65535)):
    errors[name] = worst_error(frame.to_ndarray(format=name), highest)
    print(f"grayf32le -> {name:9s} worst error {100 * errors[name]:.2f} % of the range")
sixteen = frame.to_ndarray(format="gray16le")
print(f"zeros up to {values[sixteen == 0].max():.4f}, 65535 from {values[sixteen == 65535].min():.4f}")

exact = np.round(values * 65535).astype(np.uint16)
back = av.VideoFrame.from_ndarray(exact, format="gray16le").to_ndarray(format="grayf32le")
errors["back"] = worst_error(back, 1)
print(f"gray16le -> grayf32le worst error {100 * errors['back']:.4f} %")

for source in ColorRange.MPEG, ColorRange.JPEG:
    for target in ColorRange.MPEG, ColorRange.JPEG:
        told = frame.reformat(format="gray16le", src_color_range=source, dst_color_range=target)
        told = worst_error(told.to_ndarray(), 65535)
        print(f"grayf32le -> gray16le, {source.name} to {target.name}: {100 * told:.2f} %")
        errors[f"{source.name} to {target.name}"] = told

assert errors.pop("gray") < 0.0025 and errors.pop("back") < 1e-5
assert all(error > 0.08 for error in errors.values()), errors
PY
