"""What has not changed is kept; what has, runs again with everything that depends on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import runs.fake_stages as fake
from perdure.files import read_json, read_json_lines, write_json, write_text
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import recipe, stored_config
from perdure.runs.preflight import NotReadyError
from perdure.runs.record import RunRecord, read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.runs.signals import StopSwitch
from perdure.runs.stage import Stage, StageContext, StageFailedError, Stopped
from runs.conftest import run_all

TINY = recipe("tiny")


def ran_again(folder: RunFolder, config: RunConfig = TINY, stages: tuple[Stage, ...] = fake.STAGES) -> list[str]:
    """Runs everything and returns the names of the stages that were started."""
    before = read_record(folder)
    Runner(config_of=stored_config, stages=_counted(stages, started := []), may_change=True).run(config, folder)
    assert before is not None
    return started


def _counted(stages: tuple[Stage, ...], started: list[str]) -> tuple[Stage, ...]:
    """Returns the same stages, which note when they start."""

    def noting(stage: Stage) -> Callable[[StageContext], None]:
        def run(context: StageContext) -> None:
            started.append(stage.name)
            stage.run(context)

        return run

    return tuple(replace(stage, run=noting(stage)) for stage in stages)


def test_every_stage_runs_once_and_the_run_is_complete(finished: RunFolder) -> None:
    record = read_record(finished)
    assert record is not None
    assert {name: stage.status for name, stage in record.stages.items()} == dict.fromkeys(
        ("data", "train", "evaluate"), "done"
    )
    assert (record.process.status, record.process.exit_status, record.recipe) == ("finished", 0, "tiny")
    lines = finished.complete_file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "exit status: 0" and lines[-1] == "PASS  accuracy: 0.5 (asked: > 0.40)"
    assert any(line.startswith("duration: ") for line in lines)
    assert stored_config(finished) == TINY


def test_nothing_runs_again_if_nothing_has_changed(finished: RunFolder) -> None:
    before = finished.complete_file.read_text(encoding="utf-8")
    assert ran_again(finished) == []
    assert finished.complete_file.read_text(encoding="utf-8") == before


def test_data_of_two_stages_lie_side_by_side(folder: RunFolder) -> None:
    """The tracks of recipe thermal removed the clips beside them, so that a finished run began anew."""

    def link(context: StageContext) -> None:
        path = context.run.data / context.fingerprints["tracks"] / "tracks.txt"
        path.parent.mkdir()
        write_text(path, (context.dataset_folder / "clips.txt").read_text(encoding="utf-8"))

    tracks = Stage(
        name="tracks", summary="links", run=link, after=("data",), outputs=("data/{fingerprint}/tracks.txt",)
    )
    stages = (fake.DATA, tracks)
    Runner(config_of=stored_config, stages=stages).run(TINY, folder)
    assert ran_again(folder, stages=stages) == []
    assert ran_again(folder, replace(TINY, seed=1), stages) == ["data", "tracks"]
    assert len(list(folder.data.iterdir())) == 2, "and those of other settings are gone"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (replace(TINY, seed=5), ["data", "train", "evaluate"]),
        (replace(TINY, training=replace(TINY.training, learning_rate=1e-4)), ["train", "evaluate"]),
        (replace(TINY, evaluation=replace(TINY.evaluation, num_resamples=300)), ["evaluate"]),
        (replace(TINY, evaluation=replace(TINY.evaluation, num_timed_clips=3)), []),
        (replace(TINY, num_workers=2), []),
    ],
)
def test_a_changed_setting_runs_what_depends_on_it(finished: RunFolder, config: RunConfig, expected: list[str]) -> None:
    assert ran_again(finished, config) == expected
    assert stored_config(finished) == config


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("final_model.safetensors", ["train", "evaluate"]),
        ("evaluation/evaluation_metrics.json", ["evaluate"]),
        ("PIPELINE_COMPLETE.txt", []),
    ],
)
@pytest.mark.parametrize("is_removed", [True, False])
def test_a_missing_or_changed_output_is_made_again(
    finished: RunFolder, name: str, expected: list[str], is_removed: bool
) -> None:
    before = fake.content(finished.path)
    if is_removed:
        (finished.path / name).unlink()
    elif expected:
        write_text(finished.path / name, before[name].swapcase())
    assert ran_again(finished) == expected
    assert fake.content(finished.path) == before
    assert finished.complete_file.is_file()


def test_another_version_of_a_stage_runs_with_what_depends_on_it(finished: RunFolder) -> None:
    stages = (fake.DATA, replace(fake.TRAIN, version=2), fake.EVALUATE)
    assert ran_again(finished, stages=stages) == ["train", "evaluate"]
    assert ran_again(finished, stages=stages) == []


def test_records_from_before_stages_had_versions_are_read_and_their_stages_run_again(finished: RunFolder) -> None:
    content = read_json(finished.record_file)
    for stage in content["stages"].values():
        stage["code"] = stage.pop("version") + "0123456789abcdef"
    write_json(finished.record_file, content)
    assert ran_again(finished) == ["data", "train", "evaluate"]


def test_results_of_other_settings_are_removed(finished: RunFolder) -> None:
    (old,) = finished.data.iterdir()
    (state,) = (finished.checkpoints / "train").iterdir()
    ran_again(finished, replace(TINY, seed=5, training=replace(TINY.training, num_steps=70)))
    (new,) = finished.data.iterdir()
    assert old.name != new.name and not state.exists()


def test_outputs_that_are_no_longer_written_are_removed(finished: RunFolder) -> None:
    def draw(context: StageContext) -> None:
        for index in range(context.config.evaluation.num_attention_samples):
            write_text(context.run.visualizations / f"sample_{index:04d}.png", "")

    stage = Stage(
        name="draw", summary="", run=draw, settings=("evaluation.num_attention_samples",), outputs=("visualizations/*",)
    )
    for num in (5, 2):
        config = replace(TINY, evaluation=replace(TINY.evaluation, num_attention_samples=num))
        Runner(config_of=stored_config, stages=(*fake.STAGES, stage), may_change=True).run(config, finished)
    assert [path.name for path in sorted(finished.visualizations.iterdir())] == ["sample_0000.png", "sample_0001.png"]


def test_state_of_an_interrupted_stage_is_not_used_with_other_settings(folder: RunFolder) -> None:
    stop = StopSwitch()

    def stop_late(context: StageContext) -> None:
        stop.request()
        write_text(context.work / "state.txt", "from before")
        context.raise_if_stopping()

    stages = (fake.DATA, replace(fake.TRAIN, run=stop_late, settings=("seed",)))
    with pytest.raises(Stopped, match="train was stopped"):
        Runner(config_of=stored_config, stages=stages, stop=stop).run(TINY, folder)
    assert ran_again(folder, replace(TINY, seed=1)) == ["data", "train", "evaluate"]
    assert "from before" not in folder.final_model.read_text(encoding="utf-8")
    assert not list(folder.path.rglob("from before"))


def test_a_stage_that_was_asked_for_runs_alone_and_outdates_what_follows(finished: RunFolder) -> None:
    record = Runner(config_of=stored_config, stages=fake.STAGES, may_change=True).run(TINY, finished, only=("train",))
    assert record.process.status == "partial"
    assert record.stages["evaluate"].status == "outdated"
    assert not finished.complete_file.exists()
    again = Runner(config_of=stored_config, stages=fake.STAGES, may_change=True)
    record = again.run(TINY, finished, only=("evaluate",))
    assert record.process.status == "finished"
    assert finished.complete_file.is_file()


def test_a_stage_that_was_asked_for_starts_from_its_beginning(finished: RunFolder) -> None:
    Runner(config_of=stored_config, stages=fake.STAGES, may_change=True).run(TINY, finished, only=("train",))
    assert [row["step"] for row in read_json_lines(finished.metrics_file)] == list(range(fake.NUM_STEPS))
    record = read_record(finished)
    assert record is not None and record.stages["train"].num_starts == 1


def test_a_stage_whose_input_is_missing_says_so(folder: RunFolder) -> None:
    with pytest.raises(
        ValueError, match=r"train: needs the results of data, and of that: it has not run yet; make what is missing"
    ):
        Runner(config_of=stored_config, stages=fake.STAGES).run(TINY, folder, only=("train",))


def test_old_results_can_be_used_by_a_stage_that_is_asked_for(finished: RunFolder) -> None:
    stages = (replace(fake.DATA, settings=("seed", "device")), fake.TRAIN, fake.EVALUATE)
    record = Runner(config_of=stored_config, stages=stages, may_change=True).run(TINY, finished, only=("evaluate",))
    assert record.process.status == "partial", "its data would be made differently today"
    assert not finished.complete_file.exists()


def fail(context: StageContext) -> None:
    raise RuntimeError(f"no luck with {context.config.recipe}")


def test_a_stage_that_fails_leaves_no_mark_of_completion(finished: RunFolder, tmp_path: Path) -> None:
    stages = (fake.DATA, replace(fake.TRAIN, run=fail, version=2), fake.EVALUATE)
    with pytest.raises(StageFailedError, match="train failed: no luck with tiny"):
        Runner(config_of=stored_config, stages=stages, may_change=True).run(TINY, finished)
    record = read_record(finished)
    assert record is not None
    assert (record.process.status, record.process.exit_status) == ("failed", 1)
    assert (record.stages["train"].status, record.stages["train"].error) == ("failed", "no luck with tiny")
    assert record.stages["evaluate"].status == "outdated"
    assert not finished.complete_file.exists()
    assert "Traceback" in finished.log_file.read_text(encoding="utf-8")


def write_nothing(context: StageContext) -> None:
    del context


def test_a_stage_that_does_not_write_what_it_promises_fails(folder: RunFolder) -> None:
    with pytest.raises(StageFailedError, match=r"data: has ended without writing data/[0-9a-f]{16}/clips\.txt"):
        Runner(config_of=stored_config, stages=(replace(fake.DATA, run=write_nothing),)).run(TINY, folder)


def test_two_stages_may_not_write_one_file(folder: RunFolder) -> None:
    greedy = replace(fake.EVALUATE, outputs=("final_model.safetensors",))
    with pytest.raises(StageFailedError, match=r"writes final_model\.safetensors, which is an output of train"):
        Runner(config_of=stored_config, stages=(fake.DATA, fake.TRAIN, greedy)).run(TINY, folder)


def test_other_settings_in_a_folder_with_a_run_are_refused(finished: RunFolder) -> None:
    before = fake.content(finished.path)
    other = replace(TINY, seed=4, num_threads=1, training=replace(TINY.training, learning_rate=0.5, log_steps=1))
    with pytest.raises(ValueError, match=r"seed: 0 -> 4; num_threads: 0 -> 1; .* and 1 more\); add --resume"):
        Runner(config_of=stored_config, stages=fake.STAGES).run(other, finished)
    assert fake.content(finished.path) == before


@pytest.mark.parametrize("kind", ["file", "foreign"])
def test_a_folder_that_holds_something_else_is_left_alone(folder: RunFolder, kind: str) -> None:
    if kind == "file":
        folder.path.write_text("mine", encoding="utf-8")
    else:
        folder.path.mkdir()
        (folder.path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=r"is a file|is not empty and holds no run \(it has thesis.tex\)"):
        run_all(folder)


def test_half_written_files_of_a_killed_process_are_removed(finished: RunFolder) -> None:
    left = finished.evaluation / ".evaluation_metrics-ab12.json.tmp"
    left.write_text("{", encoding="utf-8")
    ran_again(finished, replace(TINY, seed=9))
    assert not left.exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NotReadyError, match=r"file/run: cannot be written \(Not a directory\); choose another --out"):
        run_all(RunFolder(tmp_path / "file" / "run"))


def test_a_disk_error_while_recording_does_not_hide_the_first_error(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = RunRecord.save

    def full_once_failed(self: RunRecord, run: RunFolder) -> None:
        if any(stage.status == "failed" for stage in self.stages.values()):
            raise OSError(28, "No space left on device", "run.json")
        save(self, run)

    monkeypatch.setattr(RunRecord, "save", full_once_failed)
    with pytest.raises(StageFailedError, match="no luck"):
        Runner(config_of=stored_config, stages=(replace(fake.DATA, run=fail),)).run(TINY, folder)


def test_time_before_an_interruption_counts(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    stop = StopSwitch()

    def work(context: StageContext) -> None:
        clock[0] += 100.0
        if not context.work.joinpath("half").exists():
            write_text(context.work / "half", "")
            stop.request()
        context.raise_if_stopping()

    stage = Stage(name="data", summary="", run=work)
    with pytest.raises(Stopped):
        Runner(config_of=stored_config, stages=(stage,), stop=stop).run(TINY, folder)
    record = Runner(config_of=stored_config, stages=(stage,)).run(TINY, folder)
    assert record.stages["data"].duration_s == record.duration_s == 200.0


def test_a_run_of_another_format_is_refused(finished: RunFolder) -> None:
    content = json.loads(finished.record_file.read_text(encoding="utf-8"))
    write_json(finished.record_file, {**content, "format_version": 99})
    with pytest.raises(ValueError, match="has format version 99, expected 1"):
        run_all(finished)
