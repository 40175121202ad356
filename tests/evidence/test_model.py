"""The evidence model keeps the three promises; scenes never meet; what is evicted is not seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import streaming_contract as contract
from perdure.evidence.config import EvidenceConfig
from perdure.evidence.model import EvidenceInput, EvidenceModel
from perdure.evidence.track_geometry import CUE_COLUMN, NUM_GEOMETRY
from perdure.extractors.magvit import MagvitExtractor
from perdure.modules.attention import EMPTY
from perdure.modules.streaming import flatten_state, reset_rows
from perdure.tokenizer.config import QuantizerConfig, TokenizerConfig

CONFIG = EvidenceConfig(width=16, num_layers=2, num_heads=2, memory_frames=4)
FEATURE_DIM = 24
SCENE = (0, 0, 1, 0, 2)
"""Slot 2 (the one that is disturbed) has a scene of its own."""
NUM_VALID = (14, 9, 14, 6, 14)
SHIFT = (0, 3, 0, 5, 0)
"""Frame of the chunk on which the track of each slot is born."""


def evidence_inputs(seed: int = 0) -> EvidenceInput:
    """Returns five slots over 14 frames: three tracks of one scene, two alone, born and ending at different frames."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(SCENE), contract.NUM_FRAMES)
    time = torch.arange(contract.NUM_FRAMES).expand(shape)
    shift, num_valid = torch.tensor(SHIFT)[:, None], torch.tensor(NUM_VALID)[:, None]
    is_valid = (time >= shift) & (time < shift + num_valid)
    return EvidenceInput(
        feature=torch.randn(*shape, FEATURE_DIM, generator=generator).sign(),
        geometry=torch.randn(*shape, NUM_GEOMETRY, generator=generator),
        age=torch.where(is_valid, time - shift + 1, 0),
        frame=time + torch.tensor([0, 0, 7, 0, 3])[:, None],
        is_valid=is_valid,
        lifetime=torch.randn(shape, generator=generator) * is_valid,
        scene=torch.tensor(SCENE),
    )


def changed(inputs: EvidenceInput, slots: Iterable[int], frames: range) -> EvidenceInput:
    """Returns the inputs with another picture, geometry and lifetime; which tokens there are stays."""
    fresh, values = evidence_inputs(seed=7), {}
    for name in ("feature", "geometry", "lifetime"):
        values[name] = getattr(inputs, name).clone()
        for slot in slots:
            values[name][slot, frames] = getattr(fresh, name)[slot, frames]
    return dataclasses.replace(inputs, **values)


def frames_of(inputs: EvidenceInput, start: int, stop: int) -> EvidenceInput:
    names = [field.name for field in dataclasses.fields(inputs) if field.name != "scene"]
    return dataclasses.replace(inputs, **{name: getattr(inputs, name)[:, start:stop] for name in names})


def build(config: EvidenceConfig = CONFIG) -> EvidenceModel:
    torch.manual_seed(5)
    model = EvidenceModel(config, FEATURE_DIM).eval()
    for block in model.blocks:
        torch.nn.init.normal_(block.attention.bias)
    return model


def stream_of(model: EvidenceModel, inputs: EvidenceInput | None = None, **options: Any) -> contract.Stream:
    def advance(whole: EvidenceInput, start: int, stop: int, state: Any, active: Tensor | None) -> tuple[Tensor, Any]:
        output, state = model(frames_of(whole, start, stop), state, active, **options)
        return output.evidence, state

    return contract.Stream(
        advance=advance,
        init_state=model.init_state,
        inputs=evidence_inputs() if inputs is None else inputs,
        changed=changed,
        num_slots=len(SCENE),
    )


@pytest.fixture
def stream() -> contract.Stream:
    return stream_of(build())


def test_causal(stream: contract.Stream) -> None:
    contract.assert_causal(stream, changes_every_later_frame=False)


def test_equal_in_any_chunking(stream: contract.Stream) -> None:
    contract.assert_equal_in_any_chunking(stream, atol=1e-4)


def test_slots_do_not_touch(stream: contract.Stream) -> None:
    contract.assert_slots_do_not_touch(stream)


