"""From weights on disk to a gate: what is missing, damaged or too little is said; bounds follow the rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gate.scripted import NEVER, Script, play
from gate.small_model import small_model
from gate.test_site_calibration import calibration as site_calibration
from perdure.arrays import find_weights
from perdure.calibration.scores import CalibrationScores
from perdure.gate import load
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate, load_model
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import TruncatedSPRT
from resealed import edit


def scores(num: int, num_ages: int = 8, *, seed: int = 0) -> CalibrationScores:
    """Returns random walks that drift up or down."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(3.0, 1.5, (2, num, num_ages))
    return CalibrationScores(persistent=steps[0].cumsum(axis=1), transient=-steps[1].cumsum(axis=1))


def stored(path: Path, num: int | None = 400) -> PersistenceModel:
    model = small_model()
    model.calibration = None if num is None else scores(num)
    model.save(path)
    return model


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "final_model.safetensors"
    stored(path)
    return path


def rule_of(gate: PersistenceGate) -> TruncatedSPRT:
    assert isinstance(gate.rule, TruncatedSPRT)
    return gate.rule


def test_a_gate_runs_from_a_folder_or_a_file(weights: Path) -> None:
    one, other = (load_gate(path, like="promise") for path in (weights, str(weights.parent)))
    assert rule_of(one) == rule_of(other)
    assert rule_of(one).horizon == 8
    scripts = [Script("000"), Script("0")]
    assert list(play(one, scripts, 5)) == list(play(other, scripts, 5))


def test_loaded_weights_give_the_same_evidence(weights: Path) -> None:
    saved, loaded = small_model(), load_model(weights)
    assert not loaded.training
    assert loaded.fingerprint() == saved.fingerprint()
    assert (loaded.config, loaded.operation, loaded.lifetime) == (saved.config, saved.operation, saved.lifetime)
    assert loaded.score_scale == saved.score_scale
    script = [Script("00.0")]
    assert list(play(PersistenceGate(loaded, NEVER), script, 5)) == list(play(PersistenceGate(saved, NEVER), script, 5))


def test_the_fingerprint_tells_weights_and_sizes_apart() -> None:
    assert small_model().fingerprint() == small_model().fingerprint()
    others = [small_model(seed=1), small_model(num_layers=2), small_model(max_increment=11.0)]
    assert len({model.fingerprint() for model in [small_model(), *others]}) == 4


