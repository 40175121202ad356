"""Everything that is read off the crops of tracks: features of tokens, then features of contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.evidence.contrast_features import NUM_CONTRASTS, ContrastMemory
from perdure.evidence.slot_rows import SlotRows, over_ages
from perdure.evidence.token_features import TokenMemory, num_features


def num_looks(num_bits: int) -> int:
    """Returns the number of features, for tokens of so many bits."""
    return num_features(num_bits) + NUM_CONTRASTS


def look_kinds(num_looks: int) -> tuple[int, int]:
    """Returns how many of so many features are of tokens, and how many of contrast."""
    return num_looks - NUM_CONTRASTS, NUM_CONTRASTS


@dataclass(frozen=True, slots=True, kw_only=True)
class LookMemory(SlotRows):
    """What is remembered of the crops of n tracks, a row each."""

    tokens: TokenMemory
    contrasts: ContrastMemory

    @classmethod
    def fresh(cls, num: int, *, grid: tuple[int, int, int], size_px: int) -> LookMemory:
        """Returns rows before their first crop.

        Args:
            num: rows.
            grid: rows and columns of the token grid, and bits of a token.
            size_px: side of a crop.
        """
        return cls(tokens=TokenMemory.fresh(num, grid), contrasts=ContrastMemory.fresh(num, size_px))

    def advanced(
        self,
        rows: Int[np.ndarray, " m"],
        latents: Float[np.ndarray, "m rows columns bit"],
        crops: UInt8[np.ndarray, "m size size 3"],
    ) -> tuple[Float[np.ndarray, "m feature"], LookMemory]:
        """Returns the features of some rows after one more crop, and the memory after it."""
        token_part, tokens = self.tokens.advanced(rows, latents)
        contrast_part, contrasts = self.contrasts.advanced(rows, crops)
        return np.concatenate([token_part, contrast_part], axis=1), LookMemory(tokens=tokens, contrasts=contrasts)


def look_features(
    latents: Float[np.ndarray, "n l rows columns bit"], crops: UInt8[np.ndarray, "n l size size 3"]
) -> Float[np.ndarray, "n l feature"]:
    """Returns the features of whole tracks: one row per track and age."""
    num, _, *grid = latents.shape
    memory = LookMemory.fresh(num, grid=(grid[0], grid[1], grid[2]), size_px=crops.shape[2])
    return over_ages(memory, latents, crops)
