"""Numbers per track and frame from the tokens of its crops: what they look like, and how steady they are.

What persists shows the same tokens frame after frame, also on frames that the detector missed; what flickers does not.
A stream of rows: each frame is taken in once, and training and the gate run this same code. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.slot_rows import SlotRows

NUM_STEADINESS = 4
"""Shares of equal bits: whole crop and centre, each against the frame before and against birth."""


def num_features(num_bits: int) -> int:
    """Returns the number of features of tokens with so many bits."""
    return 2 * (NUM_STEADINESS + 3 * num_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMemory(SlotRows):
    """What is remembered of the tokens of n tracks, a row each.

    Args:
        before: bits of the last frame.
        birth: bits of the first frame.
        total: sums since birth of steadiness and looks.
        age: frames taken in.
    """

    before: Bool[np.ndarray, "n rows columns bit"]
    birth: Bool[np.ndarray, "n rows columns bit"]
    total: Float[np.ndarray, "n value"]
    age: Int[np.ndarray, " n"]

    @classmethod
    def fresh(cls, num: int, grid: tuple[int, int, int]) -> TokenMemory:
        """Returns rows before their first frame.

        Args:
            num: rows.
            grid: rows and columns of the token grid, and bits of a token.
        """
        bits = np.zeros((num, *grid), dtype=bool)
        return cls(
            before=bits,
            birth=bits.copy(),
            total=np.zeros((num, num_features(grid[2]) // 2)),
            age=np.zeros(num, dtype=np.int64),
        )

    def advanced(
        self, rows: Int[np.ndarray, " m"], latents: Float[np.ndarray, "m rows columns bit"]
    ) -> tuple[Float[np.ndarray, "m feature"], TokenMemory]:
        """Returns the features of some rows after one more frame, and the memory after it.

        Steadiness is the share of bits that equal those of the frame before, and of the birth frame, over the whole
        crop and over its centre; looks are latents averaged over the centre, over the whole crop, and their
        difference. A feature row holds steadiness, its mean since birth, looks, and their mean since birth.

        Args:
            rows: which tracks.
            latents: of the encoder before quantization; their signs are the bits (Yu et al. 2024, section 3.1).
        """
        bits, is_first = latents > 0, self.age[rows] == 0
        at_birth = is_first[:, None, None, None]
        before = np.where(at_birth, bits, self.before[rows])
        birth = np.where(at_birth, bits, self.birth[rows])
        inside = _centre(latents.shape[1], latents.shape[2])
        steady = [
            (part == other)[where].mean(axis=(1, 2, 3))
            for where in ((), inside)
            for part, other in ((bits, before), (bits, birth))
        ]
        centre, whole = (latents[where].astype(np.float64).mean(axis=(1, 2)) for where in (inside, ()))
        values = np.concatenate([np.stack(steady, axis=1), centre, whole, centre - whole], axis=1)
        age, total = self.age[rows] + 1, self.total[rows] + values
        mean = total / age[:, None]
        parts = [(part[:, :NUM_STEADINESS], part[:, NUM_STEADINESS:]) for part in (values, mean)]
        return np.concatenate([parts[0][0], parts[1][0], parts[0][1], parts[1][1]], axis=1), self.put(
            rows, before=bits, birth=birth, total=total, age=age
        )


def _centre(num_rows: int, num_columns: int) -> tuple[slice, slice, slice]:
    """Returns the index of the middle half of a grid, after the first axis."""
    rows, columns = num_rows // 4, num_columns // 4
    return (slice(None), slice(rows, num_rows - rows), slice(columns, num_columns - columns))
