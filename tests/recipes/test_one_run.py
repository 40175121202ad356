"""Any source with any evidence: a forest on clips of the world, and a network on recorded tracks beside the forest."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.street import write_street
from perdure.arrays import load_info
from perdure.calibration.rates import Rates
from perdure.cli import main
from perdure.data.config import DataConfig
from perdure.data.dataset import ClipDataset
from perdure.evaluation.config import EvaluationConfig
from perdure.evaluation.decide import decide_stream
from perdure.files import read_json
from perdure.gate.load import load_gate
from perdure.metrics.decisions import read_decisions
from perdure.recipes.config import RunConfig, SequencesConfig
from perdure.recipes.recipes import stored_config
from perdure.recipes.stages import run_stages
from perdure.runs.plan import plan_stages
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.tracks.real_data import clip_place, stream_at
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.config import TrainingConfig
from perdure.training.track_fit import TrackTrainingConfig
from report.report_page import read_page
from report.test_html import is_as_stored

pytest.importorskip("sklearn", reason="fitting on tracks needs scikit-learn")

FAST = RunConfig(
    evidence="forest",
    num_workers=1,
    num_threads=1,
    training=TrainingConfig(num_steps=6, warmup_steps=1, scenes_per_step=4, log_steps=3),
    forest=TrackTrainingConfig(num_trees=6),
    calibration=Rates(max_false_confirm=0.3),
    evaluation=EvaluationConfig(
        num_resamples=100, num_evidence_figures=2, inner_folds=2, num_timed_clips=1, num_attention_clips=2
    ),
)
CLIPS = DataConfig(num_train=18, num_validation=1, num_calibration=12, num_test=4, clips_per_shard=32)


def finished(config: RunConfig, path: Path) -> RunFolder:
    folder = RunFolder(path)
    stages = [stage for stage in run_stages(config) if stage.name != "proof"]
    Runner(config_of=stored_config, stages=stages).run(config, folder)
    return folder


def stored_tracks(run: RunFolder) -> StoredTracks:
    return StoredTracks.load(next(run.data.glob("*/tracks.safetensors")))


def check_report(run: RunFolder) -> None:
    numbers = [number for number in read_page(run.report_html).numbers if not number.is_count]
    assert len(numbers) > 100
    assert [number for number in numbers if not is_as_stored(run.path, number)] == []


@pytest.fixture(scope="module")
def forest_on_clips(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished(replace(FAST, evidence="forest", data=CLIPS), tmp_path_factory.mktemp("runs") / "forest")


def test_a_forest_is_fitted_on_clips_and_decides_on_those_of_the_test_split(forest_on_clips: RunFolder) -> None:
    record = read_record(forest_on_clips)
    assert record is not None
    assert list(record.stages) == ["data", "tracks", "train", "calibrate", "evaluate", "visualize", "analyze", "report"]
    dataset = ClipDataset.open(next(forest_on_clips.data.glob("*/manifest.json")).parent)
    test = dataset.split("test")
    records = read_decisions(forest_on_clips.decisions)
    assert {row.clip_id for row in records} == set(test)
    for clip_id in test[:2]:
        stream = stream_at(RealData(), clip_place(dataset.root, clip_id), has_pixels=False)
        gate = load_gate(forest_on_clips.path, like="promise", image_size=stream.image_size)
        again = decide_stream(stream, gate).records
        assert again == [row for row in records if row.clip_id == clip_id]


def test_clips_of_the_test_split_serve_evaluation_alone(forest_on_clips: RunFolder) -> None:
    stored = stored_tracks(forest_on_clips)
    data = stored.split(RealData(), "clips")
    (fold,) = data.folds
    names = np.array(stored.table.sequence)[stored.table.group]
    dataset = ClipDataset.open(next(forest_on_clips.data.glob("*/manifest.json")).parent)
    assert set(names[fold.test]) <= set(dataset.split("test"))
    assert not set(names[fold.train]) & set(dataset.split("test"))
    assert fold.test.sum() == read_json(forest_on_clips.evaluation_metrics)["num_tracks"]
    calibrated = load_gate(forest_on_clips.path, image_size=(96, 96)).model.calibration
    assert calibrated is not None and len(calibrated.persistent) <= dataset.config.num_clips - len(
        dataset.split("test")
    )


def test_metrics_and_report_of_a_forest_on_clips_are_those_of_a_table(forest_on_clips: RunFolder) -> None:
    metrics = read_json(forest_on_clips.evaluation_metrics)
    (row,) = metrics["sequences"]
    assert row["name"] == "all clips" and row["num_transient"] + row["num_persistent"] == metrics["num_tracks"]
    assert {"perdure, detections", "SORT"} <= {row["method"] for row in metrics["confirmation"]}
    check_report(forest_on_clips)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streets without pixels: a network that decides on them reads detections alone."""
    root = tmp_path_factory.mktemp("streets")
    for seed in range(3):
        write_street(root / f"S{seed}", seed=seed)
    return root


