"""The configuration of a run: recipes are valid, two settings of one thing must agree, files are read strictly."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perdure.config import from_dict, to_dict, write_toml
from perdure.data.config import DataConfig
from perdure.gate.operation import Operation
from perdure.recipes.config import CalibrationConfig, RunConfig
from perdure.recipes.recipes import RECIPES, read_config, recipe
from perdure.runs.run_folder import RunFolder, find_runs, named_run, point_to_latest
from perdure.tracking.crops import CropConfig
from perdure.world.config import WorldConfig


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_its_file(name: str, tmp_path: Path) -> None:
    config = recipe(name)
    write_toml(tmp_path / "config.toml", config)
    assert read_config(tmp_path / "config.toml") == config
    assert config.recipe == name


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(
        ValueError, match="recipe: got 'huge', expected one of tiny, cpu, field, gpu, tracks, thermal, streets"
    ):
        recipe("huge")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed: got -1, expected at least 0"),
        ({"device": "tpu"}, "device: got 'tpu', expected cpu, cuda, cuda:N or mps"),
        ({"data": DataConfig(num_test=0)}, "data.num_test: got 0 clips, expected at least 1"),
        (
            {"operation": Operation(frame_rate_hz=25.0)},
            "operation.frame_rate_hz: got 25.0, expected the same as data.w",
        ),
        (
            {"operation": Operation(crop=CropConfig(size_px=48))},
            "operation.crop.size_px: got 48, expected the same as m",
        ),
        ({"operation": Operation(horizon=20)}, "operation.horizon: got 20, expected at most data.world.horizon (16)"),
        (
            {"data": DataConfig(num_calibration=148)},
            "data.num_calibration: got 148 clips, need at least 149 for calibration.max_miss 0.02 at calibration.delta",
        ),
        (
            {"calibration": CalibrationConfig(max_false_confirm=0.001)},
            "need at least 2995 for calibration.max_false_confirm 0.001 at calibration.delta 0.05; add clips or raise",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RunConfig(**changes)


def test_the_least_number_of_calibration_clips_is_exact() -> None:
    rates = CalibrationConfig(max_false_confirm=0.02, max_miss=0.1, delta=0.05)
    assert (1 - 0.02) ** rates.least_clips <= 0.05 < (1 - 0.02) ** (rates.least_clips - 1)
    with pytest.raises(ValueError, match=r"delta: got 1\.0, expected above 0 and below 1"):
        replace(rates, delta=1.0)
    assert math.isfinite(rates.least_clips)


def test_settings_that_agree_are_accepted() -> None:
    world = WorldConfig(frame_rate_hz=25.0)
    config = RunConfig(data=DataConfig(world=world), operation=Operation(frame_rate_hz=25.0))
    assert from_dict(RunConfig, to_dict(config), where="here") == config


def test_latest_follows_the_runs_of_a_folder_of_runs(tmp_path: Path) -> None:
    runs = [RunFolder(tmp_path / "runs" / name) for name in ("b", "a")]
    for run in runs:
        run.create()
        run.save_config(recipe("tiny"))
        point_to_latest(run)
        assert named_run(tmp_path / "runs" / "latest").path == run.path
    assert [run.name for run in find_runs(tmp_path / "runs")] == ["a", "b"], "and latest is not listed twice"
    elsewhere = RunFolder(tmp_path / "mine" / "run")
    elsewhere.create()
    point_to_latest(elsewhere)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["run"]


def test_a_folder_of_the_name_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    run = RunFolder(tmp_path / "runs" / "a")
    run.create()
    point_to_latest(run)
    assert not (tmp_path / "runs" / "latest").is_symlink()
