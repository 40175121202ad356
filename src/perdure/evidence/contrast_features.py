"""Numbers per track and frame from the pixels of its crops: how far a target stands out, and whether it stays alike.

The classic measures of small targets (local contrast, correlation with what was there before), beside the tokens. A
stream of rows: each frame is taken in once, and training and the gate run this same code. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perdure.evidence.slot_rows import SlotRows

NUM_MEASURES = 10
"""Seven of contrast, its size without its sign, and correlation with birth and with the frame before."""
NUM_CONTRASTS = 2 * NUM_MEASURES
"""Features: the measures of this frame and their means since birth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastMemory(SlotRows):
    """What is remembered of the crops of n tracks, a row each.

    Args:
        before: middle of the last crop, grey.
        birth: middle of the first crop.
        total: sums of the measures since birth.
        age: frames taken in.
    """

    before: Float[np.ndarray, "n half half"]
    birth: Float[np.ndarray, "n half half"]
    total: Float[np.ndarray, "n measure"]
    age: Int[np.ndarray, " n"]

    @classmethod
    def fresh(cls, num: int, size_px: int) -> ContrastMemory:
        """Returns rows before their first crop, whose side is `size_px`."""
        side = size_px - 2 * (size_px // 4)
        middle = np.zeros((num, side, side), dtype=np.float32)
        return cls(
            before=middle,
            birth=middle.copy(),
            total=np.zeros((num, NUM_MEASURES)),
            age=np.zeros(num, dtype=np.int64),
        )

    def advanced(
        self, rows: Int[np.ndarray, " m"], crops: UInt8[np.ndarray, "m size size 3"]
    ) -> tuple[Float[np.ndarray, "m feature"], ContrastMemory]:
        """Returns the features of some rows after one more crop, and the memory after it."""
        grey = crops.astype(np.float32).mean(axis=3)
        quarter, side = grey.shape[1] // 4, self.before.shape[1]
        middle = grey[:, quarter : quarter + side, quarter : quarter + side]
        is_first = (self.age[rows] == 0)[:, None, None]
        before, birth = (np.where(is_first, middle, old[rows]) for old in (self.before, self.birth))
        contrast = _contrast(grey)
        measures = np.column_stack(
            [contrast, np.abs(contrast[:, 0]), _correlation(middle, birth), _correlation(middle, before)]
        )
        age, total = self.age[rows] + 1, self.total[rows] + measures
        memory = self.put(rows, before=middle, birth=birth, total=total, age=age)
        return np.concatenate([measures, total / age[:, None]], axis=1), memory


@cache
def _masks(size_px: int) -> tuple[Bool[np.ndarray, "size size"], Bool[np.ndarray, "size size"]]:
    """Returns the core of a crop, where the target is, and the ring around it, where it is not."""
    offset = np.abs(np.arange(size_px) - (size_px - 1) / 2)
    distance = np.maximum(offset[:, None], offset[None, :])
    return distance < size_px / 6, distance > size_px / 3


def _contrast(grey: Float[np.ndarray, "m size size"]) -> Float[np.ndarray, "m measure"]:
    """Returns seven measures of how the core of each picture differs from the ring around it.

    Mean, brightest and darkest pixel of the core against the ring in units of the ring's noise, the difference of
    means in grey levels, and mean of core, mean of ring and noise of ring themselves.
    """
    core, ring = (grey[:, mask] for mask in _masks(grey.shape[1]))
    level, noise = ring.mean(axis=1), ring.std(axis=1) + 1.0
    mean = core.mean(axis=1)
    standing_out = [(value - level) / noise for value in (mean, core.max(axis=1), core.min(axis=1))]
    return np.column_stack([*standing_out, mean - level, mean, level, noise]).astype(np.float64)


def _correlation(a: Float[np.ndarray, "m h w"], b: Float[np.ndarray, "m h w"]) -> Float[np.ndarray, " m"]:
    """Returns the normalised cross-correlation of pairs of pictures, in [-1, 1]; 0 for one without any contrast."""
    a, b = (value - value.mean(axis=(1, 2), keepdims=True) for value in (a, b))
    power = (a * a).sum(axis=(1, 2)) * (b * b).sum(axis=(1, 2))
    return ((a * b).sum(axis=(1, 2)) / np.sqrt(power + 1e-3)).astype(np.float64)
