"""What a watched stream writes for the page of `perdure monitor --watch`: its newest picture and its totals.

Files and no server: whoever looks on, however many they are, cannot hold up the camera.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray

from perdure.drawing.totals import StreamTotals
from perdure.files import write_bytes, write_json
from perdure.gate.results import GateResult
from perdure.live.outputs import NEWEST_PICTURE, NEWEST_STATE
from perdure.runs.record import timestamp
from perdure.video.jpeg import jpeg_bytes

logger = logging.getLogger(__name__)

INTERVAL_S = 0.2
"""Seconds between two pictures: enough to follow with the eye."""
MAX_WIDTH_PX = 1280
"""Of the picture."""


class LivePage:
    """Writes at most five times a second, from the thread that draws.

    Args:
        folder: must exist; files of an earlier stream in it are removed by `WatchOutputs`.
        source: what is watched, for people.
        clock: monotonic seconds.
    """

    def __init__(self, folder: Path, *, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._source, self._clock = folder, source, clock
        self._last_s, self._last_frame = float("-inf"), -1

    @property
    def is_due(self) -> bool:
        """Whether a frame that is drawn now would be written."""
        return self._clock() - self._last_s >= INTERVAL_S

    def show(self, canvas: UInt8[ndarray, "h w 3"], result: GateResult, totals: StreamTotals) -> None:
        """Writes a drawn frame, if it is time to; a disk that is full, or a picture that is too high, ends no stream.

        Args:
            canvas: what was drawn.
            result: of the gate for this frame.
            totals: of the stream up to it.
        """
        if not self.is_due:
            return
        now_s = self._clock()
        rate = (totals.frame_index - self._last_frame) / (now_s - self._last_s)  # 0 at first: since ever
        state = {
            "source": self._source,
            "time": timestamp(),
            **asdict(totals),
            "frames_per_s": round(rate, 1) if self._last_frame >= 0 else None,
            "drift": list(result.drift),
            "is_guaranteed": result.is_guaranteed,
        }
        self._last_s, self._last_frame = now_s, totals.frame_index
        try:
            write_bytes(self._folder / NEWEST_PICTURE, jpeg_bytes(canvas, max_width_px=MAX_WIDTH_PX), is_flushed=False)
            write_json(self._folder / NEWEST_STATE, state, is_flushed=False)
        except (OSError, ValueError) as error:
            logger.warning("page: %s cannot be written (%s)", self._folder, error)
