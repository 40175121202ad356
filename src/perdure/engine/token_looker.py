"""Looks at crops with the encoder of a tokenizer, frame by frame, and says what their tokens look like."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from perdure.evidence.token_features import TokenMemory
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


class TokenLooker:
    """Holds the state of the encoder and the memory of tokens, a row per track; only the rows asked for are computed.

    Args:
        extractor: whose tokenizer looks; frozen.
    """

    def __init__(self, extractor: MagvitExtractor) -> None:
        self.extractor = extractor
        config = extractor.tokenizer.config
        self._grid = (config.grid, config.grid, config.quantizer.num_bits)
        self._state: State = extractor.init_state(0)
        self._memory = TokenMemory.fresh(0, self._grid)

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
        """Returns the token features of one more crop of each of some rows; all other rows stay as they are."""
        own = torch.from_numpy(rows)
        x = to_input(torch.from_numpy(crops)[:, None])
        latents, new_rows = self.extractor.latents(x, take_rows(self._state, own))
        self._state = put_rows(self._state, own, new_rows)
        features, self._memory = self._memory.advanced(rows, latents[:, 0].numpy())
        return features

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the memory by name, ready to be stored."""
        state = {f"encoder.{place}": value.numpy() for place, value in enumerate(flatten_state(self._state))}
        return state | {f"tokens.{name}": value for name, value in self._memory.to_arrays().items()}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a memory of `to_arrays` of the same extractor."""
        like = self.extractor.init_state(0)
        tensors = [torch.from_numpy(arrays[f"encoder.{place}"].copy()) for place in range(len(flatten_state(like)))]
        self._state = unflatten_state(tensors, like)
        stored = {name.removeprefix("tokens."): value.copy() for name, value in arrays.items() if "tokens." in name}
        self._memory = TokenMemory(**stored)
