"""The stages of a run, as one table: each asks the source of tracks and what gathers evidence for what it needs."""

from __future__ import annotations

from pathlib import Path

import perdure
from perdure.config import fingerprint
from perdure.proof.faults import suite_digest
from perdure.proof.store import prove
from perdure.recipes import clip_work, track_work
from perdure.recipes.clip_work import PRETRAINED, TRAINED
from perdure.recipes.config import RunConfig, SequencesConfig
from perdure.report.write import write_analysis, write_report
from perdure.runs.machine import usable_cores
from perdure.runs.stage import Stage, StageContext
from perdure.tracks.real_data import sequence_folders


def analyze(context: StageContext) -> None:
    """Draws charts from the stored decisions and figures, and writes the text beside them."""
    write_analysis(context.run.path)


def report(context: StageContext) -> None:
    """Writes the report from what the stages before have stored."""
    write_report(context.run.path)


def run_stages(config: RunConfig) -> tuple[Stage, ...]:
    """Returns the stages of a run in order.

    Raises:
        ValueError, FileNotFoundError: there is no folder with the tracks that the run is for.
    """
    if config.source_folder is not None and config.sequences is not None:
        sequence_folders(config.sequences, config.source_folder)
    clips = () if config.made_clips is None else (_clips_stage(config),)
    network = () if config.network_stage is None else (_network_stage(config, config.network_stage),)
    table = () if config.is_network_on_clips else (_tracks_stage(config),)
    forest = (_forest_stage(config),) if config.evidence == "forest" else ()
    return (
        _proof_stage(config),
        *clips,
        *network,
        *table,
        *forest,
        *_deciding_stages(config),
        *_showing_stages(config),
    )


def _proof_stage(config: RunConfig) -> Stage:
    return Stage(
        name="proof",
        summary="prove that the tests of the evaluation pass, and that they can fail",
        run=prove,
        version=2,
        outputs=("artifacts/tdd_evaluation_red.*", "artifacts/tdd_evaluation_green.*"),
        inputs=_proven(),
        weight=12 / _num_processes(config),
    )


def _clips_stage(config: RunConfig) -> Stage:
    return Stage(
        name="data",
        summary="make synthetic clips with known truth",
        run=clip_work.make_clips,
        settings=("seed", "data" if config.sequences is None else "clips"),
        version=1 if config.sequences is None else 2,
        outputs=("data/{fingerprint}/manifest.json",),
        weight=_clips_s(config),
        disk_bytes=config.disk_bytes,
    )


def _network_stage(config: RunConfig, name: str) -> Stage:
    weights = TRAINED if name == "train" else PRETRAINED
    return Stage(
        name=name,
        summary="train tokenizer and evidence model together",
        run=clip_work.train if name == "train" else clip_work.pretrain,
        after=("data",),
        settings=("seed", "device", "operation", "model", "training"),
        version=1 if name == "train" else 2,
        outputs=(weights, weights.replace(".safetensors", ".json")),
        weight=6 + 0.016 * config.training.num_steps * config.training.scenes_per_step,
        uses_torch=True,
    )


def _tracks_stage(config: RunConfig) -> Stage:
    is_seen = config.network_stage is not None
    source = "data" if config.sequences is None else config.network_stage
    return Stage(
        name="tracks",
        summary="link and label the tracks of all sequences",
        run=track_work.make_tracks,
        version=2,
        after=() if source is None else (source,),
        settings=("data",),
        outputs=("data/{fingerprint}/tracks.safetensors", "data/{fingerprint}/tracks.json"),
        inputs="" if config.sequences is None else _sequence_files(config.sequences),
        weight=120 if is_seen else 40,
        uses_torch=is_seen,
    )


def _forest_stage(config: RunConfig) -> Stage:
    return Stage(
        name="train",
        summary="fit a model without each part of the sequences, and one on all",
        run=track_work.fit,
        after=("tracks",),
        settings=("seed", "forest"),
        version=3,
        outputs=("checkpoints/fitted_*.safetensors", "checkpoints/fitted_*.json"),
        uses_torch=config.network_stage is not None,
        needs=config.needs,
        weight=0.03 * _fits(config),
    )


