#!/usr/bin/env bash
# Guess:  writing the same frames as a fragmented mp4 (movflags frag_keyframe+empty_moov, the usual choice for live
#         video) changes how the file is laid out, and no time stamps.
# Really: all frames come 80 ms late (two frames at 25 frames/s): the first, written with pts 0, is read at 0.08 s.
#         B-frames need decoding times before 0; a plain mp4 hides that with an edit list, but the header of a
#         fragmented one is written before the delay is known, so everything moves. Boxes stored by time no longer fit.
#         delay_moov, or no B-frames, keeps 0.
# Seen:   av 18.1.0 (FFmpeg 8 inside): libavformat/movenc.c, mov_init (empty_moov without delay_moov turns use_editlist
#         off and makes time stamps start at zero). 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import av
import numpy as np

av.logging.set_level(av.logging.ERROR)


def times(movflags, options):
    with av.open("clip.mp4", "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open("clip.mp4") as container:
        return [round(frame.time, 3) for frame in container.decode(video=0)]


print("av", av.__version__)
first = {}
for movflags in ("", "frag_keyframe+empty_moov", "frag_keyframe+empty_moov+delay_moov"):
    for name, options in (("B-frames", {}), ("no B-frames", {"bf": "0"})):
        read = times(movflags, options)
        first[movflags, name] = read[0]
        assert np.allclose(np.diff(read), 0.04), read
        print(f"{movflags or 'plain mp4':37s} {name:12s} written from 0.00 s on, read from {read[0]:.2f} s on")
assert first.pop(("frag_keyframe+empty_moov", "B-frames")) == 0.08
assert set(first.values()) == {0.0}, first
PY
