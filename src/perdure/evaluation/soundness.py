"""Whether the evidence is the log-likelihood ratio that it claims to be, on tracks whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from perdure.data.dataset import ClipDataset
from perdure.data.labelled_stream import LabelledFrame, clip_stream, truth_of_clip
from perdure.gate.operation import Operation
from perdure.metrics.calibration_error import calibration_by_age, martingale_check, reliability_rows
from perdure.tracks.follow import Column, follow
from perdure.types import ClipTruth, TrackFrame
from perdure.world.config import WorldConfig

SHOWN_AGES = (1, 2, 4, 8)
"""Ages at which probabilities are held against what became of the tracks."""
LARGE = 7.0
"""Nats beyond which evidence decides nothing any more: errors below 0.1 %."""


def soundness_rows(
    evidence: Float[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    exact: Float[np.ndarray, "n l"] | None = None,
) -> dict[str, Any]:
    """Returns calibration of the probabilities, martingale check, and distance from the exact evidence, by age.

    Args:
        evidence: nats, prior removed, NaN after a track's end.
        is_persistent: truth.
        exact: the true log-likelihood ratio where it is known; infinite where the class is certain.
    """
    by_age = calibration_by_age(evidence, is_persistent)
    martingale = martingale_check(evidence, is_persistent)
    rows: dict[str, Any] = {
        "expected_calibration_error": _plain(by_age.expected_calibration_error),
        "negative_log_likelihood": _plain(by_age.negative_log_likelihood),
        "martingale_mean": _plain(martingale.mean),
        "martingale_standard_error": _plain(martingale.standard_error),
        "reliability": reliability_rows(
            evidence, is_persistent, ages=[age for age in SHOWN_AGES if age <= evidence.shape[1]]
        ),
    }
    if exact is not None:
        rows |= _against_exact(evidence, exact)
    return rows


def _against_exact(evidence: Float[np.ndarray, "n l"], exact: Float[np.ndarray, "n l"]) -> dict[str, Any]:
    """Returns mean distance where the exact evidence is within 7 nats, and the evidence where it is certain."""
    is_seen = ~np.isnan(evidence) & ~np.isnan(exact)
    is_small = is_seen & (np.abs(np.where(is_seen, exact, np.inf)) < LARGE)
    distance = np.where(is_small, np.abs(np.where(is_small, evidence - exact, 0.0)), np.nan)
    ages = [column for column in range(evidence.shape[1]) if is_small[:, column].any()]
    certain = {"persistent": is_seen & (exact == np.inf), "transient": is_seen & (exact == -np.inf)}
    return {
        "mean_distance": float(np.nanmean(distance)) if is_small.any() else None,
        "mean_distance_by_age": {str(age + 1): float(np.nanmean(distance[:, age])) for age in ages},
        "median_evidence_when_certain": {
            name: float(np.median(evidence[rows])) if rows.any() else None for name, rows in certain.items()
        },
    }


def _plain(values: Float[np.ndarray, " l"]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def seeing_evidence(
    dataset: ClipDataset, split: str, *, operation: Operation, num_ages: int
) -> Float[np.ndarray, "n l"]:
    """Returns the exact evidence of whoever sees on every frame whether the object is there, and its cue.

    Rows as in `split_windows`: all tracks of the split in clip order, association by truth. Infinite from the frame
    on which the class is certain: an object that is gone is transient, one that outlives the longest lifetime is not.

    Raises:
        ValueError: a clip has no ground truth.
    """
    parts = []
    for clip_id in dataset.split(split):
        clip = dataset.clip(clip_id)
        column = {"evidence": _exact_column(truth_of_clip(clip), dataset.config.world)}
        found = follow(
            clip_stream(clip), operation.tracker, num_ages=num_ages, columns=column, uses_truth=True, least_frames=1
        )
        parts.append(found.known("evidence"))
    return np.concatenate(parts)


def _exact_column(truth: ClipTruth, world: WorldConfig) -> Column:
    object_of: dict[int, int] = {}

    def exact(frame: LabelledFrame, tracks: TrackFrame, rows: np.ndarray) -> np.ndarray:
        values, index = np.empty(len(rows)), frame.frame_index
        for place, row in enumerate(rows.tolist()):
            track_id = int(tracks.track_id[row])
            if track_id not in object_of:  # a track begins with a hit
                object_of[track_id] = int(truth.detection_owner[index][tracks.detection_index[row]])
            owner, since = object_of[track_id], slice(index + 1 - int(tracks.age[row]), index + 1)
            values[place] = _exact(truth.is_alive[owner, since], truth.cue[owner, since], world)
        return values

    return exact


def _exact(is_alive: Bool[np.ndarray, " a"], cue: Float[np.ndarray, " a"], world: WorldConfig) -> float:
    """Returns the evidence at the last of the given frames, all since birth."""
    if not is_alive[-1]:
        return -np.inf
    survivors = sum(lifetime >= len(is_alive) for lifetime in world.transient_lifetimes)
    if not survivors:
        return np.inf
    return float(cue.sum() - np.log(survivors / len(world.transient_lifetimes)))
