"""The MagVIT extractor: what it costs is counted by hand, and no frame is encoded twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import streaming_contract as contract
from perdure.extractors.magvit import MagvitExtractor
from perdure.extractors.registry import Extractor
from perdure.tokenizer.config import QuantizerConfig, TokenizerConfig

NUM_SLOTS = 4
SMALL = TokenizerConfig(crop_px=16, patch_px=4, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6))


@pytest.fixture
def extractor() -> MagvitExtractor:
    torch.manual_seed(1)
    return MagvitExtractor(SMALL).eval()


@pytest.fixture
def stream(extractor: MagvitExtractor) -> contract.Stream:
    def changed(inputs: Tensor, slots: Iterable[int], frames: range) -> Tensor:
        other = inputs.clone()
        for slot in slots:
            other[slot, frames] = inputs[slot, frames].flip(-1) * 0.5
        return other

    shape = (NUM_SLOTS, contract.NUM_FRAMES, 3, 16, 16)
    return contract.Stream(
        advance=lambda x, start, stop, state, active: extractor(x[:, start:stop], state, active),
        init_state=extractor.init_state,
        inputs=2 * torch.rand(shape, generator=torch.Generator().manual_seed(2)) - 1,
        changed=changed,
        num_slots=NUM_SLOTS,
    )


def test_causal(stream: contract.Stream) -> None:
    contract.assert_causal(stream)


def test_slots_do_not_touch(stream: contract.Stream) -> None:
    contract.assert_slots_do_not_touch(stream)


def test_a_paused_slot_keeps_its_state(stream: contract.Stream) -> None:
    contract.assert_a_paused_slot_keeps_its_state(stream)


def test_nothing_active_changes_nothing(stream: contract.Stream) -> None:
    contract.assert_nothing_active_changes_nothing(stream)


def test_features_are_the_bits_in_any_chunking(extractor: MagvitExtractor, stream: contract.Stream) -> None:
    with torch.no_grad():
        z, _ = extractor.latents(stream.inputs)
    bits = torch.where(z > 0, 1.0, -1.0).flatten(2)
    is_sure = z.flatten(2).abs() > 1e-4
    for lengths in contract.CHUNKINGS.values():
        feature, _ = contract.run(stream, lengths)
        assert feature.shape == (NUM_SLOTS, contract.NUM_FRAMES, extractor.feature_dim)
        assert torch.equal(feature[is_sure], bits[is_sure])


def test_feature_keeps_the_grid() -> None:
    """Pooling over the grid throws the signal away: all bits of all places must be in the feature."""
    assert MagvitExtractor(SMALL).feature_dim == 2 * 2 * 6
    assert MagvitExtractor(TokenizerConfig()).feature_dim == 4 * 4 * 10


def test_operations_equal_a_count_by_hand(extractor: MagvitExtractor) -> None:
    """Two operations a multiply-add; 16 px crops become a 4x4 and then a 2x2 grid."""

    def layer(side: int, taps: int, channels_in: int, channels_out: int) -> int:
        return 2 * side**2 * taps * channels_in * channels_out

    first_level = layer(4, 9, 48, 8) + layer(4, 9, 8, 8) + layer(4, 3, 8, 8)
    second_level = layer(2, 9, 8, 16) + layer(2, 9, 16, 16) + layer(2, 3, 16, 16)
    assert extractor.flops_per_frame == first_level + second_level + layer(2, 1, 16, 6)


@pytest.mark.parametrize("config", [SMALL, TokenizerConfig(), replace(SMALL, is_factorised=False)])
def test_operations_are_those_that_a_count_of_torch_says(config: TokenizerConfig) -> None:
    """The count itself loaded half of torch on the first frame of every gate: four seconds."""
    extractor = MagvitExtractor(config)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        extractor.tokenizer.encode(torch.zeros(1, 1, 3, config.crop_px, config.crop_px))
    assert extractor.flops_per_frame == counter.get_total_flops() > 0


def test_operations_are_counted_in_inference_mode_too() -> None:
    """The gate asks while it runs, inside inference mode."""
    with torch.inference_mode():
        counted = MagvitExtractor(SMALL).flops_per_frame
    assert counted == MagvitExtractor(SMALL).flops_per_frame > 0


def test_operations_are_counted_where_the_model_stands() -> None:
    """The input of the count was made on the CPU, so a model on a GPU could not be counted."""
    assert MagvitExtractor(SMALL).to("meta").flops_per_frame == MagvitExtractor(SMALL).flops_per_frame


@pytest.mark.parametrize("lengths", [(1,) * 14, (7, 7), (1, 4, 2, 6, 1)])
def test_no_frame_is_encoded_twice(
    extractor: MagvitExtractor, stream: contract.Stream, lengths: tuple[int, ...]
) -> None:
    """Every layer of the encoder that sees single frames sees each of them once, and only those of active slots."""
    frames_seen: dict[str, int] = {}

    def count(name: str) -> object:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            frames_seen[name] = frames_seen.get(name, 0) + len(inputs[0])

        return hook

    for name, module in extractor.tokenizer.encoder.named_modules():
        if isinstance(module, nn.PixelUnshuffle | nn.GroupNorm | nn.Conv2d):
            module.register_forward_hook(count(name))
    is_active = torch.tensor([True, False, True, True])
    contract.run(stream, lengths, active=lambda start: is_active)
    assert len(frames_seen) == 7
    assert set(frames_seen.values()) == {3 * contract.NUM_FRAMES}


def test_it_is_an_extractor(extractor: MagvitExtractor) -> None:
    assert isinstance(extractor, Extractor)
