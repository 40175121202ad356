"""The MagVIT tokenizer: causal encoder, lookup-free quantization, causal decoder, all streaming.

Temporal stride is 1, so every frame yields its tokens at once: a transient lives one to three frames, and the
paper's stride of 4 would answer after its death. Shapes: S slots, T frames, x_STCHW.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from perdure.modules.convolution import CausalConv3d, FrameLayer, ResidualBlock, normalise
from perdure.modules.streaming import State, StreamingSequential
from perdure.tokenizer.config import TokenizerConfig
from perdure.tokenizer.quantizer import code_index, quantize


def _encoder(config: TokenizerConfig) -> StreamingSequential:
    size = config.crop_px // config.patch_px
    layers: list[object] = [FrameLayer(nn.PixelUnshuffle(config.patch_px))]
    previous = 3 * config.patch_px**2
    for level, count in enumerate(config.num_channels):
        stride = 1 if level == 0 else 2
        convolution = CausalConv3d(previous, count, kernel_t=1, kernel=3, stride=stride, input_size=(size, size))
        size //= stride
        blocks = [
            ResidualBlock(count, input_size=(size, size), is_factorised=config.is_factorised)
            for _ in range(config.num_blocks)
        ]
        layers += [convolution, *blocks]
        previous = count
    layers += [normalise(previous), FrameLayer(nn.Conv2d(previous, config.quantizer.num_bits, 1))]
    return StreamingSequential(*layers)  # type: ignore[arg-type]


def _decoder(config: TokenizerConfig) -> StreamingSequential:
    size, channels = config.grid, config.num_channels[::-1]
    layers: list[object] = [FrameLayer(nn.Conv2d(config.quantizer.num_bits, channels[0], 3, padding=1))]
    for level, count in enumerate(channels):
        layers += [
            ResidualBlock(count, input_size=(size, size), is_factorised=config.is_factorised)
            for _ in range(config.num_blocks)
        ]
        if level + 1 < len(channels):
            expand = nn.Conv2d(count, 4 * channels[level + 1], 3, padding=1)
            layers += [FrameLayer(nn.Sequential(expand, nn.PixelShuffle(2)))]
            size *= 2
    head = nn.Conv2d(channels[-1], 3 * config.patch_px**2, 3, padding=1)
    layers += [normalise(channels[-1]), FrameLayer(nn.Sequential(head, nn.PixelShuffle(config.patch_px)))]
    return StreamingSequential(*layers)  # type: ignore[arg-type]


class Tokenizer(nn.Module):
    """MAGVIT-v2 tokenizer with external slot state (arXiv 2310.05737).

    `encode` and `decode` take and return state; `state=None` starts fresh slots on the same code path.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _encoder(config)
        self.decoder = _decoder(config)

    def encode(
        self,
        x: Float[Tensor, "slot time 3 height width"],
        state: State | None = None,
        active: Tensor | None = None,
    ) -> tuple[Float[Tensor, "slot time grid grid bit"], State]:
        """Returns latents z before quantization (bit = sign of z), and the new state.

        Args:
            x: crops in [-1, 1].
            state: encoder state, None for fresh slots.
            active: slots that advance, None for all.
        """
        z, state = self.encoder(x, state, active)
        return z.movedim(2, -1), state

    def decode(
        self, code: Float[Tensor, "slot time grid grid bit"], state: State | None = None, active: Tensor | None = None
    ) -> tuple[Float[Tensor, "slot time 3 height width"], State]:
        """Returns reconstructed crops, about in [-1, 1], and the new state."""
        return self.decoder(code.movedim(-1, 2), state, active)

    @torch.no_grad()
    def tokens(self, x: Float[Tensor, "slot time 3 height width"]) -> Int[Tensor, "slot time grid grid"]:
        """Returns the code-book index of every token of whole sequences."""
        z, _ = self.encode(x)
        return code_index(quantize(z))


def to_input(crops: UInt8[Tensor, "slot time height width 3"]) -> Float[Tensor, "slot time 3 height width"]:
    """Returns uint8 RGB crops as floats in [-1, 1], channels before pixels."""
    return crops.movedim(-1, 2).float().div(127.5).sub(1.0)
