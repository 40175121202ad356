"""The stages of a run on real tracks, as a table."""

from __future__ import annotations

from perdure.config import fingerprint
from perdure.recipes.stages import STAGES
from perdure.recipes.tracks_config import TracksRunConfig
from perdure.recipes.tracks_work import (
    PRETRAINED,
    analyze,
    calibrate,
    evaluate_tracks,
    make_clips,
    make_tracks,
    pretrain,
    report,
    train,
    visualize,
)
from perdure.runs.stage import Stage
from perdure.tracks.real_data import sequence_folders


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
        outputs=("data/{fingerprint}/manifest.json",),
        weight=lambda config: 1 + 0.01 * config.pretraining.data.num_clips,
        disk_bytes=lambda config: config.disk_bytes,
    ),
    Stage(
        name="pretrain",
        summary="train the tokenizer on synthetic clips",
        run=pretrain,
        after=("data",),
        settings=("seed", "device", "pretraining.model", "pretraining.training"),
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
        version=2,
        after=("pretrain",) if uses_pixels else (),
        settings=("data",),
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
        *_fitting(config),
        *_showing(uses_pixels),
    )


def _fitting(config: TracksRunConfig) -> tuple[Stage, ...]:
    """Returns the stages that make models and decide with them."""
    uses_pixels = config.data.uses_pixels
    return (
        Stage(
            name="train",
            summary="fit a model without each part of the sequences, and one on all",
            run=train,
            after=("tracks",),
            settings=("seed", "training"),
            version=2,
            outputs=("checkpoints/fitted_*.safetensors", "checkpoints/fitted_*.json"),
            uses_torch=uses_pixels,
            needs=config.needs,
            weight=lambda config: 0.03 * config.training.num_trees * config.data.folds,
        ),
        Stage(
            name="calibrate",
            summary="find bounds that keep the error rates, on tracks left out",
            run=calibrate,
            after=("tracks", "train"),
            settings=("seed", "calibration", "evaluation.inner_folds"),
            outputs=("checkpoints/fold_*.safetensors", "checkpoints/fold_*.json", "final_model.safetensors",
                     "final_model.json"),
            uses_torch=uses_pixels,
            needs=config.needs,
            weight=lambda config: 0.12 * config.training.num_trees * config.data.folds,
        ),
        Stage(
            name="evaluate",
            summary="decide every track live, on sequences not seen, and compare",
            run=evaluate_tracks,
            after=("tracks", "calibrate"),
            settings=("seed", "evaluation"),
            outputs=("evaluation/evaluation_metrics.json", "evaluation/decisions.jsonl"),
            needs=config.needs,
            weight=lambda config: 60 + 0.1 * config.training.num_trees * config.data.folds,
            uses_torch=uses_pixels,
        ),
    )  # fmt: skip


def _showing(uses_pixels: bool) -> tuple[Stage, ...]:
    """Returns the stages that draw and write."""
    return (
        Stage(
            name="visualize",
            summary="draw the evidence of left-out tracks over their age",
            run=visualize,
            after=("tracks", "calibrate"),
            settings=("evaluation.num_evidence_figures",),
            outputs=("visualizations/evidence_analysis.json", "visualizations/sample_*_evidence.png"),
            weight=5,
            uses_torch=uses_pixels,
        ),
        Stage(
            name="analyze",
            summary="chart cost, ages and rates by sequence",
            run=analyze,
            after=("evaluate",),
            outputs=("evaluation/confusion_matrix.png", "analysis/decision_frame_histogram.png",
                     "analysis/cost_at_rates.png", "analysis/false_confirms_by_sequence.png"),
            weight=2,
        ),
        Stage(
            name="report",
            summary="write the report",
            run=report,
            after=("evaluate", "visualize", "analyze"),
            outputs=("FINAL_REPORT.md", "FINAL_REPORT.html"),
            weight=2,
        ),
    )  # fmt: skip
