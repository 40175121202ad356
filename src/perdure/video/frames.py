"""What every source of frames offers: size, rate, and frames with time stamps, in order.

Does not know where frames come from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from jaxtyping import UInt8
from numpy import ndarray

MAX_PIXELS = 7680 * 4320
"""Larger frames (above 8K) are refused: a damaged header can ask for any amount of memory."""
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Files of a folder that are frames."""


class VideoFrame(NamedTuple):
    """One frame of a source.

    Args:
        frame_index: 0-based, without gaps.
        time_s: seconds since the first frame, strictly increasing.
        frame: uint8 RGB.
    """

    frame_index: int
    time_s: float
    frame: UInt8[ndarray, "h w 3"]


class VideoReader(ABC):
    """Frames of one source, once, in order; memory does not grow with their number.

    Args:
        frame_rate_hz: nominal frames per second; time stamps may say otherwise.
        width: of every frame, in pixels.
        height: of every frame, in pixels.
        num_frames: as the source states it, None if it states nothing.
    """

    is_live = False
    """Whether frames come at their own pace: then those that nobody fetched in time are dropped."""

    def __init__(self, *, frame_rate_hz: float, width: int, height: int, num_frames: int | None) -> None:
        self.frame_rate_hz, self.width, self.height, self.num_frames = frame_rate_hz, width, height, num_frames
        self.problem: str | None = None
        """One line on what went wrong after opening, None while nothing did; complete once iteration has ended."""
        self.num_dropped = 0
        """Frames that came while the one before was still being worked on."""
        self.grey_range: tuple[float, float] | None = None
        """Values that became black and white, of a source of more than 8 bits; None for ordinary pictures."""
        self._was_started = False

    def __iter__(self) -> Iterator[VideoFrame]:
        """Returns the frames.

        Raises:
            ValueError: they were read before; a source is read once.
        """
        if self._was_started:
            raise ValueError("video: got a second reading of one reader, expected one; call open_video again")
        self._was_started = True
        return self._frames()

    @abstractmethod
    def _frames(self) -> Iterator[VideoFrame]:
        """Yields all frames; ends early, with `problem` set, when the source breaks."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the source."""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
