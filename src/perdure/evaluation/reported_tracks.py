"""What somebody's tracker reported on a sequence beside its truth, ready to be scored; what is to be ignored left out.

Truth and labels are those of every other command: `data/mot_sequence.py` reads them, `data/track_labels.py` says what a
box lies on. Knows no scores.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.mot_truth import FrameTruth
from perdure.data.track_labels import MatchConfig, TrackLabel, detection_labels, majority_label
from perdure.geometry import xyxy_from_xywh
from perdure.video.mot import read_mot_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBoxes:
    """Boxes of one frame with their ids.

    Args:
        ids: one a box, none twice.
        xyxy_px: corners.
    """

    ids: Int[np.ndarray, " n"]
    xyxy_px: Float[np.ndarray, "n 4"]

    @classmethod
    def empty(cls) -> FrameBoxes:
        """Returns the boxes of a frame without any."""
        return cls(ids=np.zeros(0, dtype=np.int64), xyxy_px=np.zeros((0, 4)))

    def take(self, rows: np.ndarray) -> FrameBoxes:
        """Returns some of the boxes, by mask or by index."""
        return FrameBoxes(ids=self.ids[rows], xyxy_px=self.xyxy_px[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSequence:
    """Truth and tracks of one sequence, frame by frame, what is to be ignored left out.

    Args:
        name: of the sequence.
        frame_rate_hz: frames per second.
        truth: labelled objects that count.
        tracks: reported boxes.
        track_label: the `TrackLabel` of every reported track, by majority of its boxes, ignored ones included.
        min_iou: least overlap at which a reported box is on an object.
    """

    name: str
    frame_rate_hz: float
    truth: tuple[FrameBoxes, ...]
    tracks: tuple[FrameBoxes, ...]
    track_label: Mapping[int, int]
    min_iou: float = 0.5

    @property
    def minutes(self) -> float:
        """How long the sequence is."""
        return len(self.truth) / self.frame_rate_hz / 60


def scored_sequence(
    sequence: MotSequence,
    reported: Mapping[int, FrameBoxes],
    *,
    match: MatchConfig | None = None,
    first_frame: int = 0,
) -> ScoredSequence:
    """Returns the truth of a sequence beside what was reported on it.

    Args:
        sequence: with its truth.
        reported: boxes by 0-based frame index.
        match: when a box lies on an object.
        first_frame: frames before are left out of truth and tracks alike.
    """
    match = match or MatchConfig()
    truth, tracks, counts = [], [], dict[int, np.ndarray]()
    for index in range(first_frame, sequence.num_frames):
        labelled, found = sequence.truth.get(index), reported.get(index, FrameBoxes.empty())
        label = detection_labels(found.xyxy_px, labelled, match)
        for own, value in zip(found.ids.tolist(), label.tolist(), strict=True):
            counts.setdefault(own, np.zeros(len(TrackLabel), dtype=np.int64))[value] += 1
        truth.append(_counting(labelled))
        tracks.append(found.take(label != TrackLabel.IGNORE))
    label_of = majority_label(np.array(list(counts.values()), dtype=np.int64).reshape(-1, len(TrackLabel)))
    if len(label_of) and (label_of == TrackLabel.FALSE).all() and any(len(one.ids) for one in truth):
        text = "%s: none of %d tracks lies on a labelled object; are they of this sequence, in pixels of its pictures?"
        logger.warning(text, sequence.name, len(label_of))
    return ScoredSequence(
        name=sequence.name,
        frame_rate_hz=sequence.frame_rate_hz,
        truth=tuple(truth),
        tracks=tuple(tracks),
        track_label=dict(zip(counts, label_of.tolist(), strict=True)),
        min_iou=match.min_iou,
    )


def read_scored_sequence(folder: Path, tracks: Path, match: MatchConfig | None = None) -> ScoredSequence:
    """Returns the truth of a MOT folder beside the tracks of a MOT text file.

    Args:
        folder: with seqinfo.ini and gt/gt.txt; detections are not needed.
        tracks: `frame,id,x,y,width,height,...`, frames from 1, or from 0 if there is a frame 0. Rows whose id is
            negative belong to no track and are left out.
        match: when a box lies on an object.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed, or a track has two boxes on one frame.
    """
    return scored_sequence(read_mot_sequence(folder, detections=None), read_reported(tracks), match=match)


def read_reported(path: Path) -> dict[int, FrameBoxes]:
    """Returns the tracks of a MOT text file by 0-based frame index.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it is malformed, or a track has two boxes on one frame.
    """
    table = read_mot_table(path, what="tracks")
    ids, xyxy_px = table.values[:, 1].astype(np.int64), xyxy_from_xywh(table.values[:, 2:6])
    if len(ids) and (ids < 0).all():
        raise ValueError(
            f"tracks: all {len(ids)} rows of {path} have a negative id, as detections have, expected rows of tracks, "
            "such as confirmed.txt of perdure confirm"
        )
    if (ids < 0).any():
        text = "tracks: %d of %d rows of %s have a negative id, so no track, and are left out"
        logger.warning(text, int((ids < 0).sum()), len(ids), path)
    found = {}
    for index, rows in table.rows_by_frame(table.counts_from).items():
        own = rows[ids[rows] >= 0]
        values, num = np.unique(ids[own], return_counts=True)
        if (num > 1).any():
            raise ValueError(
                f"tracks: {path} frame {index + table.counts_from}: got {num.max()} boxes of track "
                f"{values[num > 1][0]}, expected one; is it a file of detections, or are two runs in it?"
            )
        found[index] = FrameBoxes(ids=ids[own], xyxy_px=xyxy_px[own])
    return found


def _counting(truth: FrameTruth | None) -> FrameBoxes:
    if truth is None:
        return FrameBoxes.empty()
    return FrameBoxes(ids=truth.object_id[truth.counts], xyxy_px=truth.xyxy_px[truth.counts])
