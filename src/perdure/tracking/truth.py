"""What a track really was: the label of a track from the truth of a synthetic clip.

Knows which object each detection lies on. Never seen by the gate: it serves training and evaluation alone.
"""

from __future__ import annotations

from collections import Counter

from perdure.types import NO_OWNER, ClipTruth, Label, TrackFrame


class TrackTruth:
    """Counts, for every track, on which objects its hits lie, and labels the track by their majority."""

    def __init__(self, truth: ClipTruth) -> None:
        self._truth = truth
        self._hits: dict[int, Counter[int]] = {}

    def add(self, tracks: TrackFrame) -> None:
        """Counts the hits of one frame; a hit whose object is not alive on that frame is a hit on nothing."""
        frame_index = tracks.frame_index
        owners = self._truth.detection_owner[frame_index]
        for track_id, row in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
            counter = self._hits.setdefault(track_id, Counter())
            if row < 0:
                continue
            owner = int(owners[row])
            is_on_object = owner != NO_OWNER and bool(self._truth.is_alive[owner, frame_index])
            counter[owner if is_on_object else NO_OWNER] += 1

    def owner(self, track_id: int) -> int:
        """Returns the object that owns more than half of the track's hits, or `NO_OWNER`.

        Raises:
            KeyError: no frame with this track was added.
        """
        counter = self._hits[track_id]
        owner, num_hits = counter.most_common(1)[0] if counter else (NO_OWNER, 0)
        return owner if 2 * num_hits > counter.total() else NO_OWNER

    def label(self, track_id: int) -> Label:
        """Returns the label of a track: persistent if a persistent object owns more than half of its hits."""
        owner = self.owner(track_id)
        return "persistent" if owner != NO_OWNER and bool(self._truth.is_persistent[owner]) else "transient"

    def labels(self) -> dict[int, Label]:
        """Returns the label of every track seen so far, by track id."""
        return {track_id: self.label(track_id) for track_id in sorted(self._hits)}
