"""Looks at crops frame by frame, with the encoder of a tokenizer and by their contrast."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from perdure.evidence.look_features import LookMemory
from perdure.extractors.magvit import MagvitExtractor
from perdure.modules.streaming import put_rows, reset_rows, resize_rows, state_from_arrays, state_to_arrays, take_rows
from perdure.rewind import Rewindable
from perdure.tokenizer.model import to_input


class CropLooker(Rewindable):
    """Holds the state of the encoder and what was seen so far, a slot per track; only slots asked for are computed.

    Args:
        extractor: whose tokenizer looks; frozen.
    """

    def __init__(self, extractor: MagvitExtractor) -> None:
        self.extractor = extractor
        config = extractor.tokenizer.config
        self._state = extractor.init_state(0)
        grid = (config.grid, config.grid, config.quantizer.num_bits)
        self._memory = LookMemory.fresh(0, grid=grid, size_px=config.crop_px)

    @property
    def flops_per_frame(self) -> int:
        """Floating-point operations of one crop."""
        return self.extractor.flops_per_frame

    def resize(self, num: int) -> None:
        """Has so many slots from now on: fresh ones at the end, or those at the end forgotten."""
        extra = max(num - len(self._memory.tokens.age), 0)
        self._state = resize_rows(self._state, num, self.extractor.init_state(extra))
        self._memory = self._memory.resized(num)

    def reset(self, slots: Int[np.ndarray, " n"]) -> None:
        """Makes slots fresh."""
        self._state = reset_rows(self._state, torch.from_numpy(slots), self.extractor.init_state(len(slots)))
        self._memory = self._memory.reset(slots)

    @torch.inference_mode()
    def look(
        self, slots: Int[np.ndarray, " n"], crops: UInt8[np.ndarray, "n size size 3"]
    ) -> Float[np.ndarray, "n feature"]:
        """Returns the `look_features` of one more crop of each of some slots; all others stay as they are."""
        own = torch.from_numpy(slots)
        x = to_input(torch.from_numpy(crops)[:, None])
        latents, new_rows = self.extractor.latents(x, take_rows(self._state, own))
        self._state = put_rows(self._state, own, new_rows)
        features, self._memory = self._memory.advanced(slots, latents[:, 0].numpy(), crops)
        return features

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Returns the memory by name, ready to be stored."""
        memory = {prefix + name: value for name, value in self._memory.to_arrays().items()}
        return state_to_arrays(self._state, f"{prefix}encoder") | memory

    def set_arrays(self, arrays: dict[str, np.ndarray], prefix: str) -> None:
        """Continues from a memory of `to_arrays` of the same extractor."""
        self._state = state_from_arrays(arrays, f"{prefix}encoder", self._state)
        self._memory = self._memory.filled(arrays, prefix)
