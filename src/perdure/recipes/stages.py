"""The stages of a run, as a table, and what each does with the parts below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import perdure
from perdure.config import fingerprint
from perdure.data.config import SPLITS
from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.evaluation.calibrate import calibration_scores
from perdure.evaluation.evaluate import EvaluationRequest, evaluate
from perdure.evaluation.samples import attention_sample
from perdure.files import read_json, write_json
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import read_decisions, write_decisions
from perdure.proof.faults import suite_digest
from perdure.proof.store import prove
from perdure.recipes.config import RunConfig
from perdure.recipes.train_stage import TRAINED, train
from perdure.report.attention_figure import draw_attention_figure
from perdure.report.figures import draw_confusion_matrix
from perdure.report.write import write_analysis, write_report
from perdure.runs.machine import usable_cores
from perdure.runs.settings import RunSettings
from perdure.runs.stage import Stage, StageContext
from perdure.training.windows import split_windows


def make_data(context: StageContext) -> None:
    """Generates the clips of all splits; continues a data set that was cut off."""
    config = context.config
    generate_dataset(
        config.data,
        context.dataset_folder,
        seed=config.seed,
        num_workers=context.num_workers,
        on_progress=context.on_progress("clips"),
    )


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


def evaluate_run(context: StageContext) -> None:
    """Runs the gate over the test split and stores every decision and every rate."""
    config, run = context.config, context.run
    result = evaluate(
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
        draw_attention_figure(sample, run.visualizations / name)
        tracks = [
            {name: getattr(record, name) for name in ("track_id", "true_label", "label", "decision_frame")}
            for record in own
        ]
        samples.append({"file": name, "clip_id": row["clip_id"], "ratio": sample.ratio, "tracks": tracks})
        context.on_progress("attention figures")(place + 1, len(chosen))
    write_json(run.attention_analysis, _attention_rows(metrics, samples))


def analyze(context: StageContext) -> None:
    """Draws decisions and cost by class and writes the text beside them."""
    draw_confusion_matrix(read_json(context.run.evaluation_metrics), context.run.confusion_matrix)
    write_analysis(context.run.path)


def report(context: StageContext) -> None:
    """Writes the report from what the stages before have stored."""
    write_report(context.run.path)


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
        "num_clips": "attention_num_clips",
        "clips": "attention_clips",
    }
    return {name: metrics[source] for name, source in names.items()} | {"samples": samples}


def _data_s(config: RunConfig) -> float:
    return 1 + 0.019 * sum(getattr(config.data, f"num_{split}") for split in SPLITS) / _num_processes(config)


def _proven(config: RunSettings) -> str:
    """Returns a word that changes when the tests of the proof do, or the source that they are about."""
    del config
    root = Path(perdure.__file__).parent
    rooms = ("metrics", "stopping", "calibration", "optima")
    files = [
        *(path for room in rooms for path in sorted((root / room).glob("*.py"))),
        root / "evaluation" / "targets.py",
    ]
    return fingerprint(suite_digest(), [path.read_text(encoding="utf-8") for path in files])


def _num_processes(config: RunSettings) -> int:
    return config.num_workers or usable_cores()


def _train_s(config: RunConfig) -> float:
    return 6 + 0.016 * config.training.num_steps * config.training.scenes_per_step


# The weights are seconds of quiet cores: measured on two of them, on recipe cpu and on a run of a fiftieth of its size.
STAGES: tuple[Stage, ...] = (
    Stage(
        name="proof",
        summary="prove that the tests of the evaluation pass, and that they can fail",
        run=prove,
        version=2,
        outputs=("artifacts/tdd_evaluation_red.*", "artifacts/tdd_evaluation_green.*"),
        inputs=_proven,
        weight=lambda config: 12 / _num_processes(config),
    ),
    Stage(
        name="data",
        summary="make clips with known truth",
        run=make_data,
        settings=("seed", "data"),
        outputs=("data/{fingerprint}/manifest.json",),
        weight=_data_s,
        disk_bytes=lambda config: config.disk_bytes,
    ),
    Stage(
        name="train",
        summary="train tokenizer and evidence model together",
        run=train,
        after=("data",),
        settings=("seed", "device", "operation", "model", "training"),
        outputs=(TRAINED, TRAINED.replace(".safetensors", ".json")),
        weight=_train_s,
        uses_torch=True,
    ),
    Stage(
        name="calibrate",
        summary="find bounds that keep the error rates",
        run=calibrate,
        after=("data", "train"),
        settings=("seed", "calibration"),
        outputs=("final_model.safetensors", "final_model.json"),
        weight=lambda config: 3 + 0.025 * config.data.num_calibration,
        uses_torch=True,
    ),
    Stage(
        name="evaluate",
        summary="decide every test track, live",
        run=evaluate_run,
        after=("data", "calibrate"),
        settings=("seed", "calibration", "evaluation"),
        outputs=(
            "evaluation/evaluation_metrics.json",
            "evaluation/decisions.jsonl",
            "evaluation/decisions_tracker.jsonl",
            "evaluation/frontier.json",
            "efficiency_metrics.json",
        ),
        weight=lambda config: 8 + 0.13 * config.data.num_test,
        uses_torch=True,
    ),
    Stage(
        name="visualize",
        summary="draw the model's own attention",
        run=visualize,
        after=("data", "calibrate", "evaluate"),
        settings=("evaluation.num_attention_samples",),
        outputs=("visualizations/attention_analysis.json", "visualizations/sample_*_attention.png"),
        weight=lambda config: 0.5 + 0.5 * config.evaluation.num_attention_samples,
        uses_torch=True,
    ),
    Stage(
        name="analyze",
        summary="chart decisions and cost by class",
        run=analyze,
        after=("evaluate",),
        outputs=(
            "evaluation/confusion_matrix.png",
            "analysis/decision_frame_histogram.png",
            "analysis/compute_usage_chart.png",
            "analysis/efficiency_report.md",
        ),
        weight=1,
    ),
    Stage(
        name="report",
        summary="write the report",
        run=report,
        after=("evaluate", "visualize", "analyze"),
        outputs=("FINAL_REPORT.md", "FINAL_REPORT.html"),
        weight=1.5,
    ),
)
