"""H.264 in MP4 that every browser plays, and that plays up to its last second if whoever writes it is killed."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
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
GROWING = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000", "flush_packets": "1"}
"""Options of a file that can be played while it grows: it is written in pieces of a second, each whole in itself."""


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
    """Writes frames of one size.

    While it grows the file can be played up to its last second or so, under its own name where the file system has
    hard links and under a name with a dot otherwise; that is what a killed process leaves. At the end of the `with`
    block, also after an error, it becomes an ordinary file with its length in front.

    Args:
        path: ends in .mp4; its folder must exist; an older file of that name is replaced by the first frame.
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
        self._frame_rate_hz, self._last_ticks, self._last_step = frame_rate_hz, -1, round(TICKS_PER_S / frame_rate_hz)
        self._shape: tuple[int, ...] | None = None
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self.num_frames = 0

    def __enter__(self) -> VideoWriter:
        self._growing = self._stack.enter_context(atomic_path(self._path))
        self._container = av.open(str(self._growing), "w", format="mp4", options=GROWING)
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
        ticks = max(round(time_s * TICKS_PER_S), self._last_ticks + 1)
        self._last_step = ticks - self._last_ticks if self.num_frames else self._last_step
        self._last_ticks = ticks
        picture.pts, picture.time_base = self._last_ticks, Fraction(1, TICKS_PER_S)
        self._container.mux(self._stream.encode(picture))
        self.num_frames += 1

    def _start(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        with suppress(OSError):  # a second name for what grows, where there can be one
            self._path.unlink(missing_ok=True)
            os.link(self._growing, self._path)
        rate = Fraction(self._frame_rate_hz).limit_denominator(1001)
        # Without B frames, since time stamps of decoding, which lag behind where there are some, give the length.
        options = {"crf": str(self._config.crf), "preset": self._config.preset, "bf": "0"}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.height, self._stream.width = (size + size % 2 for size in shape[:2])
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS_PER_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Completes the file; after an error it ends with the last frame that was written.

        Raises:
            ValueError: no frame was written, and there was no other error.
        """
        with self._stack as stack:
            if self._stream is None:
                self._container.close()
                cause = error or ValueError(f"video: {self._path} would have no frames")
                stack.pop_all().__exit__(type(cause), cause, trace)  # removes what was begun
                if error is None:
                    raise cause
                return
            try:
                self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()
            with atomic_path(self._growing) as whole:
                _with_length_in_front(self._growing, whole, last_step=self._last_step)


def _with_length_in_front(growing: Path, whole: Path, *, last_step: int) -> None:
    """Copies a file written in pieces into an ordinary one; nothing is compressed again.

    Args:
        growing: what was written.
        whole: where it goes.
        last_step: how long the last frame is shown, in ticks; the one before says it.
    """
    options = {"movflags": "faststart"}
    with av.open(str(growing)) as source, av.open(str(whole), "w", format="mp4", options=options) as to:
        stream = to.add_stream_from_template(source.streams.video[0])
        held: Any = None
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None:
                continue
            if held is not None:
                held.duration = packet.pts - held.pts
                to.mux(held)
            packet.stream, held = stream, packet
        if held is not None:
            held.duration = round(Fraction(last_step, TICKS_PER_S) / held.time_base)
            to.mux(held)
