"""A camera that serves JPEG after JPEG over HTTP without an end, as many cheap ones do."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from video.moving_square import square_frames

PAUSE_S = 0.03


class _Camera(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        frames = [_jpeg(frame) for frame in square_frames(40)]
        stopped: threading.Event = self.server.stopped  # type: ignore[attr-defined]
        while not stopped.is_set():
            for jpeg in frames:
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                try:
                    self.wfile.write(head + jpeg + b"\r\n")
                except OSError:
                    return
                if stopped.wait(PAUSE_S):
                    return


def _jpeg(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG")
    return file.getvalue()


@contextmanager
def mjpeg_camera() -> Iterator[str]:
    """Yields an address without the path, which may be any."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Camera)
    server.stopped = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.stopped.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()
