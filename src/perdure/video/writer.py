"""H.264 in MP4 that every browser plays."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from perdure.files import atomic_path

TICKS_PER_S = 90_000
"""Resolution of time stamps: the usual one of video, so that uneven frame times are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriterConfig:
    """How video is compressed."""

    crf: int = 23
    """Constant quality of x264: 0 is lossless, 51 worst; 18 looks like the original."""
    preset: str = "veryfast"
    """Speed of x264: slower presets give smaller files of the same quality."""

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf: got {self.crf}, expected 0 to 51")


class VideoWriter:
    """Writes frames of one size; the file appears under its name only when it is complete.

    Use it in a `with` block: an error inside leaves the old file, or none, in place.

    Args:
        path: ends in .mp4; its folder must exist.
        frame_rate_hz: nominal frames per second.
        config: compression.

    Raises:
        ValueError: the rate is not positive, or the name does not end in .mp4.
    """

    def __init__(self, path: Path | str, *, frame_rate_hz: float, config: WriterConfig | None = None) -> None:
        self._path, self._config = Path(path), config or WriterConfig()
        if not 0 < frame_rate_hz < TICKS_PER_S:
            raise ValueError(f"frame_rate_hz: got {frame_rate_hz}, expected above 0 and below {TICKS_PER_S}")
        if self._path.suffix.lower() != ".mp4":
            raise ValueError(f"video: got {self._path}, expected a name that ends in .mp4")
        self._frame_rate_hz, self._last_ticks = frame_rate_hz, -1
        self._shape: tuple[int, ...] | None = None
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self.num_frames = 0

    def __enter__(self) -> VideoWriter:
        temporary = self._stack.enter_context(atomic_path(self._path))
        self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"})
        return self

    def write(self, frame: UInt8[np.ndarray, "h w 3"], *, time_s: float | None = None) -> None:
        """Appends a frame; odd sizes are padded by one row or column, since H.264 halves the colour planes.

        Args:
            frame: uint8 RGB, of the size of the first one.
            time_s: when it is shown, in seconds after the first; left out it follows at the nominal rate.

        Raises:
            ValueError: the frame has another size than the first, or is not uint8 RGB.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frame: got {frame.dtype} {frame.shape}, expected uint8 [height, width, 3]")
        if self._shape is None:
            self._start(frame.shape)
        if frame.shape != self._shape:
            raise ValueError(f"frame {self.num_frames}: got shape {frame.shape}, expected {self._shape} as the first")
        odd = [(0, size % 2) for size in frame.shape[:2]]
        if any(after for _, after in odd):
            frame = np.pad(frame, [*odd, (0, 0)], mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        time_s = self.num_frames / self._frame_rate_hz if time_s is None else time_s
        self._last_ticks = max(round(time_s * TICKS_PER_S), self._last_ticks + 1)
        picture.pts, picture.time_base = self._last_ticks, Fraction(1, TICKS_PER_S)
        self._container.mux(self._stream.encode(picture))
        self.num_frames += 1

    def _start(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        rate = Fraction(self._frame_rate_hz).limit_denominator(1001)
        options = {"crf": str(self._config.crf), "preset": self._config.preset}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.height, self._stream.width = (size + size % 2 for size in shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS_PER_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the file and gives it its name.

        Raises:
            ValueError: no frame was written.
        """
        if kind is None and self._stream is None:
            error = ValueError(f"video: {self._path} would have no frames")
            self._container.close()
            self._stack.__exit__(ValueError, error, None)
            raise error
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
