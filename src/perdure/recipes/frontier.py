"""The frontier benchmark: a run for each world and seed, with stages of its own, and the table over all of them.

Each world and seed is a run folder like any other, so it can be stopped and continued, and every number of the table
goes back to files in it. Data sets are removed once their tracks are scored.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perdure.bench.frontier import Scored, SeedResult, frontier_rows, load_scored, save_scored
from perdure.bench.rule_families import Families
from perdure.config import to_dict
from perdure.data.dataset import ClipDataset
from perdure.evaluation.calibrate import calibration_scores, rule_for
from perdure.evaluation.curves import track_law
from perdure.evaluation.decide import Association, GateSetup, decide_split
from perdure.evaluation.tokenizer import tokenizer_quality
from perdure.files import write_json
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import read_decisions, write_decisions
from perdure.recipes.clip_work import TRAINED, train_as, training_request
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import stored_config
from perdure.recipes.stages import run_stages
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.stage import Stage, StageContext
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of, lifetime_evidence
from perdure.training.windows import split_windows

TRAINED_BLIND = "checkpoints/detections.safetensors"
"""Weights of the model without pixels, inside the run folder."""
TRACKS = {split: f"evaluation/tracks_{split}.npz" for split in ("calibration", "test")}
"""Scored tracks by split, inside the run folder."""
TOKENIZER = "evaluation/tokenizer.json"
"""What the tokenizer keeps of the test crops, inside the run folder."""
ASSOCIATIONS: tuple[Association, ...] = ("truth", "tracker")
CELLS: dict[str, dict[str, Any]] = {
    "d0": {"detection_probability": 0.9, "cue_strength": 0.0},
    "d1": {"detection_probability": 0.9, "cue_strength": 1.0},
    "d2": {"detection_probability": 0.9, "cue_strength": 2.0},
    "d1-pd0.7": {"detection_probability": 0.7, "cue_strength": 1.0},
}
"""Worlds of the table by name: what each changes."""

LEAST_MISS = {"d1-pd0.7": 0.05}
"""Miss rates below which nothing can be guaranteed: the tracker itself deletes nearly 2 % of these objects."""


def cell_config(base: RunConfig, cell: str, seed: int) -> RunConfig:
    """Returns the configuration of one world and seed.

    Raises:
        ValueError: there is no such world.
    """
    if cell not in CELLS:
        raise ValueError(f"cells: got '{cell}', expected one of {', '.join(CELLS)}")
    data = replace(base.world_clips, world=replace(base.world_clips.world, **CELLS[cell]))
    rates = replace(base.calibration, max_miss=max(base.calibration.max_miss or 0.0, LEAST_MISS.get(cell, 0.0)))
    return replace(base, seed=seed, data=data, calibration=rates)


def cell_folder(root: Path, cell: str, seed: int) -> RunFolder:
    """Returns the run folder of one world and seed."""
    return RunFolder(root / f"{cell}-seed{seed}")


def is_scored(config: RunConfig, run: RunFolder) -> bool:
    """Returns whether a run folder holds the scored tracks of exactly these settings."""
    record = read_record(run) if run.is_run else None
    score = None if record is None else record.stages.get("score")
    is_there = all((run.path / name).is_file() for name in TRACKS.values())
    is_done = score is not None and score.status == "done" and is_there
    return is_done and _results(stored_config(run)) == _results(config)


def _results(config: RunConfig) -> RunConfig:
    """Returns the settings that change results."""
    return replace(config, num_workers=0, num_threads=0)


def drop_data(run: RunFolder) -> None:
    """Removes the data sets of a run; a few gigabytes each, and made again from the seed where needed."""
    shutil.rmtree(run.data, ignore_errors=True)


def cell_rows(config: RunConfig, runs: Sequence[RunFolder], *, total_error: float) -> list[dict[str, Any]]:
    """Returns the rows of one world from the run folders of its seeds."""
    world, horizon = config.world_clips.world, config.operation.horizon
    law = track_law(world, horizon=horizon)
    families = Families(
        horizon=horizon,
        on_timeout=config.operation.on_timeout,
        hit_probability=law.hit_alive,
        false_alarm_probability=law.false_alarm_probability,
    )
    return frontier_rows([_result(run) for run in runs], law, families, total_error=total_error, seed=config.seed)


def _result(run: RunFolder) -> SeedResult:
    live = {"truth": run.decisions, "tracker": run.decisions_tracker}
    return SeedResult(
        calibration=load_scored(run.path / TRACKS["calibration"]),
        test=load_scored(run.path / TRACKS["test"]),
        live={name: read_decisions(path) for name, path in live.items()},
    )


def train_detections(context: StageContext) -> None:
    """Trains the evidence model without pixels; the cue of each hit enters as a number instead."""
    config = context.config
    evidence = replace(config.model.evidence, uses_pixels=False, uses_cue=True)
    blind = replace(
        config,
        model=replace(config.model, evidence=evidence),
        training=replace(config.training, num_ages=config.operation.horizon, attention_weight=0.0),
    )
    train_as(training_request(blind, context), context, TRAINED_BLIND)


def score(context: StageContext) -> None:
    """Scores calibration and test tracks with both models, sets guaranteed bounds, and decides the test clips live."""
    config, run = context.config, context.run
    dataset = ClipDataset.open(context.dataset_folder)
    model = PersistenceModel.load(run.path / TRAINED)
    blind = PersistenceModel.load(run.path / TRAINED_BLIND)
    for split in TRACKS:
        windows = split_windows(
            dataset,
            split,
            operation=model.operation,
            num_ages=model.operation.horizon,
            num_workers=context.num_workers,
            on_progress=context.on_progress(f"cutting out {split} tracks"),
        )
        save_scored(run.path / TRACKS[split], _scored(windows, model, blind))
        context.raise_if_stopping()
        if split == "calibration":
            model.calibration = calibration_scores(
                model,
                windows,
                config.calibration,
                seed=config.seed,
                on_progress=context.on_progress("scoring calibration tracks"),
            )
            model.save(run.final_model)
        else:
            write_json(run.path / TOKENIZER, to_dict(tokenizer_quality(model, windows)))
    rule = rule_for(model.calibration, model, config.calibration)  # type: ignore[arg-type]
    for association in ASSOCIATIONS:
        outcomes = decide_split(
            dataset,
            "test",
            GateSetup(weights=run.final_model, rule=rule, association=association),
            num_workers=context.num_workers,
            on_progress=context.on_progress(f"deciding with links by {association}"),
        )
        path = run.decisions if association == "truth" else run.decisions_tracker
        write_decisions(path, [record for outcome in outcomes for record in outcome.records])


def _scored(windows: TrackTable, model: PersistenceModel, blind: PersistenceModel) -> Scored:
    is_hit = windows.is_hit & windows.is_valid
    cue = np.where(is_hit, windows.known("cue"), 0.0)
    tracks = TrackTable(
        is_hit=is_hit, is_valid=windows.is_valid, cue=cue, is_persistent=windows.is_persistent, group=windows.unit
    )
    evidence = {
        "pixels": np.nan_to_num(evidence_of(model, windows)),
        "detections": np.nan_to_num(evidence_of(blind, windows)),
        "lifetime": lifetime_evidence(windows, blind.lifetime) + cue.cumsum(axis=1),
    }
    return {name: tracks.with_columns(evidence=values) for name, values in evidence.items()}


def frontier_stages(config: RunConfig) -> tuple[Stage, ...]:
    """Returns the stages of one world and seed: data and training as in any run, then scores instead of a report."""
    return (
        *(stage for stage in run_stages(config) if stage.name in ("data", "train")),
        Stage(
            name="train_detections",
            summary="train the evidence model without pixels",
            run=train_detections,
            after=("data",),
            settings=("seed", "device", "operation", "model", "training"),
            outputs=(TRAINED_BLIND, TRAINED_BLIND.replace(".safetensors", ".json")),
            weight=50,
            uses_torch=True,
        ),
        Stage(
            name="score",
            summary="score all tracks and decide the test clips",
            run=score,
            after=("data", "train", "train_detections"),
            settings=("seed", "calibration"),
            outputs=(
                *TRACKS.values(),
                TOKENIZER,
                "evaluation/decisions.jsonl",
                "evaluation/decisions_tracker.jsonl",
                "final_model.safetensors",
                "final_model.json",
            ),
            weight=100,
            uses_torch=True,
        ),
    )
