#!/usr/bin/env bash
# Guess:  frames of a network camera that sends JPEG pictures over HTTP (multipart/x-mixed-replace) have the time they
#         arrived as time stamp, or none.
# Really: they are counted at 25 frames/s whatever the camera sends, since the format has no times: at 8 frames/s the
#         frame that arrives 2.4 s after the first says 0.76 s, so speeds and delays worked out from frame.time are
#         three times too high. average_rate is None, guessed_rate says 25. The option use_wallclock_as_timestamps=1
#         gives times of arrival.
# Seen:   av 18.1.0 (FFmpeg 8 inside), libavformat/mpjpegdec.c, mpjpeg_read_header (time base 1/25, no time stamps).
#         2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
from PIL import Image

av.logging.set_level(av.logging.ERROR)
RATE, FRAMES = 8, 20


class Camera(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for index in range(10 * FRAMES):
                jpeg = io.BytesIO()
                Image.fromarray(np.full((64, 96, 3), index, np.uint8)).save(jpeg, "JPEG")
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {jpeg.tell()}\r\n\r\n".encode()
                self.wfile.write(head + jpeg.getvalue() + b"\r\n")
                time.sleep(1 / RATE)
        except OSError:
            pass  # the reader has seen enough

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
threading.Thread(target=server.serve_forever, daemon=True).start()


def watch(options):
    """Seconds from the first to the last of FRAMES frames by their time stamps, and the rates that PyAV tells."""
    with av.open(f"http://127.0.0.1:{server.server_port}/", options=options, timeout=30) as container:
        stream = container.streams.video[0]
        rates = stream.average_rate, stream.guessed_rate
        times = []
        for frame in container.decode(video=0):
            times.append(frame.time)
            if len(times) == FRAMES:
                return times[-1] - times[0], rates


print("av", av.__version__)
began = time.monotonic()
stamped, rates = watch({})
passed = time.monotonic() - began
wall, _ = watch({"use_wallclock_as_timestamps": "1"})
sent = (FRAMES - 1) / RATE
print(f"{FRAMES} frames in {sent:.2f} s: time stamps span {stamped:.2f} s, with the option {wall:.2f} s; rates {rates}")
assert abs(stamped - (FRAMES - 1) / 25) < 1e-6 and passed > 0.8 * sent, (stamped, passed)
assert wall > 0.6 * sent, wall
assert rates == (None, 25), rates
PY
