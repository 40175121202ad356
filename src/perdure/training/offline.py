"""The model over whole tracks at once: the streaming code with one long chunk.

Used where many tracks are looked at together: calibration, sweeps of bounds, attention analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.model import EvidenceInput, EvidenceOutput
from perdure.evidence.track_geometry import SCORE_COLUMN
from perdure.gate.model import PersistenceModel
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable

NEVER = torch.iinfo(torch.int64).max
SCENES_PER_CHUNK = 16
"""Scenes that are run together; more only make attention matrices larger."""


def standardised_geometry(windows: TrackTable, score_scale: tuple[float, float]) -> Float[np.ndarray, "n l g"]:
    """Returns the geometry of windows with scores in standard deviations, 0 on a miss."""
    geometry = windows.known("geometry").copy()
    score = np.clip((geometry[..., SCORE_COLUMN] - score_scale[0]) / score_scale[1], -4.0, 4.0)
    geometry[..., SCORE_COLUMN] = score * windows.is_hit
    return geometry


def lifetime_evidence(windows: TrackTable, lifetime: LifetimeModel) -> Float[np.ndarray, "n l"]:
    """Returns the closed-form lifetime evidence of every frame in nats, 0 after a track's end."""
    return np.where(windows.is_valid, lifetime.evidence(windows.is_hit), 0.0)


def evidence_input(windows: TrackTable, model: PersistenceModel, feature: Tensor | None = None) -> EvidenceInput:
    """Returns windows as one chunk of evidence input."""
    is_valid = torch.from_numpy(windows.is_valid)
    return EvidenceInput(
        feature=feature,
        geometry=torch.from_numpy(standardised_geometry(windows, model.score_scale)),
        age=torch.arange(1, is_valid.shape[1] + 1).expand_as(is_valid),
        frame=torch.from_numpy(windows.frame),
        is_valid=is_valid,
        lifetime=torch.from_numpy(lifetime_evidence(windows, model.lifetime).astype(np.float32)),
        scene=torch.from_numpy(windows.unit),
    )


def visible_until(windows: TrackTable) -> Int[np.ndarray, " n"]:
    """Returns the last frame on which each track's tokens are seen by the others.

    That is its last frame where it ends within the windows: the gate frees its slot when the tracker deletes it, or
    when it is decided. `NEVER` where the windows end first.
    """
    num_seen = windows.is_valid.sum(axis=1)
    return np.where(num_seen < windows.is_valid.shape[1], windows.frame[:, 0] + num_seen - 1, NEVER)


@torch.inference_mode()
def run_offline(
    model: PersistenceModel, windows: TrackTable, *, shown_until: Int[np.ndarray, " n"] | None = None
) -> EvidenceOutput:
    """Returns evidence and attention of some tracks, all in one chunk.

    Args:
        model: in evaluation mode.
        windows: tracks of a few whole scenes.
        shown_until: last frame at which a track's tokens are shown to the others, if that is before its end.
    """
    feature = None
    if model.config.evidence.uses_pixels:
        feature, _ = model.extractor(to_input(torch.from_numpy(windows.known("crops"))))
    inputs = evidence_input(windows, model, feature)
    shown = visible_until(windows)
    if shown_until is not None:
        shown = np.minimum(shown, shown_until)
    output, _ = model.evidence(inputs, shown_until=torch.from_numpy(shown))
    return output


def scene_chunks(windows: TrackTable, size: int = SCENES_PER_CHUNK) -> Iterator[Int[np.ndarray, " m"]]:
    """Yields the rows of `size` whole scenes at a time."""
    scenes = np.unique(windows.unit)
    for start in range(0, len(scenes), size):
        yield np.flatnonzero(np.isin(windows.unit, scenes[start : start + size]))


def evidence_of(
    model: PersistenceModel,
    windows: TrackTable,
    *,
    shown_until: Int[np.ndarray, " n"] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Float[np.ndarray, "n l"]:
    """Returns the evidence of every track and frame in nats, NaN after a track's end."""
    evidence = np.full(windows.is_valid.shape, np.nan)
    for rows in scene_chunks(windows):
        shown = None if shown_until is None else shown_until[rows]
        output = run_offline(model, windows.take(rows), shown_until=shown)
        evidence[rows] = output.evidence.numpy()
        if on_progress is not None:
            on_progress(int(rows[-1]) + 1, len(windows))
    evidence[~windows.is_valid] = np.nan
    return evidence
