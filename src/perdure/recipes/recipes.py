"""Named, complete configurations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path
from typing import Any

from perdure.calibration.rates import Rates
from perdure.config import from_dict, read_toml_dict, to_dict
from perdure.data.config import DataConfig
from perdure.evaluation.config import EvaluationConfig
from perdure.evidence.config import EvidenceConfig, ModelConfig
from perdure.recipes.config import RunConfig, SequencesConfig
from perdure.runs.run_folder import RunFolder
from perdure.training.config import CompositeConfig, TrainingConfig
from perdure.training.track_fit import TrackTrainingConfig
from perdure.world.config import WorldConfig


def tiny() -> RunConfig:
    """Returns a run of under a minute that goes through every stage; its figures mean little."""
    return RunConfig(
        recipe="tiny",
        data=DataConfig(num_train=96, num_validation=16, num_calibration=96, num_test=32, clips_per_shard=16),
        training=TrainingConfig(num_steps=60, warmup_steps=10, log_steps=10),
        calibration=Rates(max_false_confirm=0.15, max_miss=0.15),
        evaluation=EvaluationConfig(
            num_timed_clips=4, num_attention_clips=12, num_attention_samples=4, num_gallery_clips=8, num_resamples=200
        ),
    )


def cpu() -> RunConfig:
    """Returns the default: a few minutes on two cores."""
    return RunConfig(recipe="cpu")


def field() -> RunConfig:
    """Returns the recipe of the weights in the package: no cue, no scores, any texture, and real sequences if given."""
    world = WorldConfig(
        cue_strength=0.0,
        detection_probability=0.8,
        false_alarm_probability=0.1,
        transient_lifetimes=(1, 1, 1, 2, 2, 3, 4),
        contrast_grey=(20.0, 110.0),
        texture_grey=24.0,
        noise_grey=5.0,
        box_jitter=0.12,
    )
    return RunConfig(
        recipe="field",
        data=DataConfig(world=world, num_train=800, num_validation=80, num_calibration=1000, num_test=300),
        model=ModelConfig(evidence=EvidenceConfig(uses_score=False, max_increment=3.0)),
        training=TrainingConfig(
            num_steps=3000,
            uses_relighting=True,
            composites=CompositeConfig(num_scenes=2500),
            sequence_targets="points",
        ),
        calibration=Rates(max_false_confirm=0.05, max_miss=0.05),
    )


def gpu() -> RunConfig:
    """Returns a longer training on more clips; needs a GPU."""
    return RunConfig(
        recipe="gpu",
        device="cuda",
        data=DataConfig(num_train=12000, num_validation=500, num_calibration=4000, num_test=3000),
        training=TrainingConfig(num_steps=20000, scenes_per_step=32, reconstructed_tracks=32, warmup_steps=500),
    )


def tracks() -> RunConfig:
    """Returns a run on tracks of real sequences, from detections alone; needs --data.path and the extra tracks."""
    return RunConfig(
        recipe="tracks", evidence="forest", data=SequencesConfig(), calibration=Rates(max_false_confirm=0.05)
    )


def streets() -> RunConfig:
    """Returns the recipe of the weights for detections alone: synthetic ones, and inputs that any detector shares.

    Needs the extra tracks.
    """
    return RunConfig(
        recipe="streets",
        evidence="forest",
        data=SequencesConfig(num_streets=160, folds=4),
        forest=TrackTrainingConfig(
            num_trees=60,
            min_leaf=300,
            uses_place=False,
            uses_raw_scores=False,
            uses_stream_scores=True,
        ),
        calibration=Rates(max_false_confirm=0.05),
    )


def thermal() -> RunConfig:
    """Returns a run on targets of a few pixels on static infrared cameras, with a tokenizer of synthetic clips.

    Needs --data.path, of sequences with video, and the extra tracks.
    """
    return RunConfig(
        recipe="thermal",
        evidence="forest",
        data=SequencesConfig(targets="points", camera="static", folds=6, uses_pixels=True),
        calibration=Rates(max_false_confirm=0.05),
    )


RECIPES: dict[str, Callable[[], RunConfig]] = {
    "tiny": tiny,
    "cpu": cpu,
    "field": field,
    "gpu": gpu,
    "tracks": tracks,
    "thermal": thermal,
    "streets": streets,
}
"""Recipes by name."""
DEFAULT_RECIPE = "cpu"
"""The one that is taken where none is named."""


def recipes_help() -> str:
    """Returns a paragraph for each recipe: its name, and what it says of itself."""
    said = {name: " ".join(cleandoc(make.__doc__ or "").split()) for name, make in RECIPES.items()}
    return "\n\n".join(f"Recipe {name}: {text.removeprefix('Returns ')}" for name, text in said.items())


def read_values(path: Path) -> dict[str, Any]:
    """Returns what a configuration file says, under the names that settings have now.

    Runs on tracks used to be configured apart: `training` was the forest, and `pretraining` held all of networks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML.
    """
    values = read_toml_dict(path)
    known = RECIPES.get(str(values.get("recipe")))
    if known and "evidence" not in values:
        values["evidence"] = known().evidence
    if {item.name for item in fields(TrackTrainingConfig)} & set(values.get("training", ())):
        values["forest"] = values.pop("training")
    for name, value in values.pop("pretraining", {}).items():
        values["clips" if name == "data" else name] = value
    return values


def renamed_option(option: str) -> str:
    """Returns the name that an option of `perdure run` has now; see `read_values`.

    >>> renamed_option("--training.num-trees"), renamed_option("--pretraining.data.num-train")
    ('--forest.num-trees', '--clips.num-train')
    """
    section, _, name = option.rpartition(".")
    forest = {item.name.replace("_", "-") for item in fields(TrackTrainingConfig)}
    if section == "--training" and name.removeprefix("no-") in forest:
        return f"--forest.{name}"
    return option.replace("--pretraining.data.", "--clips.").replace("--pretraining.", "--")


def read_config(path: Path) -> RunConfig:
    """Returns the complete configuration in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML, or not a configuration.
    """
    return from_dict(RunConfig, read_values(path), where=str(path))


def changed_recipe(path: Path) -> RunConfig:
    """Returns the configuration of a file that need not be complete: what it leaves out its recipe says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML, or holds an unknown key or a value that is not valid.
    """
    values = read_values(path)
    name = values.get("recipe", DEFAULT_RECIPE)
    if not isinstance(name, str) or name not in RECIPES:
        raise ValueError(f"{path}: recipe: got {name!r}, expected one of {', '.join(RECIPES)}")
    return from_dict(RunConfig, _merged(to_dict(recipe(name)), values), where=str(path))


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in values.items():
        old = result.get(name)
        result[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def stored_config(run: RunFolder) -> RunConfig:
    """Returns the configuration that a run folder holds.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not valid.
    """
    return read_config(run.require_run().config_file)


def recipe(name: str) -> RunConfig:
    """Returns the configuration of that name.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe: got '{name}', expected one of {', '.join(RECIPES)}")
    return RECIPES[name]()
