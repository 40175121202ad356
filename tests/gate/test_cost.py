"""Operations are counted, not promised: a profiler counts the same while a whole clip runs."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gate.scripted import NEVER, CueRule, Script, play
from gate.small_model import small_model
from perdure.data.dataset import ClipDataset
from perdure.evidence.model import EvidenceInput
from perdure.evidence.track_geometry import NUM_GEOMETRY
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateCost


def counted(gate: PersistenceGate, play_clip: object) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        for _ in play_clip:  # type: ignore[attr-defined]
            pass
    return int(counter.get_total_flops())


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("uses_pixels", [True, False])
@pytest.mark.parametrize("is_gated", [True, False])
def test_the_gate_counts_what_the_profiler_counts(num_layers: int, uses_pixels: bool, is_gated: bool) -> None:
    model = small_model(num_layers=num_layers, uses_pixels=uses_pixels)
    assert model.extractor.flops_per_frame > 0  # counted once, outside the profiler
    gate = PersistenceGate(model, CueRule(horizon=6), is_gated=is_gated)
    marks = ["+++", "0000000", "0..00", "---", "0", "00000", "+.++", "0", "0-0-0-", "0", "0"]
    scripts = [Script(marks[place % 11], start=place % 4) for place in range(11)]
    assert counted(gate, play(gate, scripts, 14)) == gate.cost.flops > 0


def test_the_gate_counts_a_whole_clip(dataset: ClipDataset) -> None:
    model, clip = small_model(), dataset.clip(dataset.split("test")[0])
    assert model.extractor.flops_per_frame > 0
    gate = PersistenceGate(model, NEVER)
    steps = (gate.update(frame, found) for frame, found in zip(clip.frames, clip.detections, strict=True))
    assert counted(gate, steps) == gate.cost.flops > 0


@pytest.mark.parametrize(("num_layers", "uses_pixels"), [(1, True), (3, True), (2, False)])
def test_the_formula_of_the_evidence_model_is_what_runs(num_layers: int, uses_pixels: bool) -> None:
    model = small_model(num_layers=num_layers, uses_pixels=uses_pixels).evidence
    feature_dim = model.embed_feature.in_features if uses_pixels else 0
    num_slots, num_times = 3, 4
    inputs = EvidenceInput(
        feature=torch.zeros(num_slots, num_times, feature_dim) if uses_pixels else None,
        geometry=torch.zeros(num_slots, num_times, NUM_GEOMETRY),
        age=torch.arange(1, num_times + 1).expand(num_slots, -1),
        frame=torch.arange(num_times).expand(num_slots, -1),
        is_valid=torch.ones(num_slots, num_times, dtype=torch.bool),
        lifetime=torch.zeros(num_slots, num_times),
        scene=torch.zeros(num_slots, dtype=torch.int64),
    )
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        model(inputs)
    num_keys = num_slots * (model.config.memory_frames + num_times)
    assert counter.get_total_flops() == model.flops(num_slots * num_times, num_keys)


def test_seconds_are_spent_in_every_part_and_add_up() -> None:
    gate = PersistenceGate(small_model(), CueRule())
    list(play(gate, [Script("+++")], 4))
    cost = gate.cost
    parts = (cost.crop_s, cost.extractor_s, cost.evidence_s, cost.rule_s)
    assert min(parts) > 0
    assert cost.total_s == sum(parts)
    assert GateCost().total_s == 0
