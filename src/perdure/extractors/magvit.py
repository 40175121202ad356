"""The MagVIT extractor: all bits of the token grid of each frame."""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from perdure.modules.streaming import State
from perdure.tokenizer.config import TokenizerConfig
from perdure.tokenizer.model import Tokenizer
from perdure.tokenizer.quantizer import quantize


class MagvitExtractor(nn.Module):
    """Encoder and quantizer of the tokenizer; a feature is the flattened grid of codes in {-1, +1}.

    Streams frame by frame: no frame is encoded twice, and a feature is there with its frame.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.tokenizer = Tokenizer(config)
        self.feature_dim = config.feature_dim

    @cached_property
    def flops_per_frame(self) -> int:
        """Floating-point operations of one streaming step of one track, counted on the layers that really run."""
        size = self.tokenizer.config.crop_px
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            self.tokenizer.encode(torch.zeros(1, 1, 3, size, size, device=next(self.parameters()).device))
        return int(counter.get_total_flops())

    def init_state(self, num_slots: int) -> State:
        """Returns the encoder state of fresh slots."""
        return self.tokenizer.encoder.init_state(num_slots)

    def latents(
        self, crops: Float[Tensor, "slot time 3 height width"], state: State | None = None
    ) -> tuple[Float[Tensor, "slot time grid grid bit"], State]:
        """Returns latents before quantization, for training."""
        return self.tokenizer.encode(crops, state)

    def forward(
        self,
        crops: Float[Tensor, "slot time 3 height width"],
        state: State | None = None,
        active: Bool[Tensor, " slot"] | None = None,
    ) -> tuple[Float[Tensor, "slot time feature"], State]:
        """Returns the codes of every frame, flattened (zeros for slots that are not active), and the new state."""
        z, state = self.tokenizer.encode(crops, state, active)
        feature = quantize(z).flatten(2)
        if active is not None:
            feature = feature.masked_fill(~active[:, None, None], 0.0)
        return feature, state
