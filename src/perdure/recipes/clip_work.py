"""What each stage does: those that make clips and networks, and those of a network that decides on clips."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.evaluation.calibrate import calibration_scores
from perdure.evaluation.evaluate import EvaluationRequest, evaluate_clips
from perdure.evaluation.gallery import chosen_clips, clip_row
from perdure.evaluation.samples import attention_sample
from perdure.evaluation.tokenizer import kept_crops
from perdure.files import read_json, write_json
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import DecisionRecord, read_decisions, write_decisions
from perdure.recipes.config import RunConfig
from perdure.report.attention_figure import attention_figure
from perdure.report.strips import save_strip
from perdure.report.style import save_figure
from perdure.runs.stage import StageContext, Stopped
from perdure.training.run import TrainingRequest, train_model
from perdure.training.train import Interrupted
from perdure.training.windows import split_windows

TRAINED, PRETRAINED = "checkpoints/trained.safetensors", "checkpoints/pretrained.safetensors"
"""Weights of a network before calibration, and of one whose tokenizer is all that is used, inside the run folder."""

TOKENIZER_PICTURE = "tokenizer.png"
"""Crops above what the tokenizer keeps of them, inside the folder of visualizations."""


def make_clips(context: StageContext) -> None:
    """Generates the clips of all splits; continues a data set that was cut off."""
    config: RunConfig = context.config
    if config.made_clips is None:
        raise ValueError("clips: got none, expected some to make")
    generate_dataset(
        config.made_clips,
        context.dataset_folder,
        seed=config.seed,
        num_workers=context.num_workers,
        on_progress=context.on_progress("clips"),
    )


def train(context: StageContext) -> None:
    """Trains tokenizer and evidence model together on the training split."""
    train_as(training_request(context.config, context), context, TRAINED)


def pretrain(context: StageContext) -> None:
    """Does the same for the tokenizer alone; the evidence model that comes with it is not used further."""
    train_as(training_request(context.config, context), context, PRETRAINED)


def training_request(config: RunConfig, context: StageContext) -> TrainingRequest:
    """Returns what a configuration says about training."""
    return TrainingRequest(
        model=config.network,
        operation=config.operation,
        training=config.training,
        seed=config.seed,
        num_workers=context.num_workers,
        device=config.device,
    )


def train_as(request: TrainingRequest, context: StageContext, output: str) -> None:
    """Trains on the data set of the run and stores the weights at `output`, a path inside the run folder."""
    checkpoint = context.work / "state.safetensors"
    try:
        model = train_model(
            ClipDataset.open(context.dataset_folder),
            request,
            checkpoint=checkpoint,
            log=context.log,
            should_stop=context.should_stop,
        )
    except Interrupted as error:
        raise Stopped(str(error)) from error
    model.save(context.run.path / output)
    shutil.rmtree(context.work, ignore_errors=True)


def calibrate(context: StageContext) -> None:
    """Scores the calibration split and stores the scores with the weights."""
    config = context.config
    model = PersistenceModel.load(context.run.path / TRAINED)
    on_part = _in_parts(context, cutting_out_tracks=8, scoring_tracks=23)
    windows = split_windows(
        ClipDataset.open(context.dataset_folder),
        "calibration",
        operation=model.operation,
        num_ages=model.operation.horizon,
        num_workers=context.num_workers,
        on_progress=lambda done, total: on_part(done, total, "cutting out tracks"),
    )
    model.calibration = calibration_scores(
        model,
        windows,
        config.calibration,
        seed=config.seed,
        on_progress=lambda done, total: on_part(done, total, "scoring tracks"),
    )
    model.rates = config.calibration
    model.save(context.run.final_model)


def evaluate(context: StageContext) -> None:
    """Runs the gate over the test split and stores every decision and every rate."""
    config, run = context.config, context.run
    result = evaluate_clips(
        EvaluationRequest(
            dataset=ClipDataset.open(context.dataset_folder),
            weights=run.final_model,
            rates=config.calibration,
            config=config.evaluation,
            seed=config.seed,
            num_workers=context.num_workers,
            on_progress=_in_parts(
                context,
                deciding_with_true_links=23,
                deciding_with_the_tracker=22,
                cutting_out_tracks=5,
                evidence_of_whole_tracks=5,
                timing_with_and_without_gating=6,
                attention=13,
                controls=26,
            ),
        )
    )
    write_decisions(run.decisions, result.records)
    write_decisions(run.decisions_tracker, result.tracker_records)
    write_json(run.efficiency_metrics, result.efficiency)
    write_json(run.frontier, result.frontier)
    result.scores.save(run.scores)
    write_json(run.evaluation_metrics, result.metrics)


def visualize(context: StageContext) -> None:
    """Draws the model's own attention on test clips, and stores its ratios and controls."""
    run = context.run
    metrics, records = read_json(run.evaluation_metrics), read_decisions(run.decisions)
    dataset, model = ClipDataset.open(context.dataset_folder), PersistenceModel.load(run.final_model)
    chosen = metrics["attention_clips"][: context.config.evaluation.num_attention_samples]
    samples = []
    for place, row in enumerate(chosen):
        own = [record for record in records if record.clip_id == row["clip_id"]]
        sample = attention_sample(dataset.clip(row["clip_id"]), model, own)
        name = f"sample_{place:04d}_attention.png"
        save_figure(attention_figure(sample), run.visualizations / name)
        tracks = [
            {name: getattr(record, name) for name in ("track_id", "true_label", "label", "decision_frame")}
            for record in own
        ]
        samples.append({"file": name, "clip_id": row["clip_id"], "ratio": sample.ratio, "tracks": tracks})
        context.on_progress("attention figures")(place + 1, len(chosen))
    write_json(run.attention_analysis, _attention_rows(metrics, samples))
    _store_gallery(context, dataset, model, records)


