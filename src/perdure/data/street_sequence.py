"""Made-up scenes as sequences like those of MOT folders, so that everything that reads these reads them too."""

from __future__ import annotations

import numpy as np

from perdure.data.mot_sequence import MotSequence
from perdure.data.mot_truth import FrameTruth
from perdure.types import Detections
from perdure.video.mot import MotDetections
from perdure.world.streets import Street, make_street


def street_sequence(seed: int) -> MotSequence:
    """Returns the scene of a seed, without pixels; where it is even, scores of the detector are known from before."""
    street = make_street(seed)
    return MotSequence(
        name=f"street_{seed:04d}",
        num_frames=street.num_frames,
        frame_rate_hz=street.law.frame_rate_hz,
        image_size=street.law.size_px,
        detections=MotDetections(by_frame=_detections(street), num_without_area=0),
        truth=_truth(street),
        camera_motion={},
        known_scores=street.score if seed % 2 == 0 else None,
    )


def _detections(street: Street) -> dict[int, Detections]:
    rows = {index: np.flatnonzero(street.frame == index) for index in np.unique(street.frame).tolist()}
    return {index: Detections(xyxy_px=street.xyxy_px[own], score=street.score[own]) for index, own in rows.items()}


def _truth(street: Street) -> dict[int, FrameTruth]:
    found = {}
    for index in np.unique(street.truth_frame).tolist():
        own = street.truth_frame == index
        boxes, no = street.truth_xyxy_px[own], np.zeros(int(own.sum()), dtype=bool)
        found[index] = FrameTruth(
            xyxy_px=boxes, counts=~no, is_ignored=no, is_region=no, object_id=street.truth_id[own].astype(np.int64)
        )
    return found
