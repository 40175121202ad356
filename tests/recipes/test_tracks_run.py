"""A run on real tracks from end to end: what decides on a sequence has not seen it, and every figure can be traced."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.street import write_street
from perdure.calibration.rates import Rates
from perdure.cli import main
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import read_mot_sequence
from perdure.evaluation.decide import decide_stream
from perdure.files import read_json
from perdure.gate.load import load_gate
from perdure.metrics.decisions import decision_metrics, read_decisions
from perdure.recipes.config import RunConfig, SequencesConfig
from perdure.recipes.recipes import recipe, stored_config
from perdure.recipes.stages import run_stages
from perdure.runs.plan import plan_stages
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.track_fit import TrackTrainingConfig
from perdure.training.tracks_folds import ALL, FoldsRequest, calibrate_fold, fit_fold
from report.report_page import read_page
from report.test_html import is_as_stored

pytest.importorskip("sklearn", reason="fitting on tracks needs scikit-learn")


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("streets")
    for seed in range(4):
        write_street(root / f"S{seed}", seed=seed)
    return root


def config_of(streets: Path) -> RunConfig:
    base = recipe("tracks")
    assert base.sequences is not None
    return replace(
        base,
        num_workers=2,
        data=replace(base.sequences, path=str(streets), folds=4),
        forest=replace(base.forest, num_trees=10),
        calibration=replace(base.calibration, max_false_confirm=0.2),
        evaluation=replace(base.evaluation, inner_folds=2, num_resamples=200),
    )


def source_of(streets: Path) -> SequencesConfig:
    source = config_of(streets).sequences
    assert source is not None
    return source


@pytest.fixture(scope="module")
def finished(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "streets")
    config = config_of(streets)
    stages = [stage for stage in run_stages(config) if stage.name != "proof"]
    assert list(Runner(config_of=stored_config, stages=stages).run(config, folder).stages) == [
        "tracks",
        "train",
        "calibrate",
        "evaluate",
        "visualize",
        "analyze",
        "report",
    ]
    return folder


def test_rates_are_those_of_the_stored_decisions(finished: RunFolder) -> None:
    metrics, records = read_json(finished.evaluation_metrics), read_decisions(finished.decisions)
    again = decision_metrics(records, num_censored=metrics["num_censored"], num_resamples=200).to_dict()
    assert {name: metrics[name] for name in again} == again
    assert metrics["num_clips"] == 4
    false = [record for record in records if record.true_label == "transient"]
    assert sum(row["num_transient"] for row in metrics["sequences"]) == len(false) > 100
    assert sum(row["num_false_confirms"] for row in metrics["sequences"]) == sum(
        record.label == "persistent" for record in false
    )


def test_every_tentative_track_is_decided_by_a_gate_that_has_not_seen_its_sequence(
    finished: RunFolder, streets: Path
) -> None:
    path = next(finished.data.glob("*/tracks.safetensors"))
    data = StoredTracks.load(path).split(source_of(streets), "streets")
    records = read_decisions(finished.decisions)
    for number, fold in enumerate(data.folds):
        assert not set(data.table.group[fold.train]) & set(data.table.group[fold.test])
        names = {data.table.sequence[group] for group in data.table.group[fold.test]}
        assert len(names) == 1
        name = names.pop()
        gate = load_gate(finished.checkpoints / f"fold_{number:02d}.safetensors", image_size=(400, 200), like="promise")
        again = decide_stream(sequence_stream(read_mot_sequence(streets / name), RealData().match), gate)
        assert again.records == [record for record in records if record.clip_id == name]
        assert len(again.records) + len(again.censored) == int(fold.test.sum())


def test_the_models_of_folds_differ_and_the_last_one_is_of_all(finished: RunFolder) -> None:
    prints = [load_gate(path, image_size=(9, 9)).model.fingerprint() for path in
              [*sorted(finished.checkpoints.glob("fold_*.safetensors")), finished.final_model]]  # fmt: skip
    assert len(set(prints)) == len(prints) == 5
    assert load_gate(finished.path, image_size=(9, 9)).model.rates == Rates(max_false_confirm=0.2, max_miss=None)


def test_what_has_not_changed_is_kept_and_a_changed_input_is_read_again(finished: RunFolder, streets: Path) -> None:
    config = config_of(streets)

    def reasons() -> dict[str, str | None]:
        stages = [stage for stage in run_stages(config) if stage.name != "proof"]
        planned = plan_stages(stages, config, run=finished, record=read_record(finished))
        return {item.stage.name: item.reason for item in planned}

    assert set(reasons().values()) == {None}
    path = streets / "S0" / "det" / "det.txt"
    text, time = path.read_text(), path.stat().st_mtime_ns
    path.write_text(text + "60,-1,5,180,9,9,0.4,-1,-1,-1\n")
    assert reasons()["tracks"] == "its settings or what it reads have changed"
    assert reasons()["evaluate"] == "tracks runs again"
    path.write_text(text)
    os.utime(path, ns=(time, time))
    assert set(reasons().values()) == {None}


def test_a_fit_that_was_cut_off_goes_on_where_it_was(finished: RunFolder, streets: Path, tmp_path: Path) -> None:
    request = FoldsRequest(
        tracks=next(finished.data.glob("*/tracks.safetensors")),
        name="streets",
        request=source_of(streets),
        training=TrackTrainingConfig(num_trees=10),
        rates=Rates(max_false_confirm=0.2),
        inner_folds=2,
        seed=0,
        pretrained=None,
        models=tmp_path,
    )
    fitted = replace(request, prefix="fitted")
    fit_fold(1, fitted)
    calibrate_fold(1, request, fitted)
    stored = request.model(1)
    assert stored.read_bytes() == (finished.checkpoints / "fold_01.safetensors").read_bytes()
    for path in (stored, fitted.model(1)):
        os.utime(path, (1, 1))
    fit_fold(1, fitted)
    calibrate_fold(1, request, fitted)
    assert {path.stat().st_mtime for path in (stored, fitted.model(1))} == {1}, "nothing was made again"
    strict = replace(request, rates=Rates(max_false_confirm=0.01))
    fit_fold(ALL, fitted)
    with pytest.raises(ValueError, match="need at least 299 for max_false_confirm"):
        calibrate_fold(ALL, strict, fitted)


def test_every_number_of_the_report_is_the_stored_one(finished: RunFolder) -> None:
    page = read_page(finished.report_html)
    numbers = [number for number in page.numbers if not number.is_count]
    assert len(numbers) > 150
    assert [number for number in numbers if not is_as_stored(finished.path, number)] == []
    assert "S0" in {number.text for number in numbers}


def test_the_gate_of_the_run_is_better_than_the_hand_rule_on_streets_it_has_not_seen(finished: RunFolder) -> None:
    metrics = read_json(finished.evaluation_metrics)
    assert metrics["cost_minus_hand"] < 0
    assert metrics["miss_rate"] < 0.2
    assert {row["method"] for row in metrics["confirmation"]} >= {"perdure, detections", "tuned hand rule", "SORT"}
    assert np.isfinite([row["cost"] for row in metrics["confirmation"]]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "data.path: got none, expected a folder of labelled sequences; give --data.path DIR"),
        (["--data.path", "nowhere"], "data.path: nowhere is no folder"),
        (["--data.path", "{streets}", "--data.only", "X*"], "holds no folder 'X*' with a seqinfo.ini"),
        (["--data.path", "{streets}", "--data.camera", "static"], "write camera=static or camera=moving"),
        (["--data.num-train", "3"], "--data.num-train"),
        (["--training.num-trees=3"], "got --training.num-trees, expected its name --forest.num-trees; see perdure run"),
        (["--pretraining.training.num-steps", "3"], "expected its name --training.num-steps; see perdure run --help"),
    ],
)
def test_mistakes_are_said_in_one_line(
    streets: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = [word.format(streets=streets) for word in words]
    assert main(["run", "--recipe", "tracks", "--out", str(tmp_path / "run"), *given]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_recipes_of_tracks_are_refused_where_clips_are_meant(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["data", "generate", str(tmp_path / "clips"), "--recipe", "tracks"]) == 2
    assert "recipe: 'tracks' is for real tracks" in capsys.readouterr().err


def test_the_figures_of_evidence_are_of_models_that_have_not_seen_the_sequence(finished: RunFolder) -> None:
    rows = read_json(finished.visualizations / "evidence_analysis.json")["samples"]
    assert [row["name"] for row in rows] == ["S0", "S1", "S2", "S3"]
    assert sum(row["num_transient"] for row in rows) > 100
    for row in rows:
        assert (finished.visualizations / row["file"]).read_bytes().startswith(b"\x89PNG")


def test_every_verb_works_on_a_run_on_tracks(
    finished: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`calibrate` and `visualize` ran nothing and ended with exit code 0."""
    folder = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    decisions, weights = folder.decisions.read_bytes(), folder.final_model.read_bytes()
    for verb in ("calibrate", "evaluate", "visualize"):  # in this order: each needs those before
        record = read_record(folder)
        assert record is not None
        before = record.stages[verb].started
        assert main([verb, str(folder.path)]) == 0, capsys.readouterr().err
        again = read_record(folder)
        assert again is not None and (again.stages[verb].status, again.stages[verb].num_starts) == ("done", 1)
        assert again.stages[verb].started >= before
    assert folder.final_model.read_bytes() == weights, "the same calibration comes out"
    assert folder.decisions.read_bytes() == decisions
    assert main(["explain", str(folder.path)]) == 0