def test_a_paused_slot_keeps_its_state(stream: contract.Stream) -> None:
    contract.assert_a_paused_slot_keeps_its_state(stream)


def test_a_reset_slot_is_fresh(stream: contract.Stream) -> None:
    contract.assert_a_reset_slot_is_fresh(stream)


def test_nothing_active_changes_nothing(stream: contract.Stream) -> None:
    contract.assert_nothing_active_changes_nothing(stream)


def test_tracks_of_one_scene_see_each_other_and_no_other_scene() -> None:
    stream = stream_of(build())
    before, _ = contract.run(stream, (14,))
    after, _ = contract.run(stream, (14,), inputs=changed(stream.inputs, [0], range(2)))
    scene_mates, strangers = torch.tensor([1, 3]), torch.tensor([2, 4])
    assert (before != after)[0].any()
    assert (before != after)[scene_mates].any(dim=1).all()
    assert torch.equal(before[strangers], after[strangers])


def test_a_token_is_seen_for_memory_frames_and_not_longer() -> None:
    """One layer, so that nothing is handed on: the token of slot 0 at frame 4 is seen at frames 4 to 7 alone."""
    model = build(dataclasses.replace(CONFIG, num_layers=1))
    stream = stream_of(model)
    before, _ = contract.run(stream, (14,))
    after, _ = contract.run(stream, (14,), inputs=changed(stream.inputs, [0], range(4, 5)))
    with torch.no_grad():
        attention = model(stream.inputs)[0].attention[0]
    num_memory = len(SCENE) * CONFIG.memory_frames
    column = num_memory + 4
    rows_of_slot_1 = slice(contract.NUM_FRAMES, 2 * contract.NUM_FRAMES)
    seen = attention[:, rows_of_slot_1, column].amax(0)
    assert seen.nonzero().flatten().tolist() == [4, 5, 6, 7]
    assert torch.equal(before[1, :4], after[1, :4])
    assert not torch.equal(before[1, 4], after[1, 4])


def test_an_ended_track_is_not_seen_again(stream: contract.Stream) -> None:
    """What stands in the frames of a slot that has no token there must not matter to anybody."""
    is_absent = ~stream.inputs.is_valid
    garbage = {
        name: torch.where(is_absent[..., None] if value.ndim == 3 else is_absent, 50.0, value)
        for name in ("feature", "geometry", "lifetime")
        if (value := getattr(stream.inputs, name)) is not None
    }
    for lengths in contract.CHUNKINGS.values():
        one, _ = contract.run(stream, lengths)
        other, _ = contract.run(stream, lengths, inputs=dataclasses.replace(stream.inputs, **garbage))
        assert torch.equal(one, other)
        assert not other[is_absent].any()


@pytest.mark.parametrize("last_shown", [0, 4, 9])
def test_hiding_a_track_in_training_equals_evicting_it_live(last_shown: int) -> None:
    """The gate evicts a decided track at once, old tokens included.

    Training went on showing the tokens it had up to then for `memory_frames` more, so evidence of the other tracks
    differed between training and use.
    """
    model = build()
    inputs, never = evidence_inputs(), torch.iinfo(torch.int64).max
    with torch.no_grad():
        shown_until = torch.tensor([last_shown, never, never, never, never])
        offline = model(inputs, shown_until=shown_until)[0].evidence
        shown = model(inputs)[0].evidence
    is_rest = torch.ones(len(SCENE), dtype=torch.bool)
    is_rest[0] = False

    def evict(start: int, state: Any) -> Any:
        return reset_rows(state, torch.tensor([0]), model.init_state(1)) if start == last_shown + 1 else state

    live, _ = contract.run(
        stream_of(model), (1,) * 14, active=lambda start: is_rest if start > last_shown else None, before=evict
    )
    torch.testing.assert_close(live[is_rest], offline[is_rest], atol=1e-4, rtol=0)
    is_later = torch.arange(contract.NUM_FRAMES) > max(last_shown, SHIFT[1])
    assert not torch.equal(shown[1, is_later], offline[1, is_later])


