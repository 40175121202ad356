"""The reason why a stage runs is told in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

import runs.fake_stages as fake
from perdure.files import write_text
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import recipe
from perdure.runs.plan import dependents, plan_stages, setting
from perdure.runs.record import StageStatus, read_record
from perdure.runs.run_folder import RunFolder

TINY = recipe("tiny")


def reasons(folder: RunFolder, config: RunConfig = TINY) -> list[str | None]:
    planned = plan_stages(fake.STAGES, config, run=folder, record=read_record(folder))
    return [item.reason for item in planned]


def test_a_new_run_needs_everything(folder: RunFolder) -> None:
    assert reasons(folder) == ["it has not run yet"] * 3


def test_a_finished_run_needs_nothing(finished: RunFolder) -> None:
    assert reasons(finished) == [None] * 3


def test_changed_settings(finished: RunFolder) -> None:
    assert reasons(finished, replace(TINY, seed=1)) == [
        "its settings have changed",
        "data runs again",
        "train runs again",
    ]


def test_a_changed_file(finished: RunFolder) -> None:
    write_text(finished.final_model, "x")
    assert reasons(finished) == [None, "final_model.safetensors is missing or has changed", "train runs again"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("running", "it was interrupted"),
        ("stopped", "it was stopped"),
        ("failed", "it failed"),
        ("outdated", "a stage before it ran again"),
    ],
)
def test_an_unfinished_stage(finished: RunFolder, status: StageStatus, reason: str) -> None:
    record = read_record(finished)
    assert record is not None
    record.with_stage("train", replace(record.stages["train"], status=status)).save(finished)
    assert reasons(finished) == [None, reason, "train runs again"]


def test_large_outputs_are_compared_by_size(finished: RunFolder) -> None:
    record = read_record(finished)
    assert record is not None
    stage = record.stages["train"]
    outputs = tuple(replace(output, sha256=None) for output in stage.outputs)
    record.with_stage("train", replace(stage, outputs=outputs)).save(finished)
    size = finished.final_model.stat().st_size
    assert reasons(finished)[1] == "final_model.safetensors is missing or has changed", "it is small, so hashed"
    assert size == outputs[0].size_bytes


def test_settings_by_dotted_name() -> None:
    assert setting(TINY, "data.world.num_frames") == TINY.data.world.num_frames
    with pytest.raises(AttributeError):
        setting(TINY, "data.wrold")


def test_dependents_are_found_through_others() -> None:
    assert dependents(fake.STAGES, "data") == ["train", "evaluate"]
    assert dependents(fake.STAGES, "evaluate") == []
