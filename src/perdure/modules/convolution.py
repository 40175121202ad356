"""Causal 3D convolution and what stands around it in a MAGVIT-v2 encoder and decoder.

Shapes: S slots, T frames, C channels, H W pixels; every tensor is x_STCHW. Nothing pools or normalises over time:
GroupNorm statistics are those of one frame (a norm over T, H, W would see the future).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perdure.modules.streaming import StreamingModule, StreamingSequential


@dataclass(frozen=True, slots=True)
class ConvolutionState:
    """The last `kernel_t - 1` input frames of each slot; zeros before the first one."""

    past: Float[Tensor, "slot past channel height width"]


Stateless = tuple[()]
"""State of a layer that looks at one frame only: nothing, so that nothing is copied from frame to frame."""


class CausalConv3d(StreamingModule):
    """3D convolution that sees the current and earlier frames only (MAGVIT-v2, arXiv 2310.05737, section 3.1).

    Padding in time is `kernel_t - 1` zero frames in front and none behind: a fresh slot is a zeroed state. The
    weight has the layout of `nn.Conv3d` (out, in, kernel_t, kernel, kernel). It runs as one 2D convolution over the
    kernel_t stacked frames, which on a CPU is at least as fast as a 3D one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_t: int,
        kernel: int,
        stride: int = 1,
        input_size: tuple[int, int],
        bias: bool = True,
    ) -> None:
        super().__init__()
        reference = nn.Conv3d(in_channels, out_channels, (kernel_t, kernel, kernel), bias=bias)
        self.weight, self.bias = reference.weight, reference.bias
        self.kernel_t, self.kernel, self.stride = kernel_t, kernel, stride
        self.in_channels, self.input_size = in_channels, input_size

    def init_state(self, num_slots: int) -> ConvolutionState | Stateless:
        """Returns zeros: a fresh slot has seen black frames, which also tells the network that it is fresh."""
        if self.kernel_t == 1:
            return ()
        shape = (num_slots, self.kernel_t - 1, self.in_channels, *self.input_size)
        return ConvolutionState(past=self.weight.new_zeros(shape))

    def step(self, x: Tensor, state: ConvolutionState | Stateless) -> tuple[Tensor, ConvolutionState | Stateless]:
        """Returns the convolved chunk (height and width divided by the stride) and its last input frames."""
        num_slots, num_frames = x.shape[:2]
        stacked = x
        if isinstance(state, ConvolutionState):
            history = torch.cat([state.past.to(x.dtype), x], dim=1)
            stacked = torch.cat([history[:, tap : tap + num_frames] for tap in range(self.kernel_t)], dim=2)
            state = ConvolutionState(past=history[:, num_frames:])
        weight = self.weight.transpose(1, 2).flatten(1, 2)
        y = functional.conv2d(stacked.flatten(0, 1), weight, self.bias, stride=self.stride, padding=self.kernel // 2)
        return y.unflatten(0, (num_slots, num_frames)), state


class FrameLayer(StreamingModule):
    """Wraps a layer of images so that it runs on every frame by itself; it has no state."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def init_state(self, num_slots: int) -> Stateless:
        """Returns a state that holds nothing."""
        return ()

    def step(self, x: Tensor, state: Stateless) -> tuple[Tensor, Stateless]:
        """Returns the layer's output on every frame of the chunk."""
        frames = x.flatten(0, 1)
        if len(frames) == 0:
            # Some layers (nn.PixelShuffle) pass an empty batch through unchanged: ask one frame for the shape.
            return self.layer(x.new_zeros(1, *frames.shape[1:]))[:0].unflatten(0, x.shape[:2]), state
        return self.layer(frames).unflatten(0, x.shape[:2]), state


def normalise(num_channels: int, num_groups: int = 8) -> FrameLayer:
    """Returns a per-frame GroupNorm followed by SiLU."""
    return FrameLayer(nn.Sequential(nn.GroupNorm(num_groups, num_channels), nn.SiLU()))


class ResidualBlock(StreamingModule):
    """x + conv_t(norm(conv_s(norm(x)))): a spatial and a causal temporal convolution, or two full 3x3x3 ones."""

    def __init__(self, num_channels: int, *, input_size: tuple[int, int], is_factorised: bool = True) -> None:
        super().__init__()
        first_kernel_t, second_kernel = (1, 1) if is_factorised else (3, 3)
        self.body = StreamingSequential(
            normalise(num_channels),
            CausalConv3d(num_channels, num_channels, kernel_t=first_kernel_t, kernel=3, input_size=input_size),
            normalise(num_channels),
            CausalConv3d(num_channels, num_channels, kernel_t=3, kernel=second_kernel, input_size=input_size),
        )

    def init_state(self, num_slots: int) -> tuple[object, ...]:
        """Returns the states of both convolutions and what stands around them."""
        return self.body.init_state(num_slots)

    def step(self, x: Tensor, state: tuple[object, ...]) -> tuple[Tensor, tuple[object, ...]]:
        """Returns a chunk of the same shape."""
        y, state = self.body.step(x, state)
        return x + y, state
