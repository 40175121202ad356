"""Training goes on where it stopped, bit for bit; it ends where it should, and never goes on with broken numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from gate.small_model import small_model, windows_of
from perdure.gate.model import PersistenceModel
from perdure.training.batches import WindowTensors
from perdure.training.config import TrainingConfig
from perdure.training.train import Interrupted, Trainer, build_optimizer, fit, learning_rate, validate
from training.conftest import NUM_AGES, Log

CONFIG = TrainingConfig(
    num_steps=8, scenes_per_step=2, num_ages=NUM_AGES, reconstructed_tracks=2, warmup_steps=3, uses_bfloat16=False,
    log_steps=3,
)  # fmt: skip


def trainer_of(config: TrainingConfig = CONFIG, *, seed: int = 0) -> Trainer:
    return Trainer(small_model(seed=seed), config, seed=5)


def assert_equal(one: Trainer, other: Trainer) -> None:
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name]), name
    left, right = (trainer.optimizer.state_dict()["state"] for trainer in (one, other))
    assert left.keys() == right.keys()
    for index, entry in left.items():
        assert all(torch.equal(value, right[index][name]) for name, value in entry.items())
    assert torch.equal(one.generator.get_state(), other.generator.get_state())
    assert one.step == other.step


@pytest.mark.parametrize("uses_bfloat16", [False, True])
def test_four_steps_and_four_more_are_eight(
    data: WindowTensors, validation: WindowTensors, tmp_path: Path, uses_bfloat16: bool
) -> None:
    config, path, log = replace(CONFIG, uses_bfloat16=uses_bfloat16), tmp_path / "state.safetensors", Log()
    straight = trainer_of(config)
    fit(straight, data, validation, checkpoint=tmp_path / "straight.safetensors", log=log)
    first = trainer_of(config)
    with pytest.raises(Interrupted, match="training stopped at step 4 of 8; run again to continue"):
        fit(first, data, validation, checkpoint=path, log=Log(), should_stop=lambda: first.step == 4)
    assert first.step == 4
    resumed, rest = trainer_of(config, seed=1), Log()
    fit(resumed, data, validation, checkpoint=path, log=rest)
    assert rest.steps == [5, 6, 7, 8]
    assert_equal(resumed, straight)
    assert rest.rows[-1]["loss"] == log.rows[-1]["loss"]


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    data: WindowTensors, validation: WindowTensors, tmp_path: Path
) -> None:
    config, path = replace(CONFIG, checkpoint_seconds=0.0), tmp_path / "state.safetensors"
    straight, killed, resumed = trainer_of(config), trainer_of(config), trainer_of(config, seed=1)
    fit(straight, data, validation, checkpoint=tmp_path / "straight.safetensors", log=Log())
    with pytest.raises(KeyboardInterrupt):
        fit(killed, data, validation, checkpoint=path, log=Log(stop_at=6))
    rest = Log()
    fit(resumed, data, validation, checkpoint=path, log=rest)
    assert rest.steps == [6, 7, 8]
    assert_equal(resumed, straight)


def test_a_finished_training_is_not_repeated(data: WindowTensors, validation: WindowTensors, tmp_path: Path) -> None:
    path, log = tmp_path / "state.safetensors", Log()
    done = trainer_of()
    fit(done, data, validation, checkpoint=path, log=Log())
    again = trainer_of(seed=1)
    fit(again, data, validation, checkpoint=path, log=log)
    assert log.steps == []
    assert_equal(again, done)


def test_training_depends_on_the_seed_alone(data: WindowTensors) -> None:
    one, other, third = trainer_of(), trainer_of(), Trainer(small_model(), CONFIG, seed=6)
    torch.manual_seed(123)
    losses = [trainer.advance(data)["loss"] for trainer in (one, other, third)]
    assert losses[0] == losses[1] != losses[2]
    assert_equal(one, other)


def test_a_checkpoint_of_another_model_is_refused(data: WindowTensors, tmp_path: Path) -> None:
    trainer_of().save(tmp_path / "state.safetensors")
    other = Trainer(small_model(num_layers=2), CONFIG, seed=0)
    with pytest.raises(ValueError, match="does not fit its configuration"):
        other.load(tmp_path / "state.safetensors")


def test_a_loss_that_is_no_number_stops_training_before_the_weights_suffer(
    data: WindowTensors, validation: WindowTensors, tmp_path: Path
) -> None:
    """The step was once taken first, so that a checkpoint could hold weights that are no numbers."""
    trainer = trainer_of()
    with torch.no_grad():
        trainer.model.evidence.head[-1].bias.fill_(float("nan"))
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    with pytest.raises(FloatingPointError, match=r"loss became nan.* at step 0; lower learning_rate"):
        fit(trainer, data, validation, checkpoint=tmp_path / "state.safetensors", log=Log())
    assert not (tmp_path / "state.safetensors").exists()
    for name, value in trainer.model.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0, equal_nan=True)


def test_a_learning_rate_out_of_all_proportion_is_told(
    data: WindowTensors, validation: WindowTensors, tmp_path: Path
) -> None:
    trainer = trainer_of(replace(CONFIG, learning_rate=1e30))
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        fit(trainer, data, validation, checkpoint=tmp_path / "state.safetensors", log=Log())


def test_the_learning_rate_warms_up_and_ends_at_a_hundredth() -> None:
    config = TrainingConfig(num_steps=200, warmup_steps=20, learning_rate=1e-3)
    rates = [learning_rate(step, config) for step in range(201)]
    assert rates[0] == pytest.approx(1e-3 / 20)
    assert rates[9] == pytest.approx(1e-3 / 2, rel=0.01)
    assert all(earlier < later for earlier, later in pairwise(rates[:20]))
    assert all(earlier > later for earlier, later in pairwise(rates[19:]))
    assert max(rates) == pytest.approx(1e-3, rel=0.03)
    assert rates[100] == pytest.approx(1e-3 * (0.01 + 0.99 / 2))
    assert rates[200] == pytest.approx(1e-5)
    assert learning_rate(500, config) == rates[200]


def test_the_learning_rate_is_that_of_the_step(data: WindowTensors) -> None:
    trainer = trainer_of()
    for step in range(3):
        trainer.advance(data)
        assert {group["lr"] for group in trainer.optimizer.param_groups} == {learning_rate(step, CONFIG)}


def test_only_matrices_outside_the_head_decay(model: PersistenceModel) -> None:
    decayed, free = build_optimizer(model, CONFIG).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (CONFIG.weight_decay, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    of_decayed = {names[id(parameter)] for parameter in decayed["params"]}
    of_free = {names[id(parameter)] for parameter in free["params"]}
    assert of_decayed | of_free == set(names.values())
    assert not of_decayed & of_free
    assert {"evidence.head.0.weight", "evidence.head.2.weight", "evidence.embed.1.bias"} <= of_free
    assert {"evidence.embed_geometry.weight", "evidence.blocks.0.attention.output.weight"} <= of_decayed


def test_rows_of_metrics_are_means_since_the_last_row(
    data: WindowTensors, validation: WindowTensors, tmp_path: Path
) -> None:
    log, twin = Log(), trainer_of()
    fit(trainer_of(), data, validation, checkpoint=tmp_path / "state.safetensors", log=log)
    twin.model.train()
    losses = [twin.advance(data) for _ in range(8)]
    assert [row["step"] for row in log.rows] == [3, 6, 8]
    assert log.steps == list(range(1, 9))
    for row, own in zip(log.rows, (losses[:3], losses[3:6], losses[6:]), strict=True):
        assert row["stage"] == "train"
        for name in losses[0]:
            assert row[name] == pytest.approx(float(np.mean([loss[name] for loss in own])))
        assert row["psnr_db"] == pytest.approx(10 * math.log10(4 / row["squared"]))
    assert ["validation_loss" in row for row in log.rows] == [False, False, True]


def test_validation_of_lifetime_evidence_alone(model: PersistenceModel) -> None:
    """With a head of zeros the evidence is the closed form, whose accuracy can be counted by hand."""
    windows = windows_of("validation", NUM_AGES)
    with torch.no_grad():
        model.evidence.head[-1].weight.zero_()
        model.evidence.head[-1].bias.zero_()
    row = validate(model, WindowTensors(windows, model), CONFIG)
    evidence = model.lifetime.evidence(windows.is_hit)
    for age in (1, 2, 3, 4):
        is_there = windows.is_valid[:, age - 1]
        is_right = (evidence[:, age - 1] > 0) == windows.is_persistent
        assert row[f"validation_accuracy_age_{age}"] == pytest.approx(is_right[is_there].mean())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert 1 <= row["validation_codes_used"] <= 2**6


def test_settings_out_of_range_are_named() -> None:
    for name in ("num_steps", "scenes_per_step", "num_ages", "reconstructed_tracks", "log_steps"):
        with pytest.raises(ValueError, match=f"{name}: got 0, expected at least 1"):
            TrainingConfig(**{name: 0})
    with pytest.raises(ValueError, match=r"gated_share: got 1\.5, expected 0 to 1"):
        TrainingConfig(gated_share=1.5)
