"""Every streaming layer keeps the three promises, and the convolution is the one it claims to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import streaming_contract as contract
from perdure.modules.convolution import CausalConv3d, FrameLayer, ResidualBlock, normalise
from perdure.modules.streaming import StreamingModule, StreamingSequential

NUM_SLOTS, NUM_CHANNELS, SIDE = 5, 8, 6
SIZE = (SIDE, SIDE)


def convolution(**changes: Any) -> CausalConv3d:
    arguments = {"kernel_t": 3, "kernel": 3, "input_size": SIZE} | changes
    return CausalConv3d(NUM_CHANNELS, NUM_CHANNELS, **arguments)


LAYERS: dict[str, Callable[[], StreamingModule]] = {
    "conv 3x3x3": convolution,
    "conv 3x1x1": lambda: convolution(kernel=1),
    "conv 1x3x3, stride 2": lambda: convolution(kernel_t=1, stride=2),
    "conv 3x3x3, stride 2": lambda: convolution(stride=2, bias=False),
    "conv 5x3x3": lambda: convolution(kernel_t=5),
    "normalise": lambda: normalise(NUM_CHANNELS),
    "pixel shuffle": lambda: FrameLayer(nn.PixelShuffle(2)),
    "frame layer": lambda: FrameLayer(nn.Conv2d(NUM_CHANNELS, 4, 3, padding=1)),
    "residual, factorised": lambda: ResidualBlock(NUM_CHANNELS, input_size=SIZE),
    "residual, full": lambda: ResidualBlock(NUM_CHANNELS, input_size=SIZE, is_factorised=False),
    "sequence": lambda: StreamingSequential(
        convolution(stride=2), normalise(NUM_CHANNELS), ResidualBlock(NUM_CHANNELS, input_size=(3, 3))
    ),
}


def changed(inputs: Tensor, slots: Iterable[int], frames: range) -> Tensor:
    other = inputs.clone()
    generator = torch.Generator().manual_seed(99)
    for slot in slots:
        other[slot, frames] = torch.randn(other[slot, frames].shape, generator=generator)
    return other


@pytest.fixture(params=LAYERS, ids=str)
def stream(request: pytest.FixtureRequest) -> contract.Stream:
    torch.manual_seed(0)
    layer = LAYERS[request.param]().eval()
    return contract.Stream(
        advance=lambda x, start, stop, state, active: layer(x[:, start:stop], state, active),
        init_state=layer.init_state,
        inputs=torch.randn(NUM_SLOTS, contract.NUM_FRAMES, NUM_CHANNELS, *SIZE),
        changed=changed,
        num_slots=NUM_SLOTS,
    )


def test_causal(stream: contract.Stream) -> None:
    contract.assert_causal(stream)


def test_equal_in_any_chunking(stream: contract.Stream) -> None:
    contract.assert_equal_in_any_chunking(stream, atol=1e-5)


def test_slots_do_not_touch(stream: contract.Stream) -> None:
    contract.assert_slots_do_not_touch(stream)


def test_a_paused_slot_keeps_its_state(stream: contract.Stream) -> None:
    contract.assert_a_paused_slot_keeps_its_state(stream)


def test_a_reset_slot_is_fresh(stream: contract.Stream) -> None:
    contract.assert_a_reset_slot_is_fresh(stream)


def test_nothing_active_changes_nothing(stream: contract.Stream) -> None:
    contract.assert_nothing_active_changes_nothing(stream)


def test_no_slots_give_no_output(stream: contract.Stream) -> None:
    output, _ = stream.advance(stream.inputs[:0], 0, 3, stream.init_state(0), None)
    assert output.shape[:2] == (0, 3)


@pytest.mark.parametrize(("kernel_t", "kernel", "stride"), [(3, 3, 1), (3, 3, 2), (1, 3, 2), (3, 1, 1), (5, 3, 1)])
def test_equals_the_3d_convolution_with_zeros_in_front(kernel_t: int, kernel: int, stride: int) -> None:
    torch.manual_seed(1)
    layer = convolution(kernel_t=kernel_t, kernel=kernel, stride=stride)
    x = torch.randn(2, 7, NUM_CHANNELS, *SIZE)
    padded = functional.pad(x.transpose(1, 2), (0, 0, 0, 0, kernel_t - 1, 0))
    half = kernel // 2
    expected = functional.conv3d(padded, layer.weight, layer.bias, stride=(1, stride, stride), padding=(0, half, half))
    y, _ = layer(x)
    torch.testing.assert_close(y, expected.transpose(1, 2), atol=1e-5, rtol=0)


def test_normalisation_statistics_are_those_of_one_frame() -> None:
    """A GroupNorm over time and space would see the future: here one bright frame must not dim the others."""
    torch.manual_seed(2)
    x = torch.randn(1, 4, NUM_CHANNELS, *SIZE)
    x[0, 3] *= 100
    y, _ = normalise(NUM_CHANNELS)(x)
    alone, _ = normalise(NUM_CHANNELS)(x[:, :3])
    assert torch.equal(y[:, :3], alone)


def test_pausing_a_slot_changes_the_others_by_rounding_only(stream: contract.Stream) -> None:
    """A smaller batch may run another kernel, so here (and only here) the last bits are free."""
    is_active = torch.ones(NUM_SLOTS, dtype=torch.bool)
    is_active[contract.SLOT] = False
    whole, _ = contract.run(stream, (4, 3, 2))
    paused, _ = contract.run(stream, (4, 3, 2), active=lambda start: is_active if start else None)
    torch.testing.assert_close(paused[is_active], whole[is_active], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_fresh_state_stands_where_the_layer_stands(name: str) -> None:
    """The state of layers without weights was made on the CPU wherever the model stood, so a GPU could not run it."""
    layer = LAYERS[name]().to("meta")
    tensors = contract.flatten_state(layer.init_state(3))
    assert {tensor.device.type for tensor in tensors} <= {"meta"}
    assert {len(tensor) for tensor in tensors} <= {3}


def test_what_looks_back_in_time_has_a_state() -> None:
    assert contract.flatten_state(LAYERS["conv 3x3x3"]().init_state(2))[0].shape == (2, 2, NUM_CHANNELS, *SIZE)
