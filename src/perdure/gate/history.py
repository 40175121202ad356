"""Where undecided tracks were detected, so that a confirmed one can be reported from its birth on.

What is confirmed is reported as it comes, and needs no history. What is rejected loses it: a rejected track that is
confirmed later was mostly on nothing before, and counts as born when it is opened again. Nothing is older than
`HISTORY_FRAMES`, so that memory does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from perdure.gate.memory import PERSISTENT, TRANSIENT, TrackMemories
from perdure.rewind import Rewindable
from perdure.rows import places_of
from perdure.stopping.rules import MAX_HORIZON
from perdure.types import TrackFrame, TrackHistory

HISTORY_FRAMES = MAX_HORIZON
"""Frames up to which a history reaches back, the latest one included: no rule leaves a track undecided for longer."""
_COLUMNS = 6
"""Frame, four corners, score."""


class BoxHistory(Rewindable):
    """The detected boxes of all undecided tracks, and the latest one of rejected ones, frame by frame."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, np.ndarray, np.ndarray]] = deque()
        """Index, tracks and boxes of each frame that is kept."""
        self._track_id, self._start = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        """Tracks that can be asked about, and the first frame that belongs to each."""

    def see(self, tracks: TrackFrame, memories: TrackMemories) -> None:
        """Takes in a frame; what was confirmed before is forgotten, and what was deleted before as well.

        Args:
            tracks: of the frame.
            memories: of the same tracks, in this order.
        """
        now, status = tracks.frame_index, memories.column("status")
        opened = memories.column("first_frame") + memories.column("opened_age") - 1
        start = np.maximum(opened, now - HISTORY_FRAMES + 1)
        start[status == TRANSIENT] = now
        place, is_known = places_of(self._track_id, tracks.deleted_track_id)
        kept = np.flatnonzero(status != PERSISTENT)
        self._track_id = np.concatenate([tracks.track_id[kept], tracks.deleted_track_id[is_known]])
        self._start = np.concatenate([start[kept], self._start[place[is_known]]])
        found = kept[tracks.is_hit[kept]]
        if len(found):
            self._frames.append((now, tracks.track_id[found], np.c_[tracks.xyxy_px[found], tracks.score[found]]))
        oldest = self._start.min(initial=now)
        while self._frames and self._frames[0][0] < oldest:
            self._frames.popleft()

    def of(self, track_id: int) -> TrackHistory:
        """Returns where a track was detected; nothing if it was confirmed before the latest frame."""
        rows = np.array(self._rows_of(track_id), dtype=np.float64).reshape(-1, _COLUMNS)
        return TrackHistory(frame_index=rows[:, 0].astype(np.int64), xyxy_px=rows[:, 1:5], score=rows[:, 5])

    def _rows_of(self, track_id: int) -> list[list[float]]:
        (own,) = (self._track_id == track_id).nonzero()
        rows: list[list[float]] = []
        for frame_index, tracks, boxes in reversed(self._frames if len(own) else ()):
            if frame_index < self._start[own[0]]:
                break
            (found,) = (tracks == track_id).nonzero()
            if len(found):
                rows.append([frame_index, *boxes[found[0]].tolist()])
        return rows[::-1]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all histories by name, one row a box."""
        named = [(track_id, row) for track_id in self._track_id.tolist() for row in self._rows_of(track_id)]
        return {
            "track_id": np.array([track_id for track_id, _ in named], dtype=np.int64),
            "rows": np.array([row for _, row in named], dtype=np.float64).reshape(-1, _COLUMNS),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> BoxHistory:
        """Returns the histories that `to_arrays` described; none at all for states stored before there were any."""
        history = cls()
        if arrays:
            track_id, rows = arrays["track_id"], arrays["rows"]
            frames = rows[:, 0].astype(np.int64)
            for frame_index in np.unique(frames).tolist():
                own = np.flatnonzero(frames == frame_index)
                history._frames.append((frame_index, track_id[own], rows[own, 1:].copy()))
            history._track_id, first = np.unique(track_id, return_index=True)
            history._start = frames[first]
        return history
