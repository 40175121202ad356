"""Fidelity and use of codes over the pictures that exist, track by track."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from perdure.data.dataset import ClipDataset
from perdure.evaluation.tokenizer import kept_crops, tokenizer_quality
from perdure.gate.model import PersistenceModel
from perdure.tokenizer.model import to_input
from perdure.tokenizer.quantizer import quantize
from perdure.track_table import TrackTable


def test_figures_are_those_of_each_track_by_itself(model: PersistenceModel, windows: TrackTable) -> None:
    tokenizer, total, num_values, codes = model.extractor.tokenizer, 0.0, 0, []
    for crops, is_valid in zip(windows.crops, windows.is_valid, strict=True):
        num = int(is_valid.sum())
        with torch.no_grad():
            z, _ = tokenizer.encode(to_input(torch.from_numpy(crops[None, :num])))
            picture, _ = tokenizer.decode(quantize(z))
        pixels = np.round((np.clip(picture[0].movedim(1, -1).numpy(), -1, 1) + 1) * 127.5)
        total += float(((pixels - crops[:num]) ** 2).sum())
        num_values += pixels.size
        bits = (z[0].numpy() > 0).reshape(-1, 6)
        codes += ["".join("1" if bit else "0" for bit in row) for row in bits]
    found = tokenizer_quality(model, windows)
    assert found.psnr_db == pytest.approx(10 * math.log10(255**2 * num_values / total), abs=0.01)
    assert found.codes.num_tokens == len(codes) == int(windows.is_valid.sum()) * 4
    assert abs(found.codes.codes_used - len(set(codes))) <= 1
    assert found.bits_per_frame == 2 * 2 * 6


def test_what_stands_after_a_tracks_end_does_not_count(model: PersistenceModel, windows: TrackTable) -> None:
    crops = windows.crops.copy()
    crops[~windows.is_valid] = 255
    assert tokenizer_quality(model, replace(windows, crops=crops)) == tokenizer_quality(model, windows)


def test_kept_crops_stand_beside_what_they_are_copies_of(
    model: PersistenceModel, windows: TrackTable, small_set: ClipDataset
) -> None:
    clips = [small_set.clip(clip_id) for clip_id in small_set.split("test")[:2]]
    kept = kept_crops(clips, model, num_ages=3)
    assert kept.clip_id == tuple(clip.clip_id for clip in clips)
    assert kept.originals.shape == kept.copies.shape == (2, 3, *kept.originals.shape[2:])
    pictures, rows = kept.pictures(), kept.to_dict()["tracks"]
    np.testing.assert_array_equal(pictures[:6], np.concatenate([kept.originals[0], kept.copies[0]]))
    error = ((kept.originals[1].astype(float) - kept.copies[1]) ** 2).mean()
    assert rows[1]["psnr_db"] == pytest.approx(10 * math.log10(255**2 / error))