def test_memory_holds_the_latest_tokens_oldest_first(stream: contract.Stream) -> None:
    for lengths in contract.CHUNKINGS.values():
        _, state = contract.run(stream, lengths)
        assert state.frame.tolist() == [
            [10, 11, 12, 13],
            [8, 9, 10, 11],
            [17, 18, 19, 20],
            [7, 8, 9, 10],
            [13, 14, 15, 16],
        ]
        _, early = contract.run(stream, (7,))
        assert early.frame[3].tolist() == [EMPTY, EMPTY, 5, 6]


def test_evidence_is_lifetime_plus_the_learned_rest() -> None:
    """With a silent head only the closed form is left; its frames without a token are zero."""
    model = build()
    torch.nn.init.zeros_(model.head[-1].weight)
    torch.nn.init.zeros_(model.head[-1].bias)
    inputs = evidence_inputs()
    with torch.no_grad():
        evidence = model(inputs)[0].evidence
    assert torch.equal(evidence, inputs.lifetime * inputs.is_valid)


def test_one_frame_adds_at_most_max_increment() -> None:
    model = build(dataclasses.replace(CONFIG, max_increment=2.0))
    torch.nn.init.constant_(model.head[-1].bias, 1e6)
    model.head[-1].bias.data[1] = 0.0
    torch.nn.init.zeros_(model.head[-1].weight)
    inputs = dataclasses.replace(evidence_inputs(), lifetime=torch.zeros(len(SCENE), contract.NUM_FRAMES))
    with torch.no_grad():
        evidence = model(inputs)[0].evidence
    expected = 2.0 * inputs.is_valid.cumsum(1) * inputs.is_valid
    torch.testing.assert_close(evidence, expected.float())


def test_attention_weights_are_shares_of_what_may_be_seen(stream: contract.Stream) -> None:
    model = build()
    with torch.no_grad():
        _, state = model(frames_of(stream.inputs, 0, 8))
        attention = model(frames_of(stream.inputs, 8, 14), state)[0].attention
    num_keys = len(SCENE) * (CONFIG.memory_frames + 6)
    for weights in attention:
        assert weights.shape == (CONFIG.num_heads, len(SCENE) * 6, num_keys)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))


