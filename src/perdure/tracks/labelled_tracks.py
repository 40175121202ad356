"""Labelled tracks of real sequences, linked and described exactly as the gate does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perdure.data.mot_sequence import MotSequence
from perdure.data.track_labels import MatchConfig, TrackLabel, detection_labels, majority_label
from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_features import FEATURES, FeatureStream
from perdure.tracking.tracker import Tracker, TrackerConfig
from perdure.tracks.track_table import TrackTable
from perdure.types import TrackFrame

LAST_FRAMES = 10
"""Tracks born this close to the end of a sequence are left out: nobody can tell what they would have become."""


@dataclass(slots=True)
class _Rows:
    """What is collected about one track."""

    birth_frame: int
    features: list[np.ndarray] = field(default_factory=list)
    is_hit: list[bool] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    xyxy_px: list[np.ndarray] = field(default_factory=list)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=np.int64))


def labelled_tracks(
    sequence: MotSequence, *, tracker: TrackerConfig, match: MatchConfig, num_ages: int = 8
) -> TrackTable:
    """Returns the first `num_ages` frames of every track of a sequence that is TRUE or FALSE, as one group.

    A track is TRUE if most of its hits, over its whole life, lie on objects that count; tracks on ignored objects and
    those born in the last `LAST_FRAMES` frames are left out.
    """
    linker = Tracker(tracker)
    stream = FeatureStream(image_size=sequence.image_size, scale=StreamScale.given(sequence.known_scores))
    tracks: dict[int, _Rows] = {}
    for index in range(sequence.num_frames):
        detections = sequence.detections_at(index, tracker.min_score)
        seen = linker.update(detections, camera_motion=sequence.camera_motion.get(index))
        labels = detection_labels(detections.xyxy_px, sequence.truth.get(index), match)
        _collect(tracks, seen, labels, stream.step(seen), num_ages)
    kept = [rows for rows in tracks.values() if rows.birth_frame < sequence.num_frames - LAST_FRAMES]
    label = majority_label(np.array([rows.counts for rows in kept], dtype=np.int64).reshape(-1, 3))
    table = _stacked([rows for rows, one in zip(kept, label, strict=True) if one != TrackLabel.IGNORE], num_ages)
    is_persistent = label[label != TrackLabel.IGNORE] == TrackLabel.TRUE
    return TrackTable(
        **table,
        is_persistent=is_persistent,
        group=np.zeros(len(is_persistent), dtype=np.int64),
        sequence=(sequence.name,),
    )


def _collect(
    tracks: dict[int, _Rows], seen: TrackFrame, labels: np.ndarray, features: np.ndarray, num_ages: int
) -> None:
    for row, track_id in enumerate(seen.track_id.tolist()):
        age, source = int(seen.age[row]), int(seen.detection_index[row])
        entry = tracks.setdefault(track_id, _Rows(seen.frame_index - age + 1))
        if source >= 0:
            entry.counts[labels[source]] += 1
        if age <= num_ages:
            entry.features.append(features[row])
            entry.is_hit.append(source >= 0)
            entry.score.append(float(seen.score[row]))
            entry.xyxy_px.append(seen.xyxy_px[row])


def _stacked(tracks: list[_Rows], num_ages: int) -> dict[str, Any]:
    num = len(tracks)
    features = np.full((num, num_ages, len(FEATURES)), np.nan, dtype=np.float32)
    is_hit, is_valid = np.zeros((num, num_ages), bool), np.zeros((num, num_ages), bool)
    score, xyxy_px = np.zeros((num, num_ages)), np.zeros((num, num_ages, 4), dtype=np.float32)
    for row, track in enumerate(tracks):
        length = len(track.is_hit)
        features[row, :length], is_hit[row, :length], is_valid[row, :length] = track.features, track.is_hit, True
        score[row, :length], xyxy_px[row, :length] = track.score, track.xyxy_px
    birth = np.array([track.birth_frame for track in tracks], dtype=np.int64)
    return {
        "features": features,
        "is_hit": is_hit,
        "is_valid": is_valid,
        "score": score,
        "xyxy_px": xyxy_px,
        "birth_frame": birth,
    }
