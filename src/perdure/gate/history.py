"""Where undecided tracks were detected, so that a confirmed one can be reported from its birth on.

What is confirmed is reported as it comes, and needs no history. What is rejected loses it: a rejected track that is
confirmed later was mostly on nothing before, and counts as born when it is opened again. Nothing is older than
`HISTORY_FRAMES`, so that memory does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from perdure.gate.memory import TrackMemory
from perdure.rewind import Rewindable
from perdure.stopping.rules import MAX_HORIZON
from perdure.types import TrackFrame, TrackHistory

HISTORY_FRAMES = MAX_HORIZON
"""Frames up to which a history reaches back, the latest one included: no rule leaves a track undecided for longer."""
_COLUMNS = 6
"""Frame, four corners, score."""


class BoxHistory(Rewindable):
    """The detected boxes of all undecided tracks, and the latest one of rejected ones."""

    def __init__(self) -> None:
        self._rows: dict[int, deque[list[float]]] = {}

    def see(self, tracks: TrackFrame, memories: Mapping[int, TrackMemory]) -> None:
        """Takes in a frame; what was confirmed before is forgotten, and what was deleted before as well."""
        kept = {key: self._rows[key] for key in tracks.deleted_track_id.tolist() if key in self._rows}
        oldest = tracks.frame_index - HISTORY_FRAMES
        boxes = np.column_stack([tracks.xyxy_px, tracks.score]).tolist()
        for track_id, is_hit, box in zip(tracks.track_id.tolist(), tracks.is_hit.tolist(), boxes, strict=True):
            memory = memories[track_id]
            if memory.status == "persistent":
                continue
            rows = kept[track_id] = deque() if memory.status == "transient" else self._rows.get(track_id, deque())
            if is_hit:
                rows.append([tracks.frame_index, *box])
            while rows and rows[0][0] <= max(oldest, memory.first_frame + memory.opened_age - 2):
                rows.popleft()
        self._rows = kept

    def of(self, track_id: int) -> TrackHistory:
        """Returns where a track was detected; nothing if it was confirmed before the latest frame."""
        values = np.array(self._rows.get(track_id, ()), dtype=np.float64).reshape(-1, _COLUMNS)
        return TrackHistory(frame_index=values[:, 0].astype(np.int64), xyxy_px=values[:, 1:5], score=values[:, 5])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all histories by name, one row a box."""
        named = [(track_id, row) for track_id, own in self._rows.items() for row in own]
        return {
            "track_id": np.array([track_id for track_id, _ in named], dtype=np.int64),
            "rows": np.array([row for _, row in named], dtype=np.float64).reshape(-1, _COLUMNS),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> BoxHistory:
        """Returns the histories that `to_arrays` described; none at all for states stored before there were any."""
        history = cls()
        if arrays:
            for track_id, row in zip(arrays["track_id"].tolist(), arrays["rows"].tolist(), strict=True):
                history._rows.setdefault(track_id, deque()).append(row)
        return history
