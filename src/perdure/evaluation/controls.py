"""Proof that the model looks: decisions with pictures swapped, with names scrambled, and from one shortcut alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.data.dataset import ClipDataset
from perdure.evaluation.decide import StreamOutcome, decide_clips
from perdure.gate.model import PersistenceModel
from perdure.metrics.calibration_error import area_under_curve
from perdure.stopping.rules import StoppingRule
from perdure.track_table import TrackTable
from perdure.types import Clip, Detections


def with_swapped_crops(windows: TrackTable, rng: np.random.Generator) -> TrackTable:
    """Returns windows in which every track shows another track's pictures of the same age.

    The pictures go round in one random circle, so no track keeps its own. A track that outlives its partner shows
    the partner's last picture.
    """
    order = rng.permutation(len(windows))
    partner = np.empty_like(order)
    partner[order] = np.roll(order, 1)
    last = windows.is_valid.sum(axis=1) - 1
    age = np.minimum(np.arange(windows.is_valid.shape[1])[None, :], last[partner][:, None])
    return windows.with_columns(crops=windows.known("crops")[partner[:, None], age])


def scrambled(clip: Clip, name: str, rng: np.random.Generator) -> tuple[Clip, list[Int[np.ndarray, " n"]]]:
    """Returns the same clip under another name with the detections of every frame in another order.

    Another order of detections gives tracks other ids and other slots.

    Returns:
        The clip, and for each frame the old row of every detection.
    """
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for evaluation")
    orders = [rng.permutation(len(detections)) for detections in clip.detections]
    detections = tuple(
        Detections(
            xyxy_px=found.xyxy_px[order],
            score=found.score[order],
            class_id=found.class_id[order],
            cue=found.cue[order],
        )
        for found, order in zip(clip.detections, orders, strict=True)
    )
    owner = tuple(rows[order] for rows, order in zip(clip.truth.detection_owner, orders, strict=True))
    truth = replace(clip.truth, detection_owner=owner)
    return replace(clip, clip_id=name, detections=detections, truth=truth), orders


def count_changed_by_scrambling(
    dataset: ClipDataset, clip_ids: list[str], model: PersistenceModel, rule: StoppingRule, *, seed: int
) -> int:
    """Returns how many decisions change when clip names, their order, and the order of detections are scrambled.

    Decisions are compared object by object, since track ids are scrambled too.
    """
    rng = np.random.default_rng(seed)
    clips = [dataset.clip(clip_id) for clip_id in clip_ids]
    order = rng.permutation(len(clips))
    renamed = [scrambled(clips[row], f"scrambled-{place}", rng)[0] for place, row in enumerate(order)]
    before = decide_clips(clips, model, rule, association="truth")
    after = decide_clips(renamed, model, rule, association="truth")
    changed = 0
    for place, row in enumerate(order):
        old, new = _decisions(before[row]), _decisions(after[place])
        changed += sum(old.get(number) != new.get(number) for number in old.keys() | new.keys())
    return changed


def _decisions(outcome: StreamOutcome) -> dict[int, tuple[str, int]]:
    """Returns label and age by object."""
    return {outcome.object_of_track[item.track_id]: (item.label, item.decision_frame) for item in outcome.records}


def shortcut_scores(windows: TrackTable) -> dict[str, float]:
    """Returns how well colour, size or position at birth alone tell the classes apart: area under the curve.

    0.5 is chance; each is folded about 0.5, so the direction of a rule does not matter.
    """
    first = windows.known("crops")[:, 0].astype(np.float64)
    red = first[..., 0].mean(axis=(1, 2)) - first.mean(axis=(1, 2, 3))
    centre = np.abs(windows.known("geometry")[:, 0, :2]).max(axis=1).astype(np.float64)
    size = windows.known("geometry")[:, 0, 2:4].sum(axis=1).astype(np.float64)
    values = {"red": red, "size": size, "position": centre}
    return {name: _folded(value, windows.is_persistent) for name, value in values.items()}


def _folded(score: Float[np.ndarray, " n"], is_persistent: Bool[np.ndarray, " n"]) -> float:
    area = area_under_curve(score, is_persistent)
    return max(area, 1 - area)
