"""Looks at crops frame by frame, with the encoder of a tokenizer and by their contrast."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from perdure.evidence.look_features import LookMemory
from perdure.extractors.magvit import MagvitExtractor
from perdure.modules.streaming import (
    State,
    flatten_state,
    map_state,
    put_rows,
    reset_rows,
    take_rows,
    unflatten_state,
)
from perdure.tokenizer.model import to_input


class CropLooker:
    """Holds the state of the encoder and what was seen so far, a row per track; only rows asked for are computed.

    Args:
        extractor: whose tokenizer looks; frozen.
    """

    def __init__(self, extractor: MagvitExtractor) -> None:
        self.extractor = extractor
        config = extractor.tokenizer.config
        self._state: State = extractor.init_state(0)
        grid = (config.grid, config.grid, config.quantizer.num_bits)
        self._memory = LookMemory.fresh(0, grid=grid, size_px=config.crop_px)

    @property
    def flops_per_frame(self) -> int:
        """Floating-point operations of one crop."""
        return self.extractor.flops_per_frame

    def grow(self, extra: int) -> None:
        """Adds fresh rows at the end."""

        def join(old: Tensor, new: Tensor) -> Tensor:
            return torch.cat([old, new])

        self._state = map_state(join, self._state, self.extractor.init_state(extra))
        self._memory = self._memory.grown(extra)

    def reset(self, rows: Int[np.ndarray, " n"]) -> None:
        """Forgets what was seen in some rows."""
        self._state = reset_rows(self._state, torch.from_numpy(rows), self.extractor.init_state(len(rows)))
        self._memory = self._memory.reset(rows)

    @torch.inference_mode()
    def look(
        self, rows: Int[np.ndarray, " n"], crops: UInt8[np.ndarray, "n size size 3"]
    ) -> Float[np.ndarray, "n feature"]:
        """Returns the `look_features` of one more crop of each of some rows; all other rows stay as they are."""
        own = torch.from_numpy(rows)
        x = to_input(torch.from_numpy(crops)[:, None])
        latents, new_rows = self.extractor.latents(x, take_rows(self._state, own))
        self._state = put_rows(self._state, own, new_rows)
        features, self._memory = self._memory.advanced(rows, latents=latents[:, 0].numpy(), crops=crops)
        return features

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the memory by name, ready to be stored."""
        state = {f"encoder.{place}": value.numpy() for place, value in enumerate(flatten_state(self._state))}
        return state | self._memory.to_arrays()

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a memory of `to_arrays` of the same extractor."""
        like = self.extractor.init_state(0)
        tensors = [torch.from_numpy(arrays[f"encoder.{place}"].copy()) for place in range(len(flatten_state(like)))]
        self._state = unflatten_state(tensors, like)
        self._memory = LookMemory.from_arrays(arrays)
