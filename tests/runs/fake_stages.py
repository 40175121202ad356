"""Three stages of a few lines that do what real ones do: keep state, report, write, and can be hit at any point."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import ModuleType

from perdure.files import atomic_path, write_json, write_text
from perdure.runs.run_folder import RunFolder
from perdure.runs.stage import Stage, StageContext

NUM_STEPS = 6


def hit(point: str) -> None:
    """Sends this process the signal that `FAKE_HIT` names if that names this point, as in `KILL train 3`."""
    name, _, where = os.environ.get("FAKE_HIT", "").partition(" ")
    if where == point:
        os.kill(os.getpid(), signal.Signals[f"SIG{name}"])


def make_data(context: StageContext) -> None:
    context.dataset_folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(context.dataset_folder / "clips.txt") as path:
        path.write_text("half", encoding="utf-8")
        hit("data")
        path.write_text(f"clips of seed {context.config.seed}", encoding="utf-8")
    context.log.progress(1, 1)


def train(context: StageContext) -> None:
    state = context.work / "state.txt"
    losses = state.read_text(encoding="utf-8").split() if state.is_file() else []
    for step in range(len(losses), NUM_STEPS):
        hit(f"train {step}")
        context.raise_if_stopping()
        losses.append(f"{context.config.training.learning_rate / (step + 1):.5f}")
        context.log.metrics({"step": step, "loss": float(losses[-1])})
        context.log.progress(step + 1, NUM_STEPS, f"loss {losses[-1]}")
        if step % 2:
            write_text(state, " ".join(losses))
    clips = (context.dataset_folder / "clips.txt").read_text(encoding="utf-8")
    write_text(context.run.final_model, f"{clips}: {' '.join(losses)}")


def evaluate(context: StageContext) -> None:
    hit("evaluate")
    value = len(context.run.final_model.read_text(encoding="utf-8").split()) / 20
    targets = [{"name": "accuracy", "target": "> 0.40", "value": value, "met": value > 0.4}]
    write_json(context.run.evaluation_metrics, {"targets": targets, "num": context.config.evaluation.num_resamples})


DATA = Stage(
    name="data", summary="makes clips", run=make_data, settings=("seed",), outputs=("data/{fingerprint}/clips.txt",)
)
TRAIN = Stage(
    name="train",
    summary="trains",
    run=train,
    after=("data",),
    settings=("training",),
    outputs=("final_model.safetensors",),
    weight=3.0,
)
EVALUATE = Stage(
    name="evaluate",
    summary="measures",
    run=evaluate,
    after=("train",),
    settings=("evaluation.num_resamples",),
    outputs=("evaluation/evaluation_metrics.json",),
)
STAGES = (DATA, TRAIN, EVALUATE)


def module(stages: tuple[Stage, ...] = STAGES) -> ModuleType:
    """Returns a module in which the command line finds these stages."""
    found = ModuleType("perdure.recipes.stages")
    found.run_stages = lambda config: stages  # type: ignore[attr-defined]
    return found


def install(stages: tuple[Stage, ...] = STAGES) -> None:
    """Puts stages where the command line looks for them."""
    sys.modules["perdure.recipes.stages"] = module(stages)


def content(root: Path) -> dict[str, str]:
    """Returns the text of all files that do not tell times and processes, by path."""
    run = RunFolder(root)
    told = (run.record_file, run.metrics_file, run.progress_file, run.heartbeat_file, run.log_file, run.lock_file)
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path not in (*told, run.complete_file))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
