"""Opens video files, image folders and cameras.

Files may be damaged or hostile: every failure is one line, reading stops at the first damage and keeps what came
before, and no file can make the decoder open another one.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from perdure.video.address import shown_address
from perdure.video.frames import MAX_PIXELS, VideoFrame, VideoReader
from perdure.video.image_folder import ImageFolderReader
from perdure.video.live import LiveReader
from perdure.video.shades import NUM_FIRST, Shades, is_deep, values_of

THREADED_PIXELS = 1280 * 720
"""Frames above this size are decoded by several threads. For smaller ones threads cost more than they give: on two
cores 768x432 H.264 ran at 238 frames/s with one thread and 143 with two, and CPU time rose by a third."""
FALLBACK_RATE_HZ = 25.0
"""Frame rate of a file that states none that can be."""
MAX_RATE_HZ = 1000.0
"""Higher stated frame rates are taken for damage."""
FILE_FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,ivf,m4v,h264,hevc,mjpeg,mpjpeg,mxf"
"""Containers of pixels only: play lists and scripts, which name other files, are left out."""
URL_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp", "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto", "rtmp": "rtmp,tcp",
    "udp": "udp,rtp", "srt": "srt,udp", "http": "http,tcp", "https": "https,http,tls,tcp,crypto",
}  # fmt: skip
"""Schemes that are taken, each with the protocols it may use."""
LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "udp", "srt")
"""Schemes whose frames cannot wait; what comes over HTTP is read in order, as a file, unless it is one of these:"""
LIVE_FORMATS = ("mpjpeg",)
"""What cameras send over HTTP without an end: one JPEG after the other, in parts."""
DECODING_ERRORS = (av.FFmpegError, OSError, ValueError)
"""What PyAV raises on damaged data."""
TIMEOUT_S = (5.0, 3.0)
"""Seconds to wait for a network source to open, and for each read."""


def open_video(
    source: Path | str, *, frame_rate_hz: float | None = None, grey_range: tuple[float, float] | None = None
) -> VideoReader:
    """Returns a reader of a video file, a folder of images, a URL (rtsp, rtmp, udp, srt, http) or /dev/videoN.

    Args:
        source: path or URL.
        frame_rate_hz: frames per second of an image folder (30 if left out); files and cameras state their own.
        grey_range: values that become black and white where grey pictures have more than 8 bits; by default the first
            frames say them.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it holds no video that can be decoded.
    """
    scheme = _url_scheme(str(source))
    if scheme is not None:
        return _open_url(str(source), scheme, grey_range)
    path = Path(source)
    if re.fullmatch(r"/dev/video\d+", str(path)):
        return LiveReader(
            lambda: StreamReader(str(path), container_format="v4l2", grey_range=grey_range), name=str(path)
        )
    if path.is_dir():
        return ImageFolderReader(path, frame_rate_hz=frame_rate_hz or 30.0, grey_range=grey_range)
    if not path.exists():
        raise FileNotFoundError(f"video: {shown_address(source)} does not exist")
    if path.stat().st_size == 0:
        raise ValueError(f"video: {path} is empty")
    # ffmpeg would take a name such as "a:b.mp4" for a protocol; an absolute path is never mistaken.
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    return StreamReader(str(path.absolute()), name=str(path), options=options, grey_range=grey_range)


def _url_scheme(source: str) -> str | None:
    match = re.match(r"([a-z][a-z0-9+.-]*)://", source, flags=re.IGNORECASE)
    return match.group(1).lower() if match else None


def _open_url(url: str, scheme: str, grey_range: tuple[float, float] | None) -> VideoReader:
    name = shown_address(url)
    if scheme not in URL_PROTOCOLS:
        raise ValueError(f"video: got {name}, expected a path or one of {', '.join(URL_PROTOCOLS)}")
    options = {"protocol_whitelist": URL_PROTOCOLS[scheme]}
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    if scheme not in LIVE_SCHEMES:
        options["format_whitelist"] = FILE_FORMATS

    def connect() -> StreamReader:
        return StreamReader(url, name=name, options=options, timeout=TIMEOUT_S, grey_range=grey_range)

    reader = connect()
    is_live = scheme in LIVE_SCHEMES or reader.format_name in LIVE_FORMATS
    return LiveReader(connect, name=name, first=reader) if is_live else reader


class StreamReader(VideoReader):
    """The first video stream of a file or URL, decoded by FFmpeg.

    The first frame is decoded at once, so that a file without one is refused when it is opened.

    Args:
        url: what FFmpeg opens.
        name: what messages call it.
        container_format: FFmpeg's name of the format where it cannot be guessed, as for cameras.
        options: of FFmpeg's input.
        timeout: seconds to wait for opening and for each read, None to wait for ever.
        grey_range: values that become black and white where grey pictures have more than 8 bits; None takes them from
            the first frames.

    Raises:
        ValueError: no video, or none that can be decoded.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        container_format: str | None = None,
        options: dict[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
        grey_range: tuple[float, float] | None = None,
    ) -> None:
        self._name = name or url
        start = time.monotonic()
        try:
            self._container = av.open(
                url, format=container_format, options=options or {}, timeout=timeout, metadata_errors="ignore"
            )
        except (av.FFmpegError, OSError, ValueError, UnicodeError) as error:
            is_late = timeout is not None and time.monotonic() - start >= timeout[0]  # FFmpeg calls it invalid data
            reason = f"no answer within {timeout[0]:g} s" if is_late and timeout else _reason(error)
            # Without what caused it, which names the address as it was given, passwords included.
            raise ValueError(f"video: {self._name} cannot be opened as video ({reason})") from None
        self.format_name: str = self._container.format.name
        self._num_hidden = self._num_repaired = 0
        self._shades = Shades(grey_range)
        try:
            self._stream = self._video_stream()
            self._decoded = self._decode()
            image = self._first_image()
        except Exception:
            self._container.close()
            raise
        self._first_pts, self._last_time_s, self._last_length_s = self._ahead[0].pts, 0.0, 0.0
        # The average rate of a stream copied into Matroska can be 30000 Hz; the guessed one looks at time stamps too.
        rate = float(self._stream.guessed_rate or self._stream.average_rate or 0)
        super().__init__(
            frame_rate_hz=rate if 0 < rate <= MAX_RATE_HZ else FALLBACK_RATE_HZ,
            width=image.shape[1],
            height=image.shape[0],
            num_frames=self._stream.frames or None,
        )
        self.grey_range = self._shades.range

    def _video_stream(self) -> Any:
        if not self._container.streams.video:
            raise ValueError(f"video: {self._name} holds no video stream")
        stream = self._container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise ValueError(f"video: {self._name} needs a decoder that is not installed")
        if context.width * context.height > MAX_PIXELS:
            raise ValueError(f"video: {self._name} has frames of {context.width}x{context.height}, expected at most 8K")
        stream.thread_type = "AUTO" if context.width * context.height > THREADED_PIXELS else "NONE"
        return stream

    def _decode(self) -> Iterator[Any]:
        """Yields decoded frames; at an error first those that the decoder still holds back, since it works ahead.

        Raises:
            FFmpegError, OSError, ValueError: from the demuxer or the decoder.
        """
        try:
            for packet in self._container.demux(self._stream):
                self._num_hidden += int(packet.is_discard)  # an edit list says not to show it
                yield from packet.decode()
        except DECODING_ERRORS:
            with suppress(*DECODING_ERRORS):
                yield from self._stream.decode(None)
            raise

    def _first_image(self) -> UInt8[np.ndarray, "h w 3"]:
        """Decodes the first frame, of deep grey pictures some more; returns it as it is shown."""
        self._ahead: deque[Any] = deque()
        try:
            self._ahead.append(next(self._decoded))
            if is_deep(self._ahead[0]):
                with suppress(*DECODING_ERRORS):  # comes again, or ends the reading, when these are used up
                    self._ahead.extend(islice(self._decoded, NUM_FIRST - 1))
                self._shades.learn([values_of(frame) for frame in self._ahead])
            return self._shown(self._ahead[0])
        except StopIteration:
            raise ValueError(f"video: {self._name} holds no frame that can be decoded") from None
        except DECODING_ERRORS as error:
            raise ValueError(f"video: {self._name} holds no frame that can be decoded ({_reason(error)})") from error

    def _shown(self, decoded: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the pixels as they are to be shown: phones store pictures lying, with a note on how to turn them."""
        is_ranged = self._shades.range is not None and is_deep(decoded)
        image = self._shades.shown(values_of(decoded)) if is_ranged else decoded.to_ndarray(format="rgb24")
        quarter_turns = round(decoded.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image

    def _frames(self) -> Iterator[VideoFrame]:
        frame_index = 0
        try:
            for decoded in self._all_decoded():
                self._num_repaired += int(decoded.is_corrupt)
                image = self._shown(decoded)
                if image.shape != (self.height, self.width, 3):
                    self.problem = (
                        f"video: {self._name} changes its frame size from {self.width}x{self.height} to "
                        f"{image.shape[1]}x{image.shape[0]} at frame {frame_index}; read up to there"
                    )
                    return
                yield VideoFrame(frame_index, 0.0 if frame_index == 0 else self._time_s(decoded), image)
                if decoded.duration and decoded.time_base is not None:
                    self._last_length_s = float(decoded.duration * decoded.time_base)
                frame_index += 1
        except DECODING_ERRORS as error:
            self.problem = f"video: {self._name} breaks off after {frame_index} frame(s) ({_reason(error)})"
            return
        self.problem = self._problem_at_end(frame_index)

    def _all_decoded(self) -> Iterator[Any]:
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._decoded

    def _time_s(self, decoded: Any) -> float:
        """Returns the time stamp of a frame; where it is missing or goes back, one frame after the last."""
        time_s = -1.0
        if decoded.pts is not None and self._first_pts is not None and decoded.time_base is not None:
            time_s = float((decoded.pts - self._first_pts) * decoded.time_base)
        if time_s <= self._last_time_s:
            time_s = self._last_time_s + 1.0 / self.frame_rate_hz
        self._last_time_s = time_s
        return time_s

    def _problem_at_end(self, num_read: int) -> str | None:
        """Returns what is wrong with a file that seemed to end well: the end of a cut file comes without an error."""
        problems = []
        num_shown = None if self.num_frames is None else self.num_frames - self._num_hidden
        if num_shown is not None and num_read < num_shown:
            problems.append(f"ends after {num_read} of {num_shown} frames")
        elif self.num_frames is None and self._missing_s() > 3.0 / self.frame_rate_hz:
            problems.append(f"ends {self._missing_s():.1f} s before its stated end")
        if self._num_repaired:
            problems.append(f"is damaged in {self._num_repaired} frame(s), which the decoder patched")
        return f"video: {self._name} {' and '.join(problems)}" if problems else None

    def _missing_s(self) -> float:
        """Returns the stated minus the read length in seconds, for files with nothing but video in them."""
        duration = self._container.duration
        if duration is None or len(self._container.streams) > 1:
            return 0.0
        # The stated end is that of the last frame, which is shown for long where a slow machine watched a camera.
        return float(duration / av.time_base) - self._last_time_s - max(self._last_length_s, 1.0 / self.frame_rate_hz)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split()).rstrip(".")
