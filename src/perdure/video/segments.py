"""Video in pieces: a new file every so often, named after when it began, and old ones removed.

What watches a camera for months can neither keep one file nor all of them. Each piece is whole once the next has begun;
a process that is killed leaves the last one as `VideoWriter` leaves its file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

from perdure.video.writer import VideoWriter, WriterConfig

_STAMP = "%Y-%m-%dT%H-%M-%SZ"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(-\d+)?\.mp4")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
LEAST_S = 1.0
"""No piece is shorter, and none is removed sooner."""


def seconds_of(text: str) -> float:
    """Returns a length of time such as `90s`, `10m`, `12h` or `7d` in seconds; a plain number counts seconds.

    Raises:
        ValueError: it is none, or shorter than a second.

    >>> seconds_of("10m"), seconds_of("7d"), seconds_of("90")
    (600.0, 604800.0, 90.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None or (seconds := float(match[1]) * _UNITS.get(match[2], 1.0)) < LEAST_S:
        raise ValueError(f"got '{text}', expected a time of a second or more, such as 90s, 10m, 12h or 7d")
    return seconds


class SegmentedWriter:
    """Writes frames as `VideoWriter` does, into one file after the other.

    Args:
        folder: for the files; it must exist. Only files named as these are ever removed from it.
        segment_s: seconds of the stream after which another file begins.
        keep_s: seconds after its beginning from which on a file may be removed; None keeps all.
        frame_rate_hz: nominal frames per second.
        config: compression.
        clock: the time of day, in UTC.

    Raises:
        ValueError: a time is shorter than a second.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_s: float,
        keep_s: float | None = None,
        frame_rate_hz: float,
        config: WriterConfig | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        for name, value in (("segment", segment_s), ("keep", keep_s)):
            if value is not None and not value >= LEAST_S:
                raise ValueError(f"{name}: got {value} s, expected {LEAST_S:g} s or more")
        self._folder, self._segment_s, self._keep_s, self._clock = folder, segment_s, keep_s, clock
        self._frame_rate_hz, self._config = frame_rate_hz, config
        self._stack, self._start_s = ExitStack(), 0.0
        self._writer: VideoWriter | None = None
        self.paths: list[Path] = []
        """Files so far, those that were removed left out."""

    def __enter__(self) -> SegmentedWriter:
        return self

    def write(self, frame: UInt8[np.ndarray, "h w 3"], *, time_s: float) -> None:
        """Appends a frame, to a new file where it is time for one.

        Args:
            frame: uint8 RGB, of the size of the first one.
            time_s: seconds after the first frame of the stream.

        Raises:
            ValueError: as `VideoWriter.write`.
        """
        if self._writer is None or time_s - self._start_s >= self._segment_s:
            self._writer = self._begun(time_s)
        self._writer.write(frame, time_s=time_s - self._start_s)

    def _begun(self, time_s: float) -> VideoWriter:
        """Completes the file so far and returns what writes the next."""
        self._stack.close()
        path, number = self._folder / f"{self._clock().strftime(_STAMP)}.mp4", 1
        while path.exists():
            number += 1
            path = self._folder / f"{self._clock().strftime(_STAMP)}-{number}.mp4"
        self._start_s = time_s
        self.paths.append(path)
        self._remove_old()
        return self._stack.enter_context(VideoWriter(path, frame_rate_hz=self._frame_rate_hz, config=self._config))

    def _remove_old(self) -> None:
        """Removes files that began too long ago, those of an earlier process among them."""
        if self._keep_s is None:
            return
        oldest = self._clock() - timedelta(seconds=self._keep_s)
        for path in self._folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and path != self.paths[-1] and datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC) < oldest:
                path.unlink(missing_ok=True)
                self.paths = [one for one in self.paths if one != path]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the last file."""
        self._stack.__exit__(kind, error, trace)
