"""Which real tracks are taken, and how they are split; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perdure.data.track_labels import MatchConfig, Targets, match_for
from perdure.tracking.tracker import TrackerConfig

MAX_MISSES = 4
"""A track dies on this many frames in a row without a detection."""
HORIZON = 8
"""Age at which a track that is not confirmed is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealData:
    """Which tracks of a data set are taken, and how they are split."""

    only: str = "*"
    """Pattern of the folder names to take, such as '*-Car'."""
    detections: str = "det.txt"
    """File of detections in each folder's det."""
    min_score: float | None = None
    """Detections below this score are left out."""
    targets: Targets = "boxes"
    """Boxes are linked and matched by overlap; targets of a few pixels with boxes grown."""
    born: Literal["any", "second-half"] = "any"
    """Score only tracks born in the second half of their sequence; the first half still trains."""
    camera: Literal["any", "static"] = "any"
    """Take only sequences whose seqinfo.ini says so; where it says nothing, the camera is measured on the pictures."""
    folds: int = 12
    """Largest number of parts that are left out in turn; more sequences than that share parts, neighbours together."""
    blocks: int = 5
    """Blocks of time into which a single sequence is cut."""

    def __post_init__(self) -> None:
        for name in ("folds", "blocks"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 2")

    @property
    def tracker(self) -> TrackerConfig:
        """How detections are linked."""
        factor, margin_px = (1.5, 6.0) if self.targets == "points" else (1.0, 0.0)
        return TrackerConfig(
            max_misses=MAX_MISSES,
            min_iou=0.3,
            min_score=self.min_score,
            box_growth=factor,
            box_growth_px=margin_px,
        )

    @property
    def match(self) -> MatchConfig:
        """When a detection lies on an object."""
        return match_for(self.targets)
