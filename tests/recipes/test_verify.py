"""A chain of digests is walked link by link: what was changed after it was written is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import runs.fake_stages as fake
from gate.small_model import small_model
from perdure.cli import main
from perdure.files import write_json
from perdure.recipes.recipes import recipe, stored_config
from perdure.recipes.verify import verify
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.runs.stage import Stage, StageContext

METRICS = {
    "accuracy": 0.9,
    "miss_rate": 0.03,
    "miss_rate_ci95": [0.01, 0.05],
    "targets": [
        {"name": "accuracy", "target": 0.8, "value": 0.9, "met": True},
        {"name": "miss_rate", "target": 0.02, "value": 0.03, "met": True},
        {"name": "cost_minus_hand", "target": "< 0", "value": -0.3, "met": True},
        {"name": "attention_efficiency", "target": 2.0, "value": None, "met": False},
    ],
}


def train(context: StageContext) -> None:
    small_model().save(context.run.final_model)


def evaluate(context: StageContext) -> None:
    write_json(context.run.evaluation_metrics, METRICS)


STAGES = (
    fake.DATA,
    Stage(name="train", summary="trains", run=train, outputs=("final_model.safetensors", "final_model.json")),
    Stage(name="evaluate", summary="measures", run=evaluate, outputs=("evaluation/evaluation_metrics.json",)),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    Runner(config_of=stored_config, stages=STAGES).run(recipe("tiny"), folder)
    return folder


def broken(path: Path) -> list[str]:
    return [f"{link.name}: {link.text}" for link in verify(path) if not link.is_whole]


def test_a_run_as_it_was_written_is_whole(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert broken(run.path) == []
    assert main(["verify", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert "every link holds" in said and "weights " in said and "4 target(s)" in said


def byte_changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def met_by_hand(run: RunFolder) -> None:
    values = json.loads(run.evaluation_metrics.read_text(encoding="utf-8"))
    values["targets"][0]["value"] = 0.7
    run.evaluation_metrics.write_text(json.dumps(values), encoding="utf-8")


CHANGES: dict[str, tuple[Callable[[RunFolder], object], str]] = {
    "a byte of the weights": (lambda run: byte_changed(run.final_model), "final_model"),
    "weights of another run": (lambda run: small_model(seed=1).save(run.final_model), "final_model"),
    "a figure": (met_by_hand, "accuracy: 0.7 against 0.8 is not as it says"),
    "data": (lambda run: byte_changed(next(run.data.glob("*/clips.txt"))), "clips.txt is missing or was changed"),
    "a file gone": (lambda run: run.evaluation_metrics.unlink(), "evaluation_metrics.json is missing"),
    "the record": (lambda run: run.record_file.write_text("{}", encoding="utf-8"), "run.json"),
    "no record": (lambda run: run.record_file.unlink(), "run.json"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_named(name: str, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = CHANGES[name]
    change(run)
    assert any(words in line for line in broken(run.path)), broken(run.path)
    assert main(["verify", str(run.path)]) == 1
    assert "do not rely on it" in capsys.readouterr().out


def test_what_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        assert main(["verify", str(path)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
