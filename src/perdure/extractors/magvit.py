"""The MagVIT extractor: all bits of the token grid of each frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perdure.modules.convolution import CausalConv3d
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
        """Floating-point operations of one streaming step of one track: two a weight and place that it is used at.

        Only convolutions count, as in the tools that count while a network runs; those take seconds to load.
        """
        return sum(2 * weight.numel() * side**2 for weight, side in self._convolutions())

    def _convolutions(self) -> Iterator[tuple[Tensor, int]]:
        """Yields the weight of every convolution of the encoder, and the side of the grid that comes out of it."""
        side = 0
        for layer in self.tokenizer.encoder.modules():
            if isinstance(layer, CausalConv3d):
                side = layer.input_size[0] // layer.stride
                yield layer.weight, side
            elif isinstance(layer, nn.Conv2d):  # the head, on the grid of the last level
                yield layer.weight, side

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
