"""The frontier benchmark on a world of a few clips: what is stored, what is kept, and the table on screen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gate.small_model import DATA, OPERATION, SMALL
from perdure.bench.frontier import RULES, load_scored
from perdure.bench.guarantee import num_rows
from perdure.bench.shift import SHIFTS
from perdure.calibration.rates import Rates
from perdure.cli import bench_commands, main
from perdure.data.dataset import ClipDataset
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import read_decisions
from perdure.recipes import frontier as bench
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import stored_config
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.training.config import TrainingConfig
from perdure.training.offline import evidence_of
from perdure.training.windows import split_windows

BASE = RunConfig(
    recipe="tiny",
    num_threads=1,
    num_workers=1,
    data=replace(DATA, num_calibration=12),
    operation=OPERATION,
    model=SMALL,
    training=TrainingConfig(num_steps=3, warmup_steps=1, log_steps=1, scenes_per_step=2),
    calibration=Rates(max_false_confirm=0.7, max_miss=0.7, delta=0.3),
)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Returns a world and seed that are scored, its data set still there."""
    root = tmp_path_factory.mktemp("frontier")
    folder = bench.cell_folder(root, "d2", 3)
    config = bench.cell_config(BASE, "d2", 3)
    Runner(config_of=stored_config, stages=bench.frontier_stages(config)).run(config, folder)
    return folder


def test_a_cell_is_the_recipe_with_another_world_and_seed() -> None:
    config = bench.cell_config(BASE, "d1-pd0.7", 4)
    assert (config.seed, config.data.world.detection_probability, config.data.world.cue_strength) == (4, 0.7, 1.0)
    assert replace(config, seed=0, data=BASE.data, calibration=BASE.calibration) == BASE
    with pytest.raises(ValueError, match="cells: got 'd9', expected one of d0, d1"):
        bench.cell_config(BASE, "d9", 0)


def test_stored_evidence_is_that_of_the_stored_models_on_test_tracks(scored: RunFolder) -> None:
    dataset = ClipDataset.open(next(path for path in scored.data.iterdir() if path.is_dir()))
    model = PersistenceModel.load(scored.final_model)
    blind = PersistenceModel.load(scored.path / bench.TRAINED_BLIND)
    assert (blind.config.evidence.uses_pixels, blind.config.evidence.uses_cue) == (False, True)
    windows = split_windows(dataset, "test", operation=model.operation, num_ages=8, num_workers=1)
    tracks = load_scored(scored.path / bench.TRACKS["test"])
    np.testing.assert_allclose(tracks["pixels"].evidence, np.nan_to_num(evidence_of(model, windows)), atol=1e-5)
    np.testing.assert_allclose(tracks["detections"].evidence, np.nan_to_num(evidence_of(blind, windows)), atol=1e-5)
    cue = np.where(windows.is_hit, windows.cue, 0.0)
    np.testing.assert_allclose(
        tracks["lifetime"].evidence[windows.is_valid],
        (model.lifetime.evidence(windows.is_hit) + cue.cumsum(axis=1))[windows.is_valid],
        atol=1e-5,
    )
    np.testing.assert_array_equal(tracks["pixels"].is_persistent, windows.is_persistent)


def test_live_decisions_are_stored_for_both_associations(scored: RunFolder) -> None:
    tracks = load_scored(scored.path / bench.TRACKS["test"])
    assert len(read_decisions(scored.decisions)) == len(tracks["pixels"])
    assert read_decisions(scored.decisions_tracker)
    quality = json.loads((scored.path / bench.TOKENIZER).read_text(encoding="utf-8"))
    assert quality["psnr_db"] > 0 and quality["codes"]["codes_used"] >= 1


def test_only_exactly_these_settings_count_as_scored(scored: RunFolder) -> None:
    config = bench.cell_config(BASE, "d2", 3)
    assert bench.is_scored(config, scored)
    assert bench.is_scored(replace(config, num_threads=7), scored)
    assert not bench.is_scored(replace(config, seed=4), scored)
    assert not bench.is_scored(config, bench.cell_folder(scored.path.parent, "d2", 5))


def test_the_command_prints_a_table_and_writes_rows(
    scored: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The world that is scored is not made again, although its data set is gone."""
    monkeypatch.setattr(bench_commands, "recipe", lambda name: BASE)
    bench.drop_data(scored)
    out, rows_file = scored.path.parent, tmp_path / "rows.json"
    words = ["bench", "frontier", "--out", str(out), "--cells", "d2", "--seeds", "3", "--json", str(rows_file)]
    assert main([*words, "--num-threads", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Pd 0.9, Pfa 0.05, d 2" in shown
    assert all(f"\n{rule}" in shown for rule in RULES)
    assert not scored.data.exists()
    stored = json.loads(rows_file.read_text(encoding="utf-8"))
    assert stored["bench"] == "frontier" and stored["machine"]
    assert len(stored["rows"]) == 2 * len(RULES) + 2
    assert (out / "frontier.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frontier", "--cells", "d9"], "cells: got 'd9', expected some of d0, d1, d2, d1-pd0.7"),
        (["frontier", "--total-error", "0.7"], "total_error: got 0.7"),
        (["frontier", "--recipe", "none"], "recipe: got 'none'"),
        (["guarantee", "--draws", "0"], "draws: got 0"),
        (["guarantee", "--alpha", "2"], "alpha: got 2.0"),
        (["other"], "got 'bench other', expected one of bench frontier"),
    ],
)
def test_wrong_input_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_promise_is_printed_drawn_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure, rows_file = tmp_path / "promise.png", tmp_path / "rows.json"
    words = ["--draws", "5", "--clips", "600", "--out", str(figure), "--json", str(rows_file)]
    assert main(["bench", "guarantee", *words]) == 0
    shown = capsys.readouterr().out
    assert "plug-in (no guarantee)" in shown and "halt-time conditional" in shown
    stored = json.loads(rows_file.read_text(encoding="utf-8"))
    assert stored["bench"] == "guarantee" and len(stored["rows"]) == num_rows((600,)) + len(SHIFTS)
    assert "60 Hz instead of 30 Hz" in shown and "frame rate is 60 Hz" in shown
    assert figure.stat().st_size > 10_000