@pytest.fixture(scope="module")
def both(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """The same sequences with the network and with the forest, which is a matter of one setting."""
    root = tmp_path_factory.mktemp("runs")
    config = replace(
        FAST,
        data=SequencesConfig(path=str(folders), folds=3),
        clips=replace(CLIPS, num_calibration=1, num_test=1),
    )
    return {name: finished(replace(config, evidence=name), root / name) for name in ("network", "forest")}


def test_a_network_is_trained_on_clips_and_decides_on_recorded_tracks(
    both: dict[str, RunFolder], folders: Path
) -> None:
    run, record = both["network"], read_record(both["network"])
    assert record is not None
    assert list(record.stages) == ["data", "train", "tracks", "calibrate", "evaluate", "visualize", "analyze", "report"]
    data = stored_tracks(run).split(SequencesConfig(folds=3), "streets")
    records = read_decisions(run.decisions)
    prints = set()
    for number, fold in enumerate(data.folds):
        (name,) = {data.table.sequence[group] for group in data.table.group[fold.test]}
        weights = run.checkpoints / f"fold_{number:02d}.safetensors"
        stream = stream_at(RealData(), str(folders / name), has_pixels=False)
        gate = load_gate(weights, like="promise", image_size=stream.image_size)
        assert not gate.model.uses_pixels and gate.model.operation.horizon == 8
        again = decide_stream(stream, gate)
        assert again.records == [row for row in records if row.clip_id == name]
        prints.add((gate.model.fingerprint(), str(gate.rule)))
    assert len({one for one, _ in prints}) == 1, "one network decides on all"
    assert len({rule for _, rule in prints}) == 3, "with bounds from the sequences that it does not decide on"
    trained = load_info(run.checkpoints / "trained.safetensors")
    assert trained["model"]["evidence"]["uses_score"] is False


def test_evidence_of_the_table_is_what_the_gate_that_decides_gives(both: dict[str, RunFolder]) -> None:
    """On the first frame of a sequence nothing is decided yet, so that both have everything in sight."""
    table = stored_tracks(both["network"]).table
    assert np.array_equal(np.isnan(table.known("evidence")), ~table.is_valid)
    born_first = {
        (table.sequence[table.group[row]], float(np.float32(table.known("evidence")[row, 0])))
        for row in np.flatnonzero(table.birth_frame == 0).tolist()
    }
    decided = [
        (row.clip_id, float(np.float32(row.evidence)))
        for row in read_decisions(both["network"].decisions)
        if row.first_frame == 0 and row.decision_frame == 1
    ]
    assert born_first and set(decided) <= born_first


def test_network_and_forest_are_compared_on_the_same_tracks(both: dict[str, RunFolder]) -> None:
    tables = {name: stored_tracks(run).table for name, run in both.items()}
    network, forest = (tables[name].known("features") for name in ("network", "forest"))
    assert np.array_equal(network, forest, equal_nan=True)
    methods = {}
    for name, run in both.items():
        metrics = read_json(run.evaluation_metrics)
        methods[name] = {(row["method"], row["fa_cap"]): row["cost"] for row in metrics["confirmation"]}
        own = {"network": "perdure, network", "forest": "perdure, detections"}[name]
        at = next(row for row in metrics["confirmation"] if row["method"] == own and row["fa_cap"] == 0.03)
        assert metrics["cost_minus_hand"] == at["cost_minus_hand"]
        check_report(run)
    shared = methods["network"].keys() & methods["forest"].keys()
    assert ("perdure, detections", 0.03) in shared
    assert {key: methods["network"][key] for key in shared} == methods["forest"]


def test_what_has_not_changed_is_kept(forest_on_clips: RunFolder, both: dict[str, RunFolder]) -> None:
    """The tracks removed the clips, which lie in a folder beside theirs, so that all began anew with the next start."""
    for run in (forest_on_clips, both["network"]):
        config = stored_config(run)
        stages = [stage for stage in run_stages(config) if stage.name != "proof"]
        planned = plan_stages(stages, config, run=run, record=read_record(run))
        assert {item.reason for item in planned} == {None}


@pytest.mark.parametrize("name", ["forest on clips", "network on tracks"])
def test_every_verb_works(
    name: str, forest_on_clips: RunFolder, both: dict[str, RunFolder], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run = forest_on_clips if name == "forest on clips" else both["network"]
    folder = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    decisions = folder.decisions.read_bytes()
    # A network that is trained again has to see the tracks again, so that training comes last.
    for verb in ("calibrate", "evaluate", "visualize", "analyze", "report", "explain", "train"):
        assert main([verb, str(folder.path)]) == 0, capsys.readouterr().err
    assert folder.decisions.read_bytes() == decisions
