"""The stages of a run, as a table, and what each does with the parts below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.data.config import SPLITS
from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.evaluation.calibrate import ErrorRates, calibration_scores
from perdure.evaluation.evaluate import EvaluationRequest, evaluate
from perdure.evaluation.samples import attention_sample
from perdure.files import read_json, write_json
from perdure.gate.model import PersistenceModel
from perdure.gate.operation import Rates
from perdure.metrics.decisions import read_decisions, write_decisions
from perdure.proof.faults import suite_digest
from perdure.proof.store import prove
from perdure.recipes.config import RunConfig
from perdure.recipes.train_stage import TRAINED, train
from perdure.report.attention_figure import draw_attention_figure
from perdure.report.figures import draw_confusion_matrix
from perdure.report.write import write_analysis, write_report
from perdure.runs.machine import usable_cores
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
        on_progress=_stoppable(context, "clips"),
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
        error_rates(config),
        seed=config.seed,
        on_progress=lambda done, total: on_part(done, total, "scoring tracks"),
    )
    model.rates = Rates(max_false_confirm=config.calibration.max_false_confirm, max_miss=config.calibration.max_miss)
    model.save(context.run.final_model)


def evaluate_run(context: StageContext) -> None:
    """Runs the gate over the test split and stores every decision and every rate."""
    config, run = context.config, context.run
    result = evaluate(
        EvaluationRequest(
            dataset=ClipDataset.open(context.dataset_folder),
            weights=run.final_model,
            rates=error_rates(config),
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
        _stoppable(context, "attention figures")(place + 1, len(chosen))
    write_json(run.attention_analysis, _attention_rows(metrics, samples))


def analyze(context: StageContext) -> None:
    """Draws decisions and cost by class and writes the text beside them."""
    draw_confusion_matrix(read_json(context.run.evaluation_metrics), context.run.confusion_matrix)
    write_analysis(context.run.path)


def report(context: StageContext) -> None:
    """Writes the report from what the stages before have stored."""
    write_report(context.run.path)


def _dataset_bytes(config: RunConfig) -> int:
    return sum(getattr(config.data, f"num_{split}") for split in SPLITS) * config.data.bytes_per_clip


def _stoppable(context: StageContext, detail: str) -> Any:
    """Returns a progress function that stops the stage where the run should stop."""

    def on_progress(done: int, total: int) -> None:
        context.log.progress(done, total, detail)
        context.raise_if_stopping()

    return on_progress


def _in_parts(context: StageContext, **weights: float) -> Callable[[int, int, str], None]:
    """Returns a progress function for work in named parts, one scale for all of them; it stops like `_stoppable`.

    Args:
        context: of the stage.
        weights: seconds that each part takes about, in order of their start; the words of a part are its name with
            spaces for underscores.
    """
    names = [name.replace("_", " ") for name in weights]
    before = [sum(list(weights.values())[:place]) for place in range(len(names))]
    on_progress = {name: _stoppable(context, name) for name in names}

    def on_part(done: int, total: int, part: str) -> None:
        seconds = before[names.index(part)] + list(weights.values())[names.index(part)] * done / max(total, 1)
        on_progress[part](round(10 * seconds), round(10 * sum(weights.values())))

    return on_part


def error_rates(config: RunConfig) -> ErrorRates:
    """Returns what the bounds of a run must guarantee."""
    rates = config.calibration
    return ErrorRates(max_false_confirm=rates.max_false_confirm, max_miss=rates.max_miss, delta=rates.delta)


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


def _num_processes(config: RunConfig) -> int:
    return config.num_workers or usable_cores()


def _train_s(config: RunConfig) -> float:
    return 6 + 0.016 * config.training.num_steps * config.training.scenes_per_step


# The weights are seconds of quiet cores: measured on two of them, on recipe cpu and on a run of a fiftieth of its size.
STAGES: tuple[Stage, ...] = (
    Stage(
        name="proof",
        summary="prove that the tests of the evaluation pass, and that they can fail",
        run=prove,
        code=(
            "perdure.metrics",
            "perdure.stopping",
            "perdure.calibration",
            "perdure.optima",
            "perdure.evaluation.targets",
        ),
        outputs=("artifacts/tdd_evaluation_red.*", "artifacts/tdd_evaluation_green.*"),
        inputs=lambda config: suite_digest(),
        weight=lambda config: 12 / _num_processes(config),
    ),
    Stage(
        name="data",
        summary="make clips with known truth",
        run=make_data,
        settings=("seed", "data"),
        code=("perdure.data.generate",),
        outputs=("data/{fingerprint}/manifest.json",),
        weight=_data_s,
        disk_bytes=_dataset_bytes,
    ),
    Stage(
        name="train",
        summary="train tokenizer and evidence model together",
        run=train,
        after=("data",),
        settings=("seed", "device", "operation", "model", "training"),
        code=("perdure.training.run",),
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
        code=("perdure.evaluation.calibrate", "perdure.training.windows"),
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
        code=("perdure.evaluation.evaluate",),
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
        code=("perdure.evaluation.samples", "perdure.report.attention_figure"),
        outputs=("visualizations/attention_analysis.json", "visualizations/sample_*_attention.png"),
        weight=lambda config: 0.5 + 0.5 * config.evaluation.num_attention_samples,
        uses_torch=True,
    ),
    Stage(
        name="analyze",
        summary="chart decisions and cost by class",
        run=analyze,
        after=("evaluate",),
        code=("perdure.report.write",),
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
        code=("perdure.report.write",),
        outputs=("FINAL_REPORT.md", "FINAL_REPORT.html"),
        weight=1.5,
    ),
)
