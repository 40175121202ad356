"""How well the tokenizer keeps held-out pictures, and how much of its code book it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from perdure.gate.model import PersistenceModel
from perdure.metrics.image import CodeStatistics, code_statistics, psnr_db, squared_error
from perdure.tokenizer.model import to_input
from perdure.tokenizer.quantizer import code_index, quantize
from perdure.track_table import TrackTable
from perdure.training.offline import scene_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerQuality:
    """Reconstruction and code usage over held-out crops.

    Args:
        psnr_db: peak 255, error pooled over all pixels of all crops.
        codes: usage of the code book.
        bits_per_frame: size of one crop as tokens.
    """

    psnr_db: float
    codes: CodeStatistics
    bits_per_frame: int


@torch.inference_mode()
def tokenizer_quality(model: PersistenceModel, windows: TrackTable) -> TokenizerQuality:
    """Returns reconstruction error and code usage over all crops of some tracks, each track as one sequence."""
    tokenizer, config = model.extractor.tokenizer, model.config.tokenizer
    total, num_values, codes = 0.0, 0, []
    for rows in scene_chunks(windows):
        crops = windows.known("crops")[rows]
        is_valid = windows.is_valid[rows]
        z, _ = tokenizer.encode(to_input(torch.from_numpy(crops)))
        code = quantize(z)
        picture, _ = tokenizer.decode(code)
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(2, -1).numpy()
        error, count = squared_error(crops[is_valid], pixels[is_valid])
        total, num_values = total + error, num_values + count
        codes.append(code_index(code).numpy()[is_valid].ravel())
    num_bits = config.quantizer.num_bits
    return TokenizerQuality(
        psnr_db=psnr_db(total, num_values),
        codes=code_statistics(np.concatenate(codes), num_bits),
        bits_per_frame=config.grid**2 * num_bits,
    )
