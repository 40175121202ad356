"""A camera on loopback that speaks RTSP, with H.264 in RTP over the same connection, and can fall silent.

RFC 2326 (RTSP), RFC 3550 (RTP), RFC 6184 (H.264 in RTP, single NAL unit packets).
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

import av
import numpy as np

RATE_HZ = 20
PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000


class RtspServer:
    """Serves the same frames to every client, then does what it was told.

    Args:
        frames: sent once per connection, at 20 frames per second.
        then: `silent` keeps the connection open and sends nothing more, `close` ends it.
        is_mute: never answers at all, not even the first request.
    """

    def __init__(self, frames: list[np.ndarray], *, then: str = "silent", is_mute: bool = False) -> None:
        self.units, self.then, self.is_mute = _h264(frames), then, is_mute
        self.num_connections = 0
        self._stop, self._threads = threading.Event(), list[threading.Thread]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._socket.getsockname()[1]}/camera"

    def __enter__(self) -> RtspServer:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Lets go of all clients and accepts no more."""
        self._stop.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._stop.is_set():
                client, _ = self._socket.accept()
                self.num_connections += 1
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.is_mute:
                self._stop.wait(30)
                return
            client.settimeout(0.2)
            received = b""
            while not self._stop.is_set():
                try:
                    chunk = client.recv(4096)
                except TimeoutError:
                    continue
                if not chunk:
                    return
                received += chunk
                while b"\r\n\r\n" in received:
                    request, received = received.split(b"\r\n\r\n", 1)
                    lines = request.decode().splitlines()
                    method, sequence = lines[0].split()[0], _header(lines, "cseq")
                    client.sendall(self._answer(method, sequence))
                    if method == "PLAY":
                        self._play(client)
                        if self.then == "close":
                            return

    def _answer(self, method: str, sequence: str) -> bytes:
        body, extra = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\nc=IN IP4 0.0.0.0\r\n"
                f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}\r\na=fmtp:{PAYLOAD_TYPE} packetization-mode=1\r\n"
                "a=control:track1\r\n"
            )
            extra = f"Content-Base: {self.url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        else:
            extra = "Session: 1\r\n"
        return f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}\r\n{body}".encode()

    def _play(self, client: socket.socket) -> None:
        number = 0
        for index, units in enumerate(self.units):
            for place, unit in enumerate(units):
                marker = 0x80 if place == len(units) - 1 else 0
                stamp = index * CLOCK_HZ // RATE_HZ
                packet = struct.pack("!BBHII", 0x80, marker | PAYLOAD_TYPE, number & 0xFFFF, stamp, 7) + unit
                client.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
                number += 1
            if self._stop.wait(1 / RATE_HZ):
                return


def _header(lines: list[str], name: str) -> str:
    return next(line.split(":", 1)[1].strip() for line in lines if line.lower().startswith(name + ":"))


def _h264(frames: list[np.ndarray]) -> list[list[bytes]]:
    """Returns the NAL units of every frame; all of them fit into one packet each."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt, encoder.framerate = "yuv420p", RATE_HZ
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": "repeat-headers=1:keyint=10:slices=1",
    }
    found = []
    for frame in frames:
        data = b"".join(bytes(packet) for packet in encoder.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        units = [unit.rstrip(b"\0") for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        assert all(len(unit) < 60_000 for unit in units)
        found.append(units)
    return found


def wait_until(is_true: object, timeout_s: float = 20.0) -> bool:
    """Returns whether something becomes true in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if is_true():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False
