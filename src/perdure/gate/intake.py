"""What a gate looks at before tracks are linked: the time that went by, and whether the boxes can be of the picture."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from jaxtyping import UInt8

from perdure.gate.box_check import BoxCheck
from perdure.rewind import Rewindable
from perdure.tracking.tracker import Tracker
from perdure.types import Detections

logger = logging.getLogger(__name__)

MIN_STEPS = 5
"""Steps after which a stream has shown what is usual; before, only a step that no camera makes is a gap."""
GAP_RATIO, GAP_S, FIRST_GAP_S = 10.0, 1.0, 60.0
"""A step is a gap if it is longer than this many usual ones and this many seconds (the last: at the start of a stream).
What stood at a place so long ago says nothing about what is there now."""

SIZE_RATIO = 1.5
"""Pictures may be so many times as wide and high as those of calibration, or as small a part."""
SURE_OF_A_FRAME = 0.25
"""A step that falls short of a whole number of frames by no more than this is that many; others are jitter."""


@dataclass(slots=True)
class Pace(Rewindable):
    """Follows the time stamps of a stream."""

    _steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=31))
    _last_s: float | None = None
    _num_skipped: int = 0

    def skip(self, num_frames: int) -> None:
        """Takes in frames that nobody looks at."""
        self._num_skipped += num_frames

    def after(self, time_s: float | None) -> int | None:
        """Takes in the time stamp of the next frame; returns how many frames it is after the last, None after a gap.

        A camera that drops frames, or one whose rate varies, thus moves tracks on by as much as the time that went by.
        Skipped frames are not counted, and without time stamps every frame is one after the last.
        """
        num_skipped, self._num_skipped = self._num_skipped, 0
        last_s, self._last_s = self._last_s, time_s
        if time_s is None or last_s is None:
            return 1
        step_s = time_s - last_s
        usual_s = median(self._steps_s) * (1 + num_skipped) if len(self._steps_s) >= MIN_STEPS else 0.0
        longest_s = max(GAP_RATIO * usual_s, GAP_S) if usual_s > 0 else FIRST_GAP_S
        if abs(step_s) > longest_s:
            return None
        if step_s > 0:
            self._steps_s.append(step_s / (1 + num_skipped))
        if usual_s <= 0:
            return 1
        return max(1, int((1 + num_skipped) * step_s / usual_s + SURE_OF_A_FRAME) - num_skipped)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        last_s = np.nan if self._last_s is None else self._last_s
        numbers = {"last_s": np.array(last_s, np.float64), "num_skipped": np.array(self._num_skipped, np.int64)}
        return {"steps_s": np.array(self._steps_s, np.float64), **numbers}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Pace:
        """Returns the state that `to_arrays` described."""
        last_s = float(arrays["last_s"])
        pace = cls(_last_s=None if np.isnan(last_s) else last_s, _num_skipped=int(arrays["num_skipped"]))
        pace._steps_s.extend(arrays["steps_s"].tolist())
        return pace


@dataclass(slots=True)
class Intake(Rewindable):
    """Ends the tracks of a stream over a gap in time, moves them on over lost frames, and warns of wrong boxes.

    Args:
        image_size: width and height in pixels, for streams without frames.
        pace: of the stream.
        boxes: what is known about its boxes.
        known_sizes: widths and heights that a promise was calibrated on; empty where there is none.

    Raises:
        ValueError: the size is of no picture, or of none like those that are known.
    """

    image_size: tuple[int, int] | None = None
    pace: Pace = field(default_factory=Pace)
    boxes: BoxCheck = field(default_factory=BoxCheck)
    known_sizes: tuple[tuple[int, int], ...] = ()
    _frame_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        size = self.image_size
        if size is not None and not (len(size) == 2 and min(size) > 0 and np.isfinite(size).all()):
            raise ValueError(f"image_size: got {size}, expected width and height in pixels, both above 0")
        if size is not None:
            self._require_known(size, "image_size")

    def _require_known(self, size: tuple[int, int], what: str) -> None:
        """Refuses pictures that a promise was not calibrated on: swapped sides, another scale, another camera."""
        ratios = [
            [max(got / one, one / got) for got, one in zip(size, known, strict=True)] for known in self.known_sizes
        ]
        if ratios and min(map(max, ratios)) > SIZE_RATIO:
            known = ", ".join(f"{width} x {height}" for width, height in self.known_sizes[:3])
            raise ValueError(
                f"{what}: got pictures of {size[0]} x {size[1]}, calibrated on {known}; the promise is not for these, "
                "calibrate again"
            )

    def fresh(self) -> Intake:
        """Returns what another stream begins with."""
        return Intake(self.image_size, known_sizes=self.known_sizes)

    def size_of(self, frame: UInt8[np.ndarray, "h w 3"] | None, *, reads_pixels: bool) -> tuple[int, int] | None:
        """Returns width and height of the picture, None where there is none and the size was not given.

        Args:
            frame: pixels, if there are any.
            reads_pixels: whether they are looked at; of other frames only the size counts.

        Raises:
            ValueError: it is no picture, or of another size than those before it.
        """
        if frame is None:
            return self.image_size
        is_picture = frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8 if reads_pixels else True
        if not is_picture or frame.ndim < 2 or not frame.size:
            got = f"{frame.dtype} of shape {frame.shape}"
            raise ValueError(f"frame: got {got}, expected uint8 (height, width, 3), RGB")
        size = (frame.shape[1], frame.shape[0])
        if self._frame_size not in (None, size):
            raise ValueError(
                f"frame: got width and height {size}, expected {self._frame_size} as before; scale the frames of a "
                "stream alike, or reset the gate where another stream begins"
            )
        if self._frame_size is None:
            self._require_known(size, "frame")
        self._frame_size = size
        return size

    def begin(
        self, tracker: Tracker, detections: Detections, image_size: tuple[int, int] | None, time_s: float | None
    ) -> bool:
        """Takes in a frame; returns whether a gap has ended all tracks.

        Raises:
            ValueError: these are no detections.
        """
        if not isinstance(detections, Detections):
            raise ValueError(
                f"detections: got {type(detections).__module__}.{type(detections).__name__}, expected "
                "perdure.Detections; from_supervision, from_ultralytics and from_rfdetr make some of those of others"
            )
        if image_size is not None:
            problem = self.boxes.see(detections, image_size)
            if problem is not None:
                logger.warning("%s", problem)
        num_frames = self.pace.after(time_s)
        if num_frames is None:
            tracker.end_all()
            return True
        tracker.move_on(num_frames - 1)
        return False

    def skip(self, tracker: Tracker, num_frames: int) -> None:
        """Moves tracks on over frames that are not looked at.

        Raises:
            ValueError: the number is below 1.
        """
        if num_frames < 1:
            raise ValueError(f"num_frames: got {num_frames}, expected at least 1")
        self.pace.skip(num_frames)
        tracker.skip(num_frames)
