"""What a gate looks at before tracks are linked: the time that went by, and whether the boxes can be of the picture."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from perdure.gate.box_check import BoxCheck
from perdure.gate.pace import Pace
from perdure.tracking.tracker import Tracker
from perdure.types import Detections

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Intake:
    """Ends the tracks of a stream over a gap in time, moves them on over lost frames, and warns of wrong boxes.

    Args:
        pace: of the stream.
        boxes: what is known about its boxes.
    """

    pace: Pace = field(default_factory=Pace)
    boxes: BoxCheck = field(default_factory=BoxCheck)

    def begin(
        self, tracker: Tracker, detections: Detections, image_size: tuple[int, int] | None, time_s: float | None
    ) -> bool:
        """Takes in a frame; returns whether a gap has ended all tracks."""
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
