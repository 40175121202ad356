"""Encoder and decoder keep the three promises; tokens and shapes are the documented ones."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

import streaming_contract as contract
from perdure.modules.convolution import CausalConv3d
from perdure.modules.streaming import reset_rows
from perdure.tokenizer.config import QuantizerConfig, TokenizerConfig
from perdure.tokenizer.model import Tokenizer, to_input
from perdure.tokenizer.quantizer import code_index, quantize

NUM_SLOTS = 4
SMALL = TokenizerConfig(crop_px=16, patch_px=4, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6))
CONFIGS = {
    "factorised": SMALL,
    "full 3x3x3": TokenizerConfig(
        crop_px=16, patch_px=2, num_channels=(8, 8, 16), num_blocks=2, is_factorised=False,
        quantizer=QuantizerConfig(num_bits=6),
    ),
    "default": TokenizerConfig(),
}  # fmt: skip
Z_TOLERANCE = 1e-4
"""Another chunking may run other kernels: a token may flip where its latent is this near to zero."""


def changed(inputs: Tensor, slots: Iterable[int], frames: range) -> Tensor:
    other = inputs.clone()
    generator = torch.Generator().manual_seed(99)
    for slot in slots:
        other[slot, frames] = 2 * torch.rand(other[slot, frames].shape, generator=generator) - 1
    return other


@pytest.fixture(params=CONFIGS, ids=str)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    torch.manual_seed(3)
    return Tokenizer(CONFIGS[request.param]).eval()


@pytest.fixture
def crops(tokenizer: Tokenizer) -> Tensor:
    size = tokenizer.config.crop_px
    return 2 * torch.rand(NUM_SLOTS, contract.NUM_FRAMES, 3, size, size, generator=torch.Generator().manual_seed(4)) - 1


def encoder_stream(tokenizer: Tokenizer, crops: Tensor) -> contract.Stream:
    return contract.Stream(
        advance=lambda x, start, stop, state, active: tokenizer.encode(x[:, start:stop], state, active),
        init_state=tokenizer.encoder.init_state,
        inputs=crops,
        changed=changed,
        num_slots=NUM_SLOTS,
    )


def decoder_stream(tokenizer: Tokenizer, crops: Tensor) -> contract.Stream:
    with torch.no_grad():
        code = quantize(tokenizer.encode(crops)[0])
    return contract.Stream(
        advance=lambda x, start, stop, state, active: tokenizer.decode(x[:, start:stop], state, active),
        init_state=tokenizer.decoder.init_state,
        inputs=code,
        changed=lambda inputs, slots, frames: torch.where(changed(inputs, slots, frames) > 0, 1.0, -1.0),
        num_slots=NUM_SLOTS,
    )


@pytest.fixture(params=[encoder_stream, decoder_stream], ids=["encoder", "decoder"])
def stream(request: pytest.FixtureRequest, tokenizer: Tokenizer, crops: Tensor) -> contract.Stream:
    return request.param(tokenizer, crops)


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


def test_tokens_are_the_same_in_any_chunking(tokenizer: Tokenizer, crops: Tensor) -> None:
    offline = tokenizer.tokens(crops)
    with torch.no_grad():
        is_sure = (tokenizer.encode(crops)[0].abs() > Z_TOLERANCE).all(-1)
    assert is_sure.float().mean() > 0.9
    for lengths in contract.CHUNKINGS.values():
        z, _ = contract.run(encoder_stream(tokenizer, crops), lengths)
        assert torch.equal(code_index(quantize(z))[is_sure], offline[is_sure])


def test_every_frame_yields_its_tokens_at_once(tokenizer: Tokenizer, crops: Tensor) -> None:
    config = tokenizer.config
    with torch.no_grad():
        z, _ = tokenizer.encode(crops[:, :1])
        picture, _ = tokenizer.decode(quantize(z))
    assert z.shape == (NUM_SLOTS, 1, config.grid, config.grid, config.quantizer.num_bits)
    assert picture.shape == crops[:, :1].shape
    assert config.feature_dim == z[0, 0].numel()


def test_tracks_join_and_leave_at_any_frame(tokenizer: Tokenizer, crops: Tensor) -> None:
    """Three tracks share two slots at frames of their own; each answers as if it were alone in a fresh tokenizer."""
    length = 5
    births, slot_of = (0, 2, 8), (0, 1, 0)
    outputs: list[list[Tensor]] = [[] for _ in births]
    state = tokenizer.encoder.init_state(2)
    with torch.no_grad():
        for frame in range(contract.NUM_FRAMES):
            x, active = torch.zeros(2, 1, *crops.shape[2:]), torch.zeros(2, dtype=torch.bool)
            alive = [track for track, birth in enumerate(births) if birth <= frame < birth + length]
            for track in alive:
                x[slot_of[track]], active[slot_of[track]] = crops[track, frame - births[track]], True
                if frame == births[track]:
                    state = reset_rows(state, torch.tensor([slot_of[track]]), tokenizer.encoder.init_state(1))
            z, state = tokenizer.encode(x, state, active)
            for track in alive:
                outputs[track].append(z[slot_of[track]])
        alone = [tokenizer.encode(crops[track : track + 1, :length])[0][0] for track in range(len(births))]
    for track, parts in enumerate(outputs):
        torch.testing.assert_close(torch.cat(parts), alone[track], atol=1e-5, rtol=0)


def test_receptive_field_in_time_is_that_of_its_blocks() -> None:
    """A block of the small encoder looks two frames back, two blocks four: a change of frame 0 is gone at frame 5."""
    torch.manual_seed(5)
    tokenizer = Tokenizer(SMALL)
    x = torch.rand(1, 8, 3, 16, 16)
    other = x.clone()
    other[:, 0] = 0
    with torch.no_grad():
        difference = (tokenizer.encode(x)[0] - tokenizer.encode(other)[0]).abs().flatten(2).amax(-1)[0]
    assert (difference[:5] > 0).all()
    assert not difference[5:].any()


def test_weights_have_the_layout_of_a_3d_convolution(tokenizer: Tokenizer) -> None:
    layers = [layer for layer in tokenizer.modules() if isinstance(layer, CausalConv3d)]
    assert layers
    for layer in layers:
        assert layer.weight.shape[2:] == (layer.kernel_t, layer.kernel, layer.kernel)


def test_gradient_reaches_every_weight_through_the_codes(tokenizer: Tokenizer, crops: Tensor) -> None:
    z, _ = tokenizer.encode(crops[:2, :4])
    picture, _ = tokenizer.decode(quantize(z))
    (picture - crops[:2, :4]).square().mean().backward()
    for name, parameter in tokenizer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_no_layer_normalises_over_more_than_one_frame(tokenizer: Tokenizer) -> None:
    forbidden = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.Conv3d)
    assert not [layer for layer in tokenizer.modules() if isinstance(layer, forbidden)]


def test_pixels_become_numbers_from_minus_one_to_one() -> None:
    crops = torch.tensor([0, 255, 51], dtype=torch.uint8).expand(1, 2, 4, 4, 3)
    x = to_input(crops)
    assert x.shape == (1, 2, 3, 4, 4)
    torch.testing.assert_close(x[0, 0, :, 0, 0], torch.tensor([-1.0, 1.0, -0.6]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_px": 30}, "crop_px: got 30, expected a multiple of 8"),
        ({"num_channels": (32, 20)}, r"num_channels: got \(32, 20\), expected multiples of 8"),
    ],
)
def test_bad_sizes_name_the_field(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenizerConfig(**changes)
