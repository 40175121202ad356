"""Tracks of sequences without pixels, and evidence from what is known of them: hits, misses and detector scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import read_mot_sequence, scene_numbers
from perdure.data.track_labels import Targets, match_for
from perdure.evidence.lifetime import LifetimeModel, fit_lifetime
from perdure.track_table import TrackTable
from perdure.tracking.tracker import TrackerConfig
from perdure.tracks.follow import follow
from perdure.tracks.tracks_config import HORIZON

RIDGE = 1e-2
"""Weight of the pull of the three coefficients towards 0, per track."""


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
    def fit(cls, parts: list[TrackTable]) -> ScoreEvidence:
        """Returns the evidence that labelled tracks make most likely, classes weighted equally."""
        from scipy.optimize import minimize  # here, since `perdure bench site --help` would load it
        from scipy.special import expit

        tracks = TrackTable.join(parts)
        is_valid, label = tracks.is_valid, tracks.is_persistent
        lifetime = fit_lifetime(tracks.is_hit, is_valid, label)
        columns = _columns(tracks, lifetime)
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

    def of(self, tracks: TrackTable) -> Float[np.ndarray, "n h"]:
        """Returns the evidence of every track and age in nats, NaN after a track's end."""
        evidence = _columns(tracks, self.lifetime) @ self.weight + self.offset
        return np.where(tracks.is_valid, evidence, math.nan)


def _columns(tracks: TrackTable, lifetime: LifetimeModel) -> Float[np.ndarray, "n h 3"]:
    """Returns lifetime evidence, largest score and mean score of the hits up to each age."""
    top = np.maximum.accumulate(np.where(tracks.is_hit, tracks.known("score"), -np.inf), axis=1)
    total = np.cumsum(np.where(tracks.is_hit, tracks.known("score"), 0.0), axis=1)
    mean = total / np.maximum(np.cumsum(tracks.is_hit, axis=1), 1)
    return np.stack([lifetime.evidence(tracks.is_hit), top, mean], axis=2)


def found_tracks(
    folders: list[Path], block_s: float, targets: Targets = "boxes"
) -> tuple[TrackTable, Bool[np.ndarray, " n"]]:
    """Returns the tracks of all folders of a sequence, and which are born in its first half; blocks of time are groups.

    Each folder is linked by itself. Tracks born too late to be watched to the horizon, and those mostly on ignored
    objects, are left out.
    """
    sequences = [read_mot_sequence(folder) for folder in folders]
    parts, units, is_early = [], [], []
    first_unit: dict[int, int] = {}  # folders of one scene share their units
    next_unit = 0
    for sequence, scene in zip(sequences, scene_numbers(sequences), strict=True):
        stream = sequence_stream(sequence, match_for(targets))
        block, first = stream.num_frames_in(block_s), first_unit.setdefault(scene, next_unit)
        tracks = follow(stream, TrackerConfig(), least_frames=HORIZON)
        parts.append(tracks)
        units.append(first + tracks.birth_frame // block)
        is_early.append(2 * tracks.birth_frame < stream.num_frames)
        next_unit = max(next_unit, first + stream.num_frames // block + 1)
    found = TrackTable.join(parts).with_columns(group=np.concatenate(units), sequence=(), scene=(), class_id=None)
    return found, np.concatenate(is_early)
