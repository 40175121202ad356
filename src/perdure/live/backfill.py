"""Confirmed tracks from their birth on as MOT text in order of frames, written while the stream goes on.

A track that is confirmed now was there before, and its lines belong between those that are there. Nothing reaches back
further than histories do, so a line waits for that many frames and is then written: the file is always in order, and
neither it nor memory has to hold the stream.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from perdure.gate.history import HISTORY_FRAMES
from perdure.gate.results import GateResult
from perdure.types import NO_CLASS, Decision
from perdure.video.mot import MotBox


class BackfilledBoxes:
    """Writes the detected boxes of confirmed tracks, those before the decision too, `HISTORY_FRAMES` late.

    Args:
        write: takes text; `flush` is its last use.
        has_classes: whether boxes name the class of their track.
    """

    def __init__(self, write: Callable[[str], object], *, has_classes: bool = False) -> None:
        self._write, self._has_classes = write, has_classes
        self._waiting: list[MotBox] = []
        self._shown_index: dict[int, int] = {}

    def add(self, frame_index: int, result: GateResult) -> None:
        """Takes in one frame.

        Args:
            frame_index: 0-based frame of the source, where cameras drop some; histories count those that the gate saw.
            result: of the gate.
        """
        self._shown_index[result.frame_index] = frame_index
        self._shown_index.pop(result.frame_index - HISTORY_FRAMES, None)
        for decision in result.decisions:
            if decision.label == "persistent":
                self._add_history(decision)
        for track in result.tracks:
            if track.status == "persistent" and track.is_hit:
                self._put(frame_index, track.track_id, track.xyxy_px, track.probability, track.class_id)
        self._write_before(min(self._shown_index.values()))

    def flush(self) -> None:
        """Writes all that waits: the stream has ended."""
        while self._waiting:
            self._write(heapq.heappop(self._waiting).to_line())

    def _add_history(self, decision: Decision) -> None:
        if decision.history is None:
            return
        for index, box in zip(decision.history.frame_index.tolist(), decision.history.xyxy_px.tolist(), strict=True):
            if index < decision.frame_index and index in self._shown_index:
                x_min, y_min, x_max, y_max = box
                corners = (x_min, y_min, x_max, y_max)
                self._put(self._shown_index[index], decision.track_id, corners, decision.probability, decision.class_id)

    def _put(
        self,
        frame_index: int,
        track_id: int,
        xyxy_px: tuple[float, float, float, float],
        probability: float,
        class_id: int,
    ) -> None:
        # Ids from 1, since evaluators take 0 for none.
        box = MotBox(frame_index, track_id + 1, xyxy_px, probability, class_id if self._has_classes else NO_CLASS)
        heapq.heappush(self._waiting, box)

    def _write_before(self, frame_index: int) -> None:
        while self._waiting and self._waiting[0].frame_index < frame_index:
            self._write(heapq.heappop(self._waiting).to_line())
