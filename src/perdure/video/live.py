"""Cameras and other live sources: always the newest frame, and a new connection when the old one breaks.

A thread decodes as fast as frames come and keeps only the newest, since a queue in front of a slow consumer would
fall further behind with every frame.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from jaxtyping import UInt8
from numpy import ndarray

from perdure.video.frames import VideoFrame, VideoReader

MAX_FAILURES = 6
"""Connections that may fail one after the other before the source is given up (about a minute)."""
FIRST_DELAY_S, MAX_DELAY_S = 1.0, 30.0
"""Pause after the first failed connection; it doubles with each further one, up to the second value."""


class LiveReader(VideoReader):
    """The newest frame of a source that does not wait.

    Args:
        connect: opens the source; called again after every break.
        name: what messages call it.
        first: an open connection to begin with.
        clock: seconds that never go back; time stamps are its readings, since those of a camera start anew with
            every connection.

    Raises:
        ValueError: the first connection fails.
    """

    is_live = True

    def __init__(
        self,
        connect: Callable[[], VideoReader],
        *,
        name: str,
        first: VideoReader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect, self._name, self._clock = connect, name, clock
        first = self._first = first or connect()
        super().__init__(frame_rate_hz=first.frame_rate_hz, width=first.width, height=first.height, num_frames=None)
        self.grey_range = first.grey_range
        self._newest: tuple[float, UInt8[ndarray, "h w 3"]] | None = None
        self._changed, self._stop = threading.Condition(), threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._receive, args=(first,), name="live-reader", daemon=True)

    def _frames(self) -> Iterator[VideoFrame]:
        self._thread.start()
        frame_index, first_time_s, last_time_s = 0, 0.0, -1.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._is_over)
                newest, self._newest = self._newest, None
            if newest is None:
                return
            time_s, frame = newest
            first_time_s = time_s if frame_index == 0 else first_time_s
            last_time_s = max(time_s - first_time_s, last_time_s + 1e-6)
            yield VideoFrame(frame_index, last_time_s, frame)
            frame_index += 1

    def _receive(self, reader: VideoReader | None) -> None:
        """Runs in the thread: keeps the newest frame of one connection after the other."""
        num_failures, reason = 0, ""
        while not self._stop.is_set() and num_failures < MAX_FAILURES:
            if reader is not None:
                num_failures = 0 if self._receive_from(reader) else num_failures + 1
                reason, reader = reader.problem or "no more frames", None
            else:
                self._stop.wait(min(FIRST_DELAY_S * 2.0**num_failures, MAX_DELAY_S))
                try:
                    reader = self._connect()
                except (ValueError, OSError) as error:
                    reason, num_failures = str(error), num_failures + 1
        with self._changed:
            if not self._stop.is_set():
                self.problem = f"video: {self._name} gave no frame in {MAX_FAILURES} connections ({reason})"
            self._is_over = True
            self._changed.notify_all()

    def _receive_from(self, reader: VideoReader) -> bool:
        """Keeps the newest frame until the connection breaks; returns whether there was one at all."""
        has_frames = False
        with reader:
            if (reader.width, reader.height) != (self.width, self.height):
                reader.problem = f"frame size changed to {reader.width}x{reader.height}"
                return False
            for _, _, frame in reader:
                if self._stop.is_set():
                    break
                has_frames = True
                with self._changed:
                    self.num_dropped += int(self._newest is not None)
                    self._newest = (self._clock(), frame)
                    self._changed.notify_all()
        return has_frames

    def close(self) -> None:
        """Stops receiving; a frame that is still being waited for is not waited for any longer."""
        self._stop.set()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        else:
            self._first.close()
