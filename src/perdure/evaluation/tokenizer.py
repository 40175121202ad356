"""How well the tokenizer keeps held-out pictures, and how much of its code book it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from perdure.gate.model import PersistenceModel
from perdure.metrics.image import CodeStatistics, code_statistics, psnr_db, squared_error
from perdure.tokenizer.model import to_input
from perdure.tokenizer.quantizer import code_index, quantize
from perdure.track_table import TrackTable
from perdure.training.offline import scene_chunks
from perdure.training.windows import clip_windows
from perdure.types import Clip


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
def reconstructed(
    model: PersistenceModel, crops: UInt8[np.ndarray, "n l s s 3"]
) -> tuple[UInt8[np.ndarray, "n l s s 3"], torch.Tensor]:
    """Returns crops as the decoder gives them back from their tokens, and the tokens; each track is one sequence."""
    tokenizer = model.extractor.tokenizer
    z, _ = tokenizer.encode(to_input(torch.from_numpy(crops)))
    code = quantize(z)
    picture, _ = tokenizer.decode(code)
    return ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(2, -1).numpy(), code


@torch.inference_mode()
def tokenizer_quality(model: PersistenceModel, windows: TrackTable) -> TokenizerQuality:
    """Returns reconstruction error and code usage over all crops of some tracks, each track as one sequence."""
    config = model.config.tokenizer
    total, num_values, codes = 0.0, 0, []
    for rows in scene_chunks(windows):
        crops = windows.known("crops")[rows]
        is_valid = windows.is_valid[rows]
        pixels, code = reconstructed(model, crops)
        error, count = squared_error(crops[is_valid], pixels[is_valid])
        total, num_values = total + error, num_values + count
        codes.append(code_index(code).numpy()[is_valid].ravel())
    num_bits = config.quantizer.num_bits
    return TokenizerQuality(
        psnr_db=psnr_db(total, num_values),
        codes=code_statistics(np.concatenate(codes), num_bits),
        bits_per_frame=config.grid**2 * num_bits,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCrops:
    """Crops of some tracks beside what the tokenizer keeps of them.

    Args:
        clip_id: clip of each track.
        track_id: number of each track within it.
        originals: as they were cut out.
        copies: as the decoder gives them back from tokens.
    """

    clip_id: tuple[str, ...]
    track_id: tuple[int, ...]
    originals: UInt8[np.ndarray, "n l s s 3"]
    copies: UInt8[np.ndarray, "n l s s 3"]

    @property
    def num_ages(self) -> int:
        """Frames of each track."""
        return self.originals.shape[1]

    def pictures(self) -> UInt8[np.ndarray, "k s s 3"]:
        """Returns all crops in order: for each track its originals, then its copies."""
        return np.stack([self.originals, self.copies], axis=1).reshape(-1, *self.originals.shape[2:])

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells the pictures apart, with the quality of each track's copies."""
        rows = [
            {"clip_id": clip_id, "track_id": track_id, "psnr_db": psnr_db(*squared_error(original, copy))}
            for clip_id, track_id, original, copy in zip(
                self.clip_id, self.track_id, self.originals, self.copies, strict=True
            )
        ]
        return {"num_ages": self.num_ages, "crop_px": self.originals.shape[2], "tracks": rows}


@torch.inference_mode()
def kept_crops(clips: Sequence[Clip], model: PersistenceModel, *, num_tracks: int = 6, num_ages: int = 6) -> KeptCrops:
    """Returns the first crops of some tracks, one of each clip, and what the tokenizer keeps of them.

    Args:
        clips: with ground truth; the longest-lived track of each is shown, the first of several.
        model: with a tokenizer.
        num_tracks: at most.
        num_ages: frames of each track, from birth on.
    """
    taken = list(clips[:num_tracks])
    windows = clip_windows(taken, operation=model.operation, num_ages=num_ages)
    length = windows.is_valid.sum(axis=1)
    rows = [int(np.flatnonzero(windows.group == group)[np.argmax(length[windows.group == group])])
            for group in np.unique(windows.group).tolist()]  # fmt: skip
    crops = windows.known("crops")[rows]
    return KeptCrops(
        clip_id=tuple(taken[group].clip_id for group in windows.group[rows].tolist()),
        track_id=tuple(windows.known("track_id")[rows].tolist()),
        originals=crops,
        copies=reconstructed(model, crops)[0],
    )