def test_weights_that_are_not_there_are_named(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; give a finished run folder or a \.safetens"):
        find_weights(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty/final_model\.safetensors does not exist"):
        load_gate(tmp_path / "empty")
    weights.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"final_model\.json does not exist"):
        load_gate(weights)


def test_no_name_means_the_weights_of_the_package(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    monkeypatch.setattr(load, "files", lambda package: {"perdure": weights.parent.parent}[package])
    monkeypatch.setitem(load.SHIPPED, "pixels", f"../{weights.parent.name}/{weights.name}")
    (weights.parent.parent / "weights").mkdir(exist_ok=True)
    assert rule_of(load_gate(like="promise")) == rule_of(load_gate(weights, like="promise"))


def test_a_file_cut_off_is_damaged(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"final_model\.safetensors is not a complete safetensors file"):
        load_gate(weights)


def test_weights_that_do_not_fit_are_named(weights: Path) -> None:
    edit(weights.with_suffix(".json"), lambda info: info["model"]["evidence"].update(num_layers=2))
    with pytest.raises(ValueError, match=r"final_model\.safetensors does not fit its configuration: .*blocks\.1"):
        load_gate(weights)


def test_an_unknown_setting_is_named(weights: Path) -> None:
    edit(weights.with_suffix(".json"), lambda info: info["operation"].update(horizont=4))
    with pytest.raises(ValueError, match=r"final_model\.json.*horizont"):
        load_gate(weights)


def test_another_kind_of_file_is_no_model(weights: Path) -> None:
    """It was a KeyError: 'calibration'."""
    gate = load_gate(weights)
    gate.save_state(weights.parent / "state.safetensors")
    with pytest.raises(ValueError, match=r"state\.json has no 'operation', so it is no model; give final_model"):
        load_gate(weights.parent / "state.safetensors")


def test_uncalibrated_weights_are_refused(tmp_path: Path) -> None:
    stored(tmp_path / "raw.safetensors", None)
    assert load_model(tmp_path / "raw.safetensors").calibration is None
    with pytest.raises(ValueError, match=r"raw\.safetensors are not calibrated; finish the run that made them"):
        load_gate(tmp_path / "raw.safetensors", like="promise")


def test_too_few_calibration_tracks_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    stored(tmp_path / "few.safetensors", 100)
    load_gate(tmp_path / "few.safetensors", max_false_confirm=0.05, max_miss=0.05)
    with pytest.raises(ValueError, match=r"got 100 transient tracks .*need at least 183 for max_false_confirm 0.02"):
        load_gate(tmp_path / "few.safetensors", max_miss=0.05)
    with pytest.raises(ValueError, match=r"got 100 persistent tracks .*need at least 183 for max_miss 0.02"):
        load_gate(tmp_path / "few.safetensors", max_false_confirm=0.05)


def test_bounds_follow_the_rates_monotonically(weights: Path) -> None:
    rates = (0.01, 0.02, 0.05, 0.1, 0.2)
    by_false = [rule_of(load_gate(weights, max_false_confirm=rate, max_miss=0.05)) for rate in rates]
    by_miss = [rule_of(load_gate(weights, max_false_confirm=0.05, max_miss=rate)) for rate in rates]
    upper, lower = [rule.upper for rule in by_false], [rule.lower for rule in by_miss]
    assert upper == sorted(upper, reverse=True)
    assert lower == sorted(lower)
    assert upper[0] > upper[-1]
    assert lower[0] < lower[-1]


def test_horizon_and_forced_label_can_be_set_for_a_run(weights: Path) -> None:
    gate = load_gate(weights, max_false_confirm=0.2, max_miss=0.2, horizon=5, on_timeout="transient")
    assert (rule_of(gate).horizon, rule_of(gate).on_timeout) == (5, "transient")
    assert (gate.operation.horizon, gate.operation.on_timeout) == (5, "transient")


def test_a_horizon_that_makes_no_sense_is_refused(weights: Path) -> None:
    """A horizon of 0 once silently meant the horizon of training."""
    with pytest.raises(ValueError, match="horizon: got 0, expected at least 2 frames"):
        load_gate(weights, like="promise", horizon=0)
    with pytest.raises(ValueError, match="horizon 9, expected 1 to 8"):
        load_gate(weights, like="promise", horizon=9)


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize("label", ["", "real"])
def test_an_unknown_forced_label_is_refused(weights: Path, label: str) -> None:
    with pytest.raises(ValueError, match=f"on_timeout: got '{label}', expected persistent or transient"):
        load_gate(weights, on_timeout=label)  # type: ignore[arg-type]


def test_stored_weights_are_on_the_cpu_and_whole(weights: Path) -> None:
    model = load_model(weights)
    assert all(value.device == torch.device("cpu") for value in model.parameters())
    assert model.calibration is not None
    assert len(model.calibration.persistent) == 400


@pytest.mark.parametrize("is_site", [False, True])
def test_what_a_promise_rejects_is_reported_once_it_outlives_every_transient(tmp_path: Path, is_site: bool) -> None:
    """Where the rates prove no bound on lifetimes, a steady object that looks like nothing known was never reported."""
    model = load_model()
    calibration = None
    if is_site:
        calibration = tmp_path / "site.json"
        site_calibration(model=model.fingerprint(), max_false_confirm=0.1).save(calibration)
    gate = load_gate(calibration=calibration, **({} if is_site else {"like": "promise"}))
    gate.rule = TruncatedSPRT(upper=float("inf"), lower=float("-inf"), horizon=4, on_timeout="transient")
    decisions = [one for result in play(gate, [Script("0" * 24)], 24) for one in result.decisions]
    assert [(one.label, one.age) for one in decisions if one.reason != "timeout"] == [("persistent", 20)]
    assert (decisions[0].label, decisions[0].age) == ("transient", 4), "rates count the first decision"
