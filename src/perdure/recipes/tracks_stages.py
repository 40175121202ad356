"""The stages of a run on real tracks, and what each does with the parts below."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from perdure.bench.confirmation_bench import bench_rows
from perdure.bench.confirmation_methods import CAPS, compared_methods
from perdure.config import fingerprint
from perdure.data.generate import generate_dataset
from perdure.data.mot_sequence import MotSequence
from perdure.evaluation.tracks_decisions import decide_folds
from perdure.evaluation.tracks_metrics import tracks_metrics
from perdure.files import write_json
from perdure.gate.model import PersistenceModel
from perdure.gate.operation import Operation
from perdure.metrics.decisions import write_decisions
from perdure.recipes.stages import STAGES
from perdure.recipes.tracks_config import TracksRunConfig
from perdure.recipes.train_stage import train_as
from perdure.report.tracks_write import write_tracks_analysis, write_tracks_report
from perdure.runs.stage import Stage, StageContext
from perdure.tracks.real_data import read_places, sequence_folders, street_place
from perdure.tracks.table_looks import table_looks
from perdure.tracks.track_table import TrackTable
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.run import TrainingRequest
from perdure.training.tracks_folds import ALL, FoldsRequest, fit_folds

PRETRAINED = "checkpoints/pretrained.safetensors"
"""Weights of the tokenizer, inside the run folder."""
TRACKS = "tracks.safetensors"
"""File of the labelled tracks, inside the folder of their data."""


def make_clips(context: StageContext) -> None:
    """Generates the synthetic clips that the tokenizer is trained on."""
    config: TracksRunConfig = context.config
    generate_dataset(
        config.pretraining.data,
        context.dataset_folder,
        seed=config.seed,
        num_workers=context.num_workers,
        on_progress=_stoppable(context, "clips"),
    )


def pretrain(context: StageContext) -> None:
    """Trains the tokenizer on synthetic clips, together with an evidence model that is not used further."""
    config: TracksRunConfig = context.config
    request = TrainingRequest(
        model=config.pretraining.model,
        operation=Operation(),
        training=config.pretraining.training,
        seed=config.seed,
        num_workers=context.num_workers,
        device=config.device,
    )
    train_as(request, context, PRETRAINED)


def make_tracks(context: StageContext) -> None:
    """Links the detections of all sequences, describes and labels their tracks, and looks at their crops."""
    config: TracksRunConfig = context.config
    on_sequence = _stoppable(context, "sequences")
    if config.data.num_streets:
        places = [street_place(seed) for seed in range(config.data.num_streets)]
    else:
        places = [str(folder) for folder in sequence_folders(config.data, config.data.folder.resolve())]
    table, sequences = read_places(config.data, places, on_sequence, needs_video=config.data.uses_pixels)
    if config.data.uses_pixels:
        table = _looked_at(table, sequences, context)
    path = _tracks_file(context)
    path.parent.mkdir(parents=True, exist_ok=True)
    StoredTracks.of(table, places, sequences).save(path)


def _tracks_file(context: StageContext) -> Path:
    return context.run.data / context.fingerprints["tracks"] / TRACKS


def _looked_at(table: TrackTable, sequences: list[MotSequence], context: StageContext) -> TrackTable:
    model = PersistenceModel.load(context.run.path / PRETRAINED)
    looks = table_looks(table, sequences, model, on_progress=_stoppable(context, "videos"))
    return replace(table, looks=looks)


def train(context: StageContext) -> None:
    """Fits and calibrates a model without each part of the sequences, and one on all of them, which is the result."""
    request, num_folds = _folds(context, context.work)
    on_fold = _stoppable(context, "models")
    for done, _ in enumerate(fit_folds([*range(num_folds), ALL], request, num_workers=context.num_workers), start=1):
        on_fold(done, num_folds + 1)
    for fold in range(num_folds):
        _moved(request.model(fold), context.run.checkpoints)
    for name in (".json", ".safetensors"):  # weights last: where they are, all is
        request.model(ALL).with_suffix(name).replace(context.run.final_model.with_suffix(name))
    shutil.rmtree(context.work, ignore_errors=True)


def _moved(path: Path, folder: Path) -> None:
    for name in (".json", ".safetensors"):
        path.with_suffix(name).replace(folder / path.with_suffix(name).name)


def evaluate_tracks(context: StageContext) -> None:
    """Runs the gate over every sequence with the model that has not seen it, and compares it with other methods."""
    config: TracksRunConfig = context.config
    request, num_folds = _folds(context, context.run.checkpoints)
    outcomes, rules = [], []
    on_fold = _stoppable(context, "folds")
    decided = decide_folds(range(num_folds), request, num_workers=context.num_workers)
    for done, (rule, found) in enumerate(decided, start=1):
        rules.append(rule)
        outcomes += found
        on_fold(done, 2 * num_folds)
    records = sorted(
        (record for outcome in outcomes for record in outcome.records), key=lambda one: (one.clip_id, one.track_id)
    )
    metrics = tracks_metrics(
        records,
        _compared(context, request, num_folds),
        rules,
        num_censored=sum(outcome.num_censored for outcome in outcomes),
        rates=request.rates,
        early_stop_frame=config.evaluation.early_stop_frame,
        num_resamples=config.evaluation.num_resamples,
        seed=config.seed,
    )
    write_decisions(context.run.decisions, records)
    write_json(context.run.evaluation_metrics, metrics)


def _compared(context: StageContext, request: FoldsRequest, num_folds: int) -> list[dict[str, Any]]:
    """Returns the rows of all methods on the same splits."""
    data = StoredTracks.load(request.tracks).split(request.request, request.name)
    methods = compared_methods(request.training, has_pixels=data.table.looks is not None, seed=request.seed)
    total = len(CAPS) * (len(methods) + 3)
    steps: list[str] = []
    on_step = _stoppable(context, "comparison")

    def on_progress(name: str) -> None:
        steps.append(name)
        on_step(round(num_folds * (1 + len(steps) / total)), 2 * num_folds)

    return bench_rows(data, methods, seed=request.seed, is_trained=False, on_progress=on_progress)


def analyze(context: StageContext) -> None:
    """Draws what methods cost, when decisions fell, and rates by sequence."""
    write_tracks_analysis(context.run.path)


def report(context: StageContext) -> None:
    """Writes the report from what the stages before have stored."""
    write_tracks_report(context.run.path)


def _folds(context: StageContext, models: Path) -> tuple[FoldsRequest, int]:
    """Returns what the models of all folds depend on, and how many folds there are."""
    config: TracksRunConfig = context.config
    path = _tracks_file(context)
    request = FoldsRequest(
        tracks=path,
        name=config.data.name,
        request=config.data,
        training=config.training,
        rates=config.calibration,
        inner_folds=config.evaluation.inner_folds,
        seed=config.seed,
        pretrained=context.run.path / PRETRAINED if config.data.uses_pixels else None,
        models=models,
    )
    return request, len(StoredTracks.load(path).split(config.data, request.name).folds)


def _stoppable(context: StageContext, detail: str) -> Any:
    """Returns a progress function that stops the stage where the run should stop."""

    def on_progress(done: int, total: int) -> None:
        context.log.progress(done, total, detail)
        context.raise_if_stopping()

    return on_progress


def _sources(config: TracksRunConfig) -> str:
    """Returns a word that changes when a file of the sequences does: names, sizes and times of change."""
    if config.data.num_streets:
        return "made up"
    files = [path for folder in sequence_folders(config.data, config.data.folder) for path in folder.rglob("*")]
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files) if path.is_file()]
    return fingerprint([list(one) for one in known])


_PROOF: Stage = next(stage for stage in STAGES if stage.name == "proof")
_PRETRAINING = (
    Stage(
        name="data",
        summary="make synthetic clips for the tokenizer",
        run=make_clips,
        settings=("seed", "pretraining.data"),
        code=("perdure.data.generate",),
        outputs=("data/{fingerprint}/manifest.json",),
        weight=lambda config: 1 + 0.01 * config.pretraining.data.num_clips,
        disk_bytes=lambda config: config.pretraining.data.num_clips * config.pretraining.data.bytes_per_clip,
    ),
    Stage(
        name="pretrain",
        summary="train the tokenizer on synthetic clips",
        run=pretrain,
        after=("data",),
        settings=("seed", "device", "pretraining.model", "pretraining.training"),
        code=("perdure.training.run",),
        outputs=(PRETRAINED, PRETRAINED.replace(".safetensors", ".json")),
        weight=lambda config: (
            6 + 0.016 * config.pretraining.training.num_steps * config.pretraining.training.scenes_per_step
        ),
        uses_torch=True,
    ),
)


def _tracks_stage(uses_pixels: bool) -> Stage:
    return Stage(
        name="tracks",
        summary="link and label the tracks of all sequences",
        run=make_tracks,
        after=("pretrain",) if uses_pixels else (),
        settings=("data",),
        code=("perdure.tracks.real_data", "perdure.tracks.tracks_store"),
        outputs=("data/{fingerprint}/tracks.safetensors", "data/{fingerprint}/tracks.json"),
        inputs=_sources,
        weight=120 if uses_pixels else 40,
        uses_torch=uses_pixels,
    )


def tracks_stages(config: TracksRunConfig) -> tuple[Stage, ...]:
    """Returns the stages of a run; those that make a tokenizer are there only where pixels are used.

    Raises:
        ValueError: no folder is given.
        FileNotFoundError: there is no such folder.
    """
    if not config.data.num_streets:
        sequence_folders(config.data, config.data.folder)
    uses_pixels = config.data.uses_pixels
    return (
        _PROOF,
        *(_PRETRAINING if uses_pixels else ()),
        _tracks_stage(uses_pixels),
        Stage(
            name="train",
            summary="fit a model without each part of the sequences, and one on all",
            run=train,
            after=("tracks",),
            settings=("seed", "training", "calibration", "evaluation.inner_folds"),
            code=("perdure.training.tracks_folds",),
            outputs=("checkpoints/fold_*.safetensors", "checkpoints/fold_*.json", "final_model.safetensors",
                     "final_model.json"),
            uses_torch=uses_pixels,
            weight=lambda config: 0.15 * config.training.num_trees * config.data.folds,
        ),
        Stage(
            name="evaluate",
            summary="decide every track live, on sequences not seen, and compare",
            run=evaluate_tracks,
            after=("tracks", "train"),
            settings=("seed", "evaluation"),
            code=("perdure.evaluation.tracks_decisions", "perdure.bench.confirmation_bench"),
            outputs=("evaluation/evaluation_metrics.json", "evaluation/decisions.jsonl"),
            weight=lambda config: 60 + 0.1 * config.training.num_trees * config.data.folds,
            uses_torch=uses_pixels,
        ),
        Stage(
            name="analyze",
            summary="chart cost, ages and rates by sequence",
            run=analyze,
            after=("evaluate",),
            code=("perdure.report.tracks_write",),
            outputs=("evaluation/confusion_matrix.png", "analysis/decision_frame_histogram.png",
                     "analysis/cost_at_rates.png", "analysis/false_confirms_by_sequence.png"),
            weight=2,
        ),
        Stage(
            name="report",
            summary="write the report",
            run=report,
            after=("evaluate", "analyze"),
            code=("perdure.report.tracks_write",),
            outputs=("FINAL_REPORT.md", "FINAL_REPORT.html"),
            weight=2,
        ),
    )  # fmt: skip