# The weights are seconds of quiet cores: measured on two of them, on recipe cpu and on a run of a fiftieth of its size.
def _deciding_stages(config: RunConfig) -> tuple[Stage, ...]:
    """Returns the stages that set bounds, and decide with them."""
    is_table = not config.is_network_on_clips
    work, source = (track_work, "tracks") if is_table else (clip_work, "data")
    uses_torch = config.network_stage is not None
    models = ("checkpoints/fold_*.safetensors", "checkpoints/fold_*.json") if is_table else ()
    measured = () if is_table else _MEASURED_ON_CLIPS
    return (
        Stage(
            name="calibrate",
            summary="find bounds that keep the error rates, on tracks that nothing was fitted on",
            run=work.calibrate,
            after=(source, "train"),
            settings=("seed", "calibration", *(("evaluation.inner_folds",) if is_table else ())),
            outputs=(*models, "final_model.safetensors", "final_model.json"),
            weight=0.12 * _fits(config) if is_table else 3 + 0.025 * _num_clips(config, "calibration"),
            uses_torch=uses_torch,
            needs=config.needs,
        ),
        Stage(
            name="evaluate",
            summary="decide every track that nothing was fitted on, live",
            run=work.evaluate,
            after=(source, "calibrate"),
            settings=("seed", "evaluation") if is_table else ("seed", "calibration", "evaluation"),
            version=2,
            outputs=(
                "evaluation/evaluation_metrics.json",
                "evaluation/decisions.jsonl",
                "evaluation/scores.json",
                *measured,
            ),
            weight=60 + 0.1 * _fits(config) if is_table else 8 + 0.13 * _num_clips(config, "test"),
            uses_torch=uses_torch,
            needs=config.needs,
        ),
    )


def _showing_stages(config: RunConfig) -> tuple[Stage, ...]:
    """Returns the stages that draw and write."""
    evaluation = config.evaluation
    if config.is_network_on_clips:
        visualize = Stage(
            name="visualize",
            summary="draw the model's own attention",
            run=clip_work.visualize,
            after=("data", "calibrate", "evaluate"),
            settings=("evaluation.num_attention_samples", "evaluation.num_gallery_clips"),
            version=2,
            outputs=(
                "visualizations/attention_analysis.json",
                "visualizations/sample_*_attention.png",
                "visualizations/gallery.json",
                "visualizations/clip_*.webp",
                "visualizations/tokenizer.png",
            ),
            weight=0.5 + 0.5 * evaluation.num_attention_samples + 0.2 * evaluation.num_gallery_clips,
            uses_torch=True,
        )
        charts: tuple[str, ...] = ("analysis/compute_usage_chart.png", "analysis/efficiency_report.md")
    else:
        visualize = Stage(
            name="visualize",
            summary="draw the evidence of left-out tracks over their age",
            run=track_work.visualize,
            after=("tracks", "calibrate", "evaluate"),
            settings=("evaluation.num_evidence_figures", "evaluation.num_gallery_clips"),
            version=2,
            outputs=(
                "visualizations/evidence_analysis.json",
                "visualizations/sample_*_evidence.png",
                "visualizations/gallery.json",
            ),
            weight=5,
            uses_torch=config.network_stage is not None,
        )
        charts = ("analysis/cost_at_rates.png", "analysis/false_confirms_by_sequence.png")
    return (
        visualize,
        Stage(
            name="analyze",
            summary="chart decisions, ages, cost and rates",
            run=analyze,
            after=("evaluate",),
            outputs=("evaluation/confusion_matrix.png", "analysis/decision_frame_histogram.png", *charts),
            weight=1.5,
        ),
        Stage(
            name="report",
            summary="write the report",
            run=report,
            after=("evaluate", "visualize", "analyze"),
            version=2,
            outputs=("FINAL_REPORT.md", "FINAL_REPORT.html"),
            weight=1.5,
        ),
    )


def _proven() -> str:
    """Returns a word that changes when the tests of the proof do, or the source that they are about."""
    root = Path(perdure.__file__).parent
    rooms = ("metrics", "stopping", "calibration", "optima")
    files = [
        *(path for room in rooms for path in sorted((root / room).glob("*.py"))),
        root / "evaluation" / "targets.py",
    ]
    return fingerprint(suite_digest(), [path.read_text(encoding="utf-8") for path in files])


def _sequence_files(sequences: SequencesConfig) -> str:
    """Returns a word that changes when a file of the sequences does: names, sizes and times of change."""
    if sequences.num_streets:
        return "made up"
    folders = sequence_folders(sequences, sequences.folder)
    files = [path for folder in folders for path in folder.rglob("*")]
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files) if path.is_file()]
    return fingerprint([list(one) for one in known])


def _num_processes(config: RunConfig) -> int:
    return config.num_workers or usable_cores()


def _num_clips(config: RunConfig, split: str) -> int:
    return 0 if config.made_clips is None else int(getattr(config.made_clips, f"num_{split}"))


def _clips_s(config: RunConfig) -> float:
    return 1 + 0.019 * (0 if config.made_clips is None else config.made_clips.num_clips) / _num_processes(config)


def _fits(config: RunConfig) -> int:
    """Returns how many trees are grown for one model of each fold; a network is not grown at all."""
    folds = 1 if config.sequences is None else config.sequences.folds
    return config.forest.num_trees * folds if config.evidence == "forest" else 0


_MEASURED_ON_CLIPS = ("evaluation/decisions_tracker.jsonl", "evaluation/frontier.json", "efficiency_metrics.json")
