"""What a running gate keeps of its own tracks to learn from: their first frames, and what became of them.

The latest tracks in a ring, in constant memory. What has been counted is a value, made anew by every frame; rows of the
first frames are written once, at places that nothing counts before, so that a frame that is taken back leaves none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perdure.evidence.track_features import FEATURES
from perdure.track_table import TrackTable
from perdure.tracks.follow import at_border
from perdure.tracks.tracks_config import HORIZON
from perdure.types import TrackFrame

NUM_TRACKS = 4000
"""Latest tracks that are learned from."""
CAPACITY = NUM_TRACKS + 1000
"""Places: more than are learned from by more than one frame can bring, so that it overwrites nothing that counts."""
NOBODY = -1
"""Track of a place that is empty."""
_COUNTS = ("track_id", "num_seen", "num_hits", "birth_frame", "is_open")


def _none() -> Int[np.ndarray, " n"]:
    return np.zeros(CAPACITY, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Tracks by place, which is their number modulo `CAPACITY`.

    Args:
        track_id: whose place it is.
        num_seen: first frames that are noted, at most `HORIZON`.
        num_hits: detections so far.
        birth_frame: 0-based.
        is_open: whether it may go on: alive, or last detected at the picture's border.
        num_born: tracks so far, of which the latest are kept.
        features: columns `FEATURES` of the first frames.
        is_hit: whether there was a detection.
        score: of the detection, 0 on a miss.
        xyxy_px: detected or predicted box.
    """

    track_id: Int[np.ndarray, " n"] = field(default_factory=lambda: np.full(CAPACITY, NOBODY))
    num_seen: Int[np.ndarray, " n"] = field(default_factory=_none)
    num_hits: Int[np.ndarray, " n"] = field(default_factory=_none)
    birth_frame: Int[np.ndarray, " n"] = field(default_factory=_none)
    is_open: Int[np.ndarray, " n"] = field(default_factory=_none)
    num_born: int = 0
    features: Float32[np.ndarray, "n l f"] = field(
        default_factory=lambda: np.zeros((CAPACITY, HORIZON, len(FEATURES)), dtype=np.float32)
    )
    is_hit: Bool[np.ndarray, "n l"] = field(default_factory=lambda: np.zeros((CAPACITY, HORIZON), dtype=bool))
    score: Float[np.ndarray, "n l"] = field(default_factory=lambda: np.zeros((CAPACITY, HORIZON)))
    xyxy_px: Float[np.ndarray, "n l 4"] = field(default_factory=lambda: np.zeros((CAPACITY, HORIZON, 4)))

    def after(
        self,
        tracks: TrackFrame,
        noted: tuple[Int[np.ndarray, " m"], Float[np.ndarray, "m f"]],
        image_size: tuple[int, int] | None,
    ) -> Lessons:
        """Returns what is known after one more frame.

        Args:
            tracks: all tracks of it.
            noted: rows of tracks, those up to age `HORIZON` at least, and their features.
            image_size: width and height in pixels; without it no track is known to have left.
        """
        counts = {name: getattr(self, name).copy() for name in _COUNTS}
        place, is_new = tracks.track_id % CAPACITY, tracks.age == 1
        born = place[is_new]
        counts["track_id"][born], counts["birth_frame"][born] = tracks.track_id[is_new], tracks.frame_index
        for name in ("num_seen", "num_hits"):
            counts[name][born] = 0
        is_kept = counts["track_id"][place] == tracks.track_id  # others are older than all that fit in here
        is_young = is_kept & (tracks.age <= HORIZON)
        rows, features = noted[0][is_young[noted[0]]], noted[1][is_young[noted[0]]]
        at, ages = place[rows], tracks.age[rows] - 1
        self.features[at, ages] = features
        self.is_hit[at, ages], self.score[at, ages] = tracks.is_hit[rows], tracks.score[rows]
        self.xyxy_px[at, ages] = tracks.xyxy_px[rows]
        counts["num_seen"][at] = ages + 1
        hits = np.flatnonzero(is_kept & tracks.is_hit)
        counts["num_hits"][place[hits]] += 1
        if image_size is not None and len(hits):
            counts["is_open"][place[hits]] = at_border(tracks.xyxy_px[hits], image_size)
        return replace(self, num_born=self.num_born + len(born), **counts)

    def table(self, live: Int[np.ndarray, " m"]) -> TrackTable:
        """Returns the tracks in order of birth, without labels, as a stream of their own.

        Args:
            live: numbers of the tracks that are alive.
        """
        oldest = max(self.track_id.max() - NUM_TRACKS, NOBODY)
        rows = np.flatnonzero(self.track_id > oldest)
        rows = rows[np.argsort(self.track_id[rows])]
        is_valid = np.arange(HORIZON) < self.num_seen[rows, None]
        first = self.birth_frame[rows[:1]]
        return TrackTable(
            is_hit=self.is_hit[rows] & is_valid,
            is_valid=is_valid,
            is_persistent=np.zeros(len(rows), dtype=bool),
            group=np.zeros(len(rows), dtype=np.int64),
            birth_frame=self.birth_frame[rows] - first,
            track_id=self.track_id[rows],
            num_hits=self.num_hits[rows],
            is_open=(self.is_open[rows] > 0) | np.isin(self.track_id[rows], live),
            score=np.where(is_valid, self.score[rows], 0.0),
            xyxy_px=np.where(is_valid[:, :, None], self.xyxy_px[rows], 0.0),
            features=np.where(is_valid[:, :, None], self.features[rows], np.float32(np.nan)),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all that is kept by name, ready to be stored: places in use alone."""
        used = np.flatnonzero(self.track_id != NOBODY)
        names = (*_COUNTS, "features", "is_hit", "score", "xyxy_px")
        arrays = {name: getattr(self, name)[used] for name in names}
        return arrays | {"num_born": np.array(self.num_born)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Lessons:
        """Returns what `to_arrays` described.

        Raises:
            KeyError: something is missing.
        """
        kept, place = cls(num_born=int(arrays["num_born"])), arrays["track_id"] % CAPACITY
        for name in (*_COUNTS, "features", "is_hit", "score", "xyxy_px"):
            getattr(kept, name)[place] = arrays[name]
        return kept