def _store_gallery(
    context: StageContext, dataset: ClipDataset, model: PersistenceModel, records: list[DecisionRecord]
) -> None:
    """Stores the clips that the report plays, and crops beside what the tokenizer keeps of them."""
    run, clips, rows = context.run, [], []
    chosen = chosen_clips(records, context.config.evaluation.num_gallery_clips)
    for place, clip_id in enumerate(chosen):
        clips.append(dataset.clip(clip_id))
        sample = attention_sample(clips[-1], model, [record for record in records if record.clip_id == clip_id])
        name = f"clip_{place:04d}.webp"
        save_strip(sample.frames, run.visualizations / name)
        rows.append(clip_row(sample, name, clips[-1].frame_rate_hz))
        context.on_progress("clips to play")(place + 1, len(chosen))
    kept = kept_crops(clips, model)
    save_strip(kept.pictures(), run.visualizations / TOKENIZER_PICTURE, columns=kept.num_ages)
    write_json(run.gallery, {"clips": rows, "tokenizer": {"file": TOKENIZER_PICTURE, **kept.to_dict()}})


def _in_parts(context: StageContext, **weights: float) -> Callable[[int, int, str], None]:
    """Returns a progress function for work in named parts, one scale for all of them; it stops like `on_progress`.

    Args:
        context: of the stage.
        weights: seconds that each part takes about, in order of their start; the words of a part are its name with
            spaces for underscores.
    """
    names = [name.replace("_", " ") for name in weights]
    before = [sum(list(weights.values())[:place]) for place in range(len(names))]
    on_progress = {name: context.on_progress(name) for name in names}

    def on_part(done: int, total: int, part: str) -> None:
        seconds = before[names.index(part)] + list(weights.values())[names.index(part)] * done / max(total, 1)
        on_progress[part](round(10 * seconds), round(10 * sum(weights.values())))

    return on_part


def _attention_rows(metrics: dict[str, Any], samples: list[dict[str, Any]]) -> dict[str, Any]:
    names = {
        "efficiency": "attention_efficiency",
        "efficiency_ci95": "attention_efficiency_ci95",
        "uniform_control": "attention_uniform_control",
        "shuffled_control": "attention_shuffled_control",
        "structure_control": "attention_structure_control",
        "gated_efficiency": "attention_efficiency_gated",
        "gated_efficiency_ci95": "attention_efficiency_gated_ci95",
        "gated_shuffled_control": "attention_shuffled_control_gated",
        "gated_structure_control": "attention_structure_control_gated",
        "num_clips": "attention_num_clips",
        "clips": "attention_clips",
    }
    return {name: metrics[source] for name, source in names.items()} | {"samples": samples}
