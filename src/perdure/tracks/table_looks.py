"""What is seen on the crops of tracks that are known by their boxes: videos are read again and a tokenizer looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8

from perdure.data.mot_sequence import MotSequence
from perdure.evidence.look_features import look_features
from perdure.extractors.magvit import MagvitExtractor
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable
from perdure.tracking.crops import CropConfig, crop_tracks

TRACKS_AT_ONCE = 64
"""Tracks that are encoded together."""


def table_looks(
    table: TrackTable,
    sequences: Sequence[MotSequence],
    extractor: MagvitExtractor,
    crop: CropConfig,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[np.ndarray, "n l feature"]:
    """Returns `look_features` of every track at every age, on missed frames as well; zeros after a track's end.

    Args:
        table: tracks; their groups are the places of their sequences.
        sequences: with video.
        extractor: what looks; it must not have been trained on these sequences.
        crop: how crops are cut.
        on_progress: told how many sequences are done.

    Raises:
        ValueError: a sequence has no video.
    """
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for place, sequence in enumerate(sequences):
        rows = np.flatnonzero(table.group == place)
        if len(rows):
            crops = _crops(table.take(rows), sequence, crop)
            parts.append((rows, look_features(_latents(extractor, crops), crops)))
        on_progress(place + 1, len(sequences))
    found = np.zeros((*table.is_valid.shape, parts[0][1].shape[2] if parts else 0), dtype=np.float32)
    for rows, features in parts:
        found[rows] = np.where(table.is_valid[rows, :, None], features, 0.0)
    return found


def _crops(table: TrackTable, sequence: MotSequence, config: CropConfig) -> UInt8[np.ndarray, "n l s s 3"]:
    crops = np.zeros((*table.is_valid.shape, config.size_px, config.size_px, 3), dtype=np.uint8)
    for index, frame in sequence.pictures():
        age = index - table.birth_frame
        rows = np.flatnonzero((age >= 0) & (age < table.num_ages))
        rows = rows[table.is_valid[rows, age[rows]]]
        if len(rows) and frame is not None:
            boxes = table.known("xyxy_px")[rows, age[rows]].astype(np.float64)
            crops[rows, age[rows]] = crop_tracks(frame, boxes, size_px=config.size_px, context=config.context)
    return crops


@torch.no_grad()
def _latents(extractor: MagvitExtractor, crops: UInt8[np.ndarray, "n l s s 3"]) -> Float[np.ndarray, "n l r c bit"]:
    parts = np.array_split(crops, max(1, -(-len(crops) // TRACKS_AT_ONCE)))
    encode = extractor.latents
    return np.concatenate([encode(to_input(torch.from_numpy(part)))[0].numpy() for part in parts])
