"""Tracks of sequences without pixels, and evidence from what is known of them: hits, misses and detector scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize
from scipy.special import expit

from perdure.data.labelled_stream import SequenceStream
from perdure.data.mot_sequence import read_mot_sequence, scene_numbers
from perdure.data.track_labels import Targets, TrackLabel, majority_label, match_for
from perdure.evidence.lifetime import LifetimeModel, fit_lifetime
from perdure.tracking.tracker import Tracker, TrackerConfig

HORIZON = 8
"""Ages that tracks are known at; what is undecided at the last one is called transient."""
RIDGE = 1e-2
"""Weight of the pull of the three coefficients towards 0, per track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTracks:
    """Tracks of one sequence before any evidence is computed.

    Args:
        is_hit: whether a detection was linked.
        is_valid: whether the track exists.
        score: detection score, 0 on a miss.
        is_persistent: truth.
        unit: block of time; those of different folders are different.
        is_early: born in the first half of the sequence.
    """

    is_hit: Bool[np.ndarray, "n h"]
    is_valid: Bool[np.ndarray, "n h"]
    score: Float[np.ndarray, "n h"]
    is_persistent: Bool[np.ndarray, " n"]
    unit: Int[np.ndarray, " n"]
    is_early: Bool[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class ScoreEvidence:
    """Evidence of hits and scores: lifetime evidence, largest and mean score so far, weighted by logistic regression.

    Args:
        lifetime: law of hits and misses.
        weight: of lifetime evidence, largest and mean score.
        offset: nats.
    """

    lifetime: LifetimeModel
    weight: Float[np.ndarray, " 3"]
    offset: float

    @classmethod
    def fit(cls, parts: list[FoundTracks]) -> ScoreEvidence:
        """Returns the evidence that labelled tracks make most likely, classes weighted equally."""
        is_hit, is_valid, label = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("is_hit", "is_valid", "is_persistent")
        )
        lifetime = fit_lifetime(is_hit, is_valid, label)
        columns = np.concatenate([_columns(part, lifetime) for part in parts])
        rows = np.nonzero(is_valid)
        x, y = columns[rows], label[rows[0]].astype(np.float64)
        share = np.where(label, 0.5 / label.sum(), 0.5 / (~label).sum())[rows[0]] / is_valid.sum(axis=1)[rows[0]]

        def loss(at: Float[np.ndarray, " 4"]) -> tuple[float, Float[np.ndarray, " 4"]]:
            log_odds = x @ at[:3] + at[3]
            error = share * (expit(log_odds) - y)
            held = RIDGE * np.append(at[:3], 0.0)
            fit = float((share * (np.logaddexp(0.0, log_odds) - y * log_odds)).sum())
            return fit + float(held @ at) / 2, np.append(x.T @ error, error.sum()) + held

        found = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B").x
        return cls(lifetime, found[:3], float(found[3]))

    def of(self, tracks: FoundTracks) -> Float[np.ndarray, "n h"]:
        """Returns the evidence of every track and age in nats, NaN after a track's end."""
        evidence = _columns(tracks, self.lifetime) @ self.weight + self.offset
        return np.where(tracks.is_valid, evidence, math.nan)


def _columns(tracks: FoundTracks, lifetime: LifetimeModel) -> Float[np.ndarray, "n h 3"]:
    """Returns lifetime evidence, largest score and mean score of the hits up to each age."""
    top = np.maximum.accumulate(np.where(tracks.is_hit, tracks.score, -np.inf), axis=1)
    total = np.cumsum(np.where(tracks.is_hit, tracks.score, 0.0), axis=1)
    mean = total / np.maximum(np.cumsum(tracks.is_hit, axis=1), 1)
    return np.stack([lifetime.evidence(tracks.is_hit), top, mean], axis=2)


def found_tracks(folders: list[Path], block_s: float, targets: Targets = "boxes") -> FoundTracks:
    """Returns the tracks of all folders of a sequence; each folder is linked by itself.

    Tracks born too late to be watched to the horizon, and those mostly on ignored objects, are left out.
    """
    rows: list[tuple[list[bool], list[float], bool, int, bool]] = []
    sequences = [read_mot_sequence(folder) for folder in folders]
    first_unit: dict[int, int] = {}  # folders of one scene share their units
    next_unit = 0
    for sequence, scene in zip(sequences, scene_numbers(sequences), strict=True):
        stream = SequenceStream(sequence=sequence, match=match_for(targets))
        block, first = max(1, round(block_s * stream.frame_rate_hz)), first_unit.setdefault(scene, next_unit)
        for birth, hits, scores, is_persistent in _linked(stream):
            rows.append((hits, scores, is_persistent, first + birth // block, 2 * birth < stream.num_frames))
        next_unit = max(next_unit, first + stream.num_frames // block + 1)
    num = len(rows)
    is_hit, is_valid = np.zeros((num, HORIZON), bool), np.zeros((num, HORIZON), bool)
    score = np.zeros((num, HORIZON))
    for row, (hits, scores, *_) in enumerate(rows):
        is_hit[row, : len(hits)], score[row, : len(hits)], is_valid[row, : len(hits)] = hits, scores, True
    return FoundTracks(
        is_hit=is_hit,
        is_valid=is_valid,
        score=score,
        is_persistent=np.array([row[2] for row in rows], dtype=bool),
        unit=np.array([row[3] for row in rows], dtype=np.int64),
        is_early=np.array([row[4] for row in rows], dtype=bool),
    )


def _linked(stream: SequenceStream) -> Iterator[tuple[int, list[bool], list[float], bool]]:
    """Yields birth, hits, scores and truth of every track that can be watched to the horizon."""
    tracker, tracks = Tracker(TrackerConfig()), dict[int, tuple[int, list[bool], list[float], list[int]]]()
    for index, frame in enumerate(stream.frames()):
        seen = tracker.update(frame.detections, camera_motion=frame.camera_motion)
        for row, track_id in enumerate(seen.track_id.tolist()):
            _, hits, scores, lies_on = tracks.setdefault(track_id, (index, [], [], [0, 0, 0]))
            source = int(seen.detection_index[row])
            if source >= 0:
                lies_on[frame.label[source]] += 1
            if seen.age[row] <= HORIZON:
                hits.append(source >= 0)
                scores.append(float(seen.score[row]))
    for birth, hits, scores, lies_on in tracks.values():
        label = majority_label(np.array([lies_on]))[0]
        if birth + HORIZON <= stream.num_frames and label != TrackLabel.IGNORE:
            yield birth, hits, scores, bool(label == TrackLabel.TRUE)