def test_evidence_of_whole_tracks_is_the_same_frame_by_frame() -> None:
    """From pixels: tokens are equal except where a latent is near zero; with equal tokens so is the evidence."""
    torch.manual_seed(8)
    tokenizer = TokenizerConfig(crop_px=16, patch_px=4, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6))
    extractor = MagvitExtractor(tokenizer).eval()
    model = EvidenceModel(CONFIG, extractor.feature_dim).eval()
    crops = 2 * torch.rand(len(SCENE), contract.NUM_FRAMES, 3, 16, 16) - 1
    with torch.no_grad():
        z, _ = extractor.latents(crops)
        feature, _ = extractor(crops)
        inputs = dataclasses.replace(evidence_inputs(), feature=feature)
        offline = model(inputs)[0].evidence
        extractor_state, state, parts = None, None, []
        for frame in range(contract.NUM_FRAMES):
            step, extractor_state = extractor(crops[:, frame : frame + 1], extractor_state)
            is_equal = step[:, 0] == feature[:, frame]
            assert is_equal[z[:, frame].flatten(1).abs() > 1e-4].all()
            now = dataclasses.replace(frames_of(inputs, frame, frame + 1), feature=feature[:, frame : frame + 1])
            output, state = model(now, state)
            parts.append(output.evidence)
    torch.testing.assert_close(torch.cat(parts, dim=1), offline, atol=1e-3, rtol=0)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_pixels_to_evidence_runs_where_the_model_stands(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame by frame with paused and refilled slots, as the gate does it; a GPU must agree with the CPU."""
    # Convolutions with 10 bits of mantissa would flip tokens whose latents are further from zero than rounding goes.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(9)
    tokenizer = TokenizerConfig(crop_px=16, patch_px=4, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6))
    extractor = MagvitExtractor(tokenizer).eval()
    model = EvidenceModel(CONFIG, extractor.feature_dim).eval()
    crops = 2 * torch.rand(len(SCENE), contract.NUM_FRAMES, 3, 16, 16) - 1

    def live(device: str) -> Tensor:
        extractor.to(device)
        model.to(device)
        extractor_state, state = extractor.init_state(len(SCENE)), model.init_state(len(SCENE))
        parts = []
        for frame in range(contract.NUM_FRAMES):
            now = frames_of(evidence_inputs(), frame, frame + 1)
            values = {name: getattr(now, name).to(device) for name in now.__slots__ if name != "feature"}
            active = values["is_valid"][:, 0]
            feature, extractor_state = extractor(crops[:, frame : frame + 1].to(device), extractor_state, active)
            output, state = model(EvidenceInput(feature=feature, **values), state, active)
            parts.append(output.evidence.cpu())
            if frame == 6:
                row = torch.tensor([SCENE.index(1)], device=device)
                extractor_state = reset_rows(extractor_state, row, extractor.init_state(1))
                state = reset_rows(state, row, model.init_state(1))
        return torch.cat(parts, dim=1)

    with torch.no_grad():
        evidence = live(device)
        assert torch.equal(evidence != 0, evidence_inputs().is_valid)
        torch.testing.assert_close(evidence, live("cpu"), atol=1e-3, rtol=0)


def test_without_pixels_no_picture_is_asked_for_or_used() -> None:
    model = build(dataclasses.replace(CONFIG, uses_pixels=False))
    assert not hasattr(model, "embed_feature")
    inputs = evidence_inputs()
    with torch.no_grad():
        one = model(dataclasses.replace(inputs, feature=None))[0].evidence
        other = model(inputs)[0].evidence
    assert torch.equal(one, other)


def test_a_cue_that_is_not_used_cannot_leak() -> None:
    inputs = evidence_inputs()
    geometry = inputs.geometry.clone()
    geometry[..., CUE_COLUMN] = 3.0
    other = dataclasses.replace(inputs, geometry=geometry)
    for uses_cue in (False, True):
        model = build(dataclasses.replace(CONFIG, uses_cue=uses_cue))
        with torch.no_grad():
            is_equal = torch.equal(model(inputs)[0].evidence, model(other)[0].evidence)
        assert is_equal is not uses_cue
    assert (other.geometry[..., CUE_COLUMN] == 3.0).all(), "the caller's numbers were overwritten"


def test_missing_pictures_are_an_error() -> None:
    with pytest.raises(ValueError, match="evidence: got no picture features, expected them since uses_pixels is true"):
        build()(dataclasses.replace(evidence_inputs(), feature=None))


def test_every_weight_gets_a_gradient() -> None:
    model = build()
    model(evidence_inputs())[0].evidence.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("uses_pixels", [True, False])
def test_counted_operations_are_those_that_ran(uses_pixels: bool) -> None:
    model = build(dataclasses.replace(CONFIG, uses_pixels=uses_pixels))
    inputs = frames_of(evidence_inputs(), 0, 3)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(inputs)
    num_queries = len(SCENE) * 3
    num_keys = len(SCENE) * CONFIG.memory_frames + num_queries
    assert model.flops(num_queries, num_keys) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory_frames": 3}, "memory_frames: got 3, expected at least 4"),
    ],
)
def test_bad_settings_name_the_field(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvidenceConfig(**changes)


def test_fresh_state_is_empty_and_stands_where_the_model_stands() -> None:
    state = build().init_state(3)
    assert (state.frame == EMPTY).all()
    assert not state.total.any()
    tensors = flatten_state(build().to("meta").init_state(2))
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert {len(tensor) for tensor in tensors} == {2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, r"width: got 0, expected a multiple of num_heads \(2\)"),
        ({"width": 15}, r"width: got 15, expected a multiple of num_heads \(2\)"),
        ({"num_heads": 0}, "num_heads: got 0, expected at least 1"),
        ({"num_layers": 0}, "num_layers: got 0, expected at least 1"),
        ({"max_increment": 0.0}, "max_increment: got 0.0, expected above 0"),
    ],
)
def test_sizes_that_make_no_model_are_refused(changes: dict[str, float], message: str) -> None:
    """The guard here could never fail: it asked whether there are pixels, a cue or any width."""
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
