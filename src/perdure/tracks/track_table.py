"""Many tracks at once: what the feature stream said of each at every age, with labels where they are known.

The rows behind training, calibration and every comparison on real tracks. Knows no files and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.track_features import FEATURES
from perdure.stopping.sequences import TrackSequences


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackTable:
    """n tracks at ages 1 to l.

    Args:
        features: columns `FEATURES`; NaN after a track's end.
        is_hit: whether a detection was linked.
        is_valid: whether the track exists at that age.
        score: score of the detection, 0 on a miss.
        xyxy_px: detected or predicted box.
        is_persistent: the label.
        group: number of the sequence, or of the part of one, that the track is from.
        birth_frame: 0-based.
        sequence: names by number of group.
        scene: number of the scene by number of group: groups of one scene show the same objects.
        looks: what is seen on each crop (`look_features`); None where no pixels were looked at.
    """

    features: Float[np.ndarray, "n l f"]
    is_hit: Bool[np.ndarray, "n l"]
    is_valid: Bool[np.ndarray, "n l"]
    score: Float[np.ndarray, "n l"]
    xyxy_px: Float[np.ndarray, "n l 4"]
    is_persistent: Bool[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]
    birth_frame: Int[np.ndarray, " n"]
    sequence: tuple[str, ...]
    scene: tuple[int, ...] = ()
    looks: Float[np.ndarray, "n l e"] | None = None

    def __post_init__(self) -> None:
        if not self.scene:
            object.__setattr__(self, "scene", tuple(range(len(self.sequence))))

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

    def column(self, name: str) -> Float[np.ndarray, "n l"]:
        """Returns one feature."""
        return self.features[:, :, FEATURES.index(name)]

    def take(self, rows: np.ndarray) -> TrackTable:
        """Returns some tracks, by number or by mask."""
        names = [item.name for item in fields(self) if item.name not in ("sequence", "scene", "looks")]
        kept = {name: getattr(self, name)[rows] for name in names}
        looks = None if self.looks is None else self.looks[rows]
        return TrackTable(**kept, sequence=self.sequence, scene=self.scene, looks=looks)

    def sequences(self, evidence: Float[np.ndarray, "n l"]) -> TrackSequences:
        """Returns what a stopping rule may see, with the given evidence."""
        return TrackSequences(evidence=evidence, is_hit=self.is_hit, is_valid=self.is_valid, score=self.score)

    @classmethod
    def join(cls, parts: Sequence[TrackTable]) -> TrackTable:
        """Returns the tracks of all parts; groups and scenes stay apart. Looks are kept if all parts have them."""
        start, group, scene = 0, [], list[int]()
        for part in parts:
            group.append(part.group + start)
            first_scene = max(scene, default=-1) + 1
            scene += [one + first_scene for one in part.scene]
            start += len(part.sequence)
        joined = {
            item.name: np.concatenate([getattr(part, item.name) for part in parts])
            for item in fields(cls)
            if item.name not in ("sequence", "scene", "group", "looks")
        }
        looks = [part.looks for part in parts if part.looks is not None]
        all_looks = np.concatenate(looks) if looks and len(looks) == len(parts) else None
        names = tuple(name for part in parts for name in part.sequence)
        return cls(**joined, group=np.concatenate(group), sequence=names, scene=tuple(scene), looks=all_looks)
