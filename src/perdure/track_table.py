"""Many tracks at once: what was seen of each at every age, what was computed of it, and what it really was.

The one table behind training, calibration and every comparison. Knows no files, no streams and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perdure.stopping.sequences import TrackSequences


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackTable:
    """n tracks at ages 1 to l; a column that nobody asked for is None.

    Args:
        is_hit: whether a detection was linked.
        is_valid: whether the track exists at that age.
        is_persistent: the label.
        group: number of the sequence, clip or block of time that the track is from.
        birth_frame: 0-based; 0 where time plays no part.
        sequence: names by number of group; empty where groups have none.
        scene: number of the scene by number of group: groups of one scene show the same objects.
        track_id: number of the track within its stream.
        class_id: class of the latest detection, -1 where the detector names none.
        num_hits: detections in the whole life of the track, however few ages are noted.
        is_open: whether it may have gone on: alive at the end of the stream, or last detected at the picture's border.
        score: score of the detection, 0 on a miss.
        xyxy_px: detected or predicted box.
        cue: cue of the detection in nats, 0 on a miss.
        features: columns `FEATURES` of the feature stream; NaN after a track's end.
        looks: what is seen on each crop (`look_features`).
        crops: RGB windows; 0 after a track's end.
        geometry: columns of `track_geometry`, the score not standardised; 0 after a track's end.
        evidence: nats, prior removed; NaN after a track's end.
    """

    is_hit: Bool[np.ndarray, "n l"]
    is_valid: Bool[np.ndarray, "n l"]
    is_persistent: Bool[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]
    birth_frame: Int[np.ndarray, " n"] = None  # type: ignore[assignment]
    sequence: tuple[str, ...] = ()
    scene: tuple[int, ...] = ()
    track_id: Int[np.ndarray, " n"] | None = None
    class_id: Int[np.ndarray, " n"] | None = None
    num_hits: Int[np.ndarray, " n"] | None = None
    is_open: Bool[np.ndarray, " n"] | None = None
    score: Float[np.ndarray, "n l"] | None = None
    xyxy_px: Float[np.ndarray, "n l 4"] | None = None
    cue: Float[np.ndarray, "n l"] | None = None
    features: Float[np.ndarray, "n l f"] | None = None
    looks: Float[np.ndarray, "n l e"] | None = None
    crops: UInt8[np.ndarray, "n l s s 3"] | None = None
    geometry: Float[np.ndarray, "n l g"] | None = None
    evidence: Float[np.ndarray, "n l"] | None = None

    def __post_init__(self) -> None:
        birth_frame = np.zeros(len(self.group), dtype=np.int64) if self.birth_frame is None else self.birth_frame
        object.__setattr__(self, "birth_frame", birth_frame)
        if not self.scene:
            num_groups = len(self.sequence) or int(self.group.max(initial=-1)) + 1
            object.__setattr__(self, "scene", tuple(range(num_groups)))

    def __len__(self) -> int:
        return len(self.is_persistent)

    @property
    def unit(self) -> Int[np.ndarray, " n"]:
        """Scene of each track: tracks of different scenes are independent, and are left out and drawn apart."""
        return np.array(self.scene, dtype=np.int64)[self.group]

    @property
    def num_ages(self) -> int:
        """Ages that are known, l."""
        return self.is_valid.shape[1]

    @property
    def frame(self) -> Int[np.ndarray, "n l"]:
        """0-based frame of the stream at every age, 0 after a track's end."""
        return np.where(self.is_valid, self.birth_frame[:, None] + np.arange(self.num_ages), 0)

    @property
    def key(self) -> Int[np.ndarray, " k"]:
        """Tells tracks by when and where they began, to a tenth of a pixel, whatever file they are from.

        One a track; none where boxes were not noted.
        """
        if self.xyxy_px is None:
            return np.zeros(0, dtype=np.int64)
        first = np.rint(self.xyxy_px[:, 0] * 10).astype(np.int64)
        value = np.zeros(len(self), dtype=np.uint64)
        for column in (self.birth_frame, *first.T):
            value = (value ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
            value ^= value >> np.uint64(29)
        return value.astype(np.int64)

    def known(self, name: str) -> np.ndarray:
        """Returns a column.

        Raises:
            ValueError: these tracks do not have it.
        """
        value: np.ndarray | None = getattr(self, name)
        if value is None:
            raise ValueError(f"tracks: got none with {name}, expected this column; ask for it when tracks are made")
        return value

    def with_columns(self, **columns: Any) -> TrackTable:
        """Returns the same tracks with other columns."""
        return replace(self, **columns)

    def take(self, rows: np.ndarray) -> TrackTable:
        """Returns some tracks, by number or by mask."""
        values = {name: getattr(self, name) for name in _ROWS}
        return replace(self, **{name: value[rows] for name, value in values.items() if value is not None})

    def sequences(self, evidence: Float[np.ndarray, "n l"] | None = None) -> TrackSequences:
        """Returns what a stopping rule may see, with the given evidence in place of the column."""
        values = self.known("evidence") if evidence is None else evidence
        return TrackSequences(
            evidence=np.where(self.is_valid, values, 0.0),
            is_hit=self.is_hit,
            is_valid=self.is_valid,
            cue=self.cue,
            score=self.score,
            class_id=self.class_id,
        )

    @classmethod
    def join(cls, parts: Sequence[TrackTable]) -> TrackTable:
        """Returns the tracks of all parts; groups and scenes stay apart. A column is kept if all parts have it."""
        columns = {name: [getattr(part, name) for part in parts] for name in _ROWS}
        starts = np.cumsum([0, *(len(part.scene) for part in parts)])
        columns["group"] = [part.group + start for part, start in zip(parts, starts, strict=False)]
        scenes: list[int] = []
        for part in parts:
            first = max(scenes, default=-1) + 1
            scenes += [first + scene for scene in part.scene]
        return cls(
            **{name: np.concatenate(values) for name, values in columns.items() if all(v is not None for v in values)},
            sequence=tuple(name for part in parts for name in part.sequence),
            scene=tuple(scenes),
        )


_ROWS = tuple(item.name for item in fields(TrackTable) if item.name not in ("sequence", "scene"))
"""Fields with one row a track."""
