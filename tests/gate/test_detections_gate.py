"""A gate that reads detections alone: same evidence as in training, no torch, states that can be stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.street import HEIGHT, NUM_FRAMES, WIDTH, write_street
from gate.small_model import small_model
from perdure.calibration.scores import CalibrationScores
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.track_labels import MatchConfig
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.operation import Operation
from perdure.gate.results import GateResult
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.tracking.tracker import TrackerConfig
from perdure.tracks.follow import track_table
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence
from perdure.types import Detections
from resealed import edit

TRACKER = TrackerConfig(max_misses=4)
NEVER = TruncatedSPRT(upper=1e9, lower=-1e9, horizon=64, on_timeout="transient")
RULE = TruncatedSPRT(upper=1.5, lower=-1.5, horizon=8, on_timeout="transient")


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> list[MotSequence]:
    root = tmp_path_factory.mktemp("streets")
    return [read_mot_sequence(write_street(root / f"S{seed}", seed=seed)) for seed in range(3)]


@pytest.fixture(scope="module")
def table(streets: list[MotSequence]) -> TrackTable:
    return track_table([sequence_stream(street, MatchConfig(), scene=k) for k, street in enumerate(streets)], TRACKER)


@pytest.fixture(scope="module")
def model(table: TrackTable) -> ForestModel:
    evidence = fit_track_evidence(table.take(table.group < 2), TrackTrainingConfig(num_trees=20), seed=0)
    scores = table_evidence(evidence, table)
    calibration = CalibrationScores(persistent=scores[table.is_persistent], transient=scores[~table.is_persistent])
    operation = Operation(tracker=TRACKER, horizon=8, on_timeout="transient", frame_rate_hz=10.0)
    return ForestModel(evidence=evidence, operation=operation, calibration=calibration)


def play(gate: PersistenceGate, street: MotSequence, frames: range = range(NUM_FRAMES)) -> list[GateResult]:
    return [gate.update(None, street.detections_at(index)) for index in frames]


def test_frame_by_frame_equals_what_was_trained_on(
    model: ForestModel, table: TrackTable, streets: list[MotSequence]
) -> None:
    own = table.take(table.group == 2)
    whole = table_evidence(model.evidence, own)
    by_birth = {
        (int(own.birth_frame[row]), *np.float32(own.xyxy_px[row, 0]).tolist()): whole[row] for row in range(len(own))
    }
    gate = PersistenceGate(model, NEVER, image_size=(WIDTH, HEIGHT))
    live: dict[int, list[float]] = {}
    key: dict[int, tuple[float, ...]] = {}
    for result in play(gate, streets[2]):
        for view in result.tracks:
            if view.age == 1:
                key[view.track_id] = (result.frame_index, *np.float32(view.xyxy_px).tolist())
            live.setdefault(view.track_id, []).append(view.evidence)
    compared = 0
    for track_id, values in live.items():
        expected = by_birth.get(key[track_id])
        if expected is not None:
            num = min(len(values), int((~np.isnan(expected)).sum()))
            np.testing.assert_allclose(values[:num], expected[:num], atol=1e-6, rtol=0)
            compared += 1
    assert compared == len(own) > 50
    assert np.nanstd(whole) > 1


def test_a_stored_state_goes_on_exactly(model: ForestModel, streets: list[MotSequence], tmp_path: Path) -> None:
    gate = PersistenceGate(model, RULE, image_size=(WIDTH, HEIGHT))
    play(gate, streets[2], range(30))
    gate.save_state(tmp_path / "state.safetensors")
    again = PersistenceGate(model, RULE, image_size=(WIDTH, HEIGHT))
    again.load_state(tmp_path / "state.safetensors")
    rest = range(30, NUM_FRAMES)
    results = play(gate, streets[2], rest)
    assert [result.decisions for result in results] == [result.decisions for result in play(again, streets[2], rest)]
    assert sum(len(result.decisions) for result in results) > 10


def test_decided_tracks_are_not_looked_at_again(model: ForestModel, streets: list[MotSequence]) -> None:
    gate = PersistenceGate(model, RULE, image_size=(WIDTH, HEIGHT))
    decided: set[int] = set()
    for result in play(gate, streets[2]):
        assert not decided & set(result.encoded_track_ids)
        decided |= {one.track_id for one in result.decisions if one.label == "persistent"}
    assert decided


def test_class_ids_travel_through_decisions(model: ForestModel, streets: list[MotSequence]) -> None:
    gate = PersistenceGate(model, RULE, image_size=(WIDTH, HEIGHT))
    decisions = []
    for index in range(NUM_FRAMES):
        found = streets[2].detections_at(index)
        class_id = np.where(found.xyxy_px[:, 1] > 170, 7, 3)
        decisions += gate.update(
            None, Detections(xyxy_px=found.xyxy_px, score=found.score, class_id=class_id)
        ).decisions
    assert {one.class_id for one in decisions} == {3, 7}


def test_neither_torch_nor_opencv_is_loaded(model: ForestModel, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model.save(path)
    statement = (
        "import sys, numpy as np, perdure\n"
        f"gate = perdure.load({str(path)!r}, max_false_confirm=0.2, max_miss=None, image_size=(400, 200))\n"
        "found = perdure.Detections(xyxy_px=np.array([[10.0, 10, 20, 22]]), score=np.array([0.9]))\n"
        "decisions = [one for _ in range(9) for one in gate.update(None, found).decisions]\n"
        "assert [one.label for one in decisions] == ['persistent'], decisions\n"
        f"gate.save_state({str(tmp_path / 'state.safetensors')!r})\n"
        "print(sorted({'torch', 'cv2', 'sklearn', 'matplotlib', 'av'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_stored_weights_are_the_same_model(model: ForestModel, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model.save(path)
    stored = ForestModel.load(path)
    assert stored.fingerprint() == model.fingerprint()
    assert stored.operation == model.operation


def test_the_size_of_the_picture_must_be_known(model: ForestModel, streets: list[MotSequence]) -> None:
    with pytest.raises(ValueError, match=r"image_size: got None, expected \(width, height\)"):
        play(PersistenceGate(model, RULE), streets[2])


def test_weights_of_another_kind_and_damaged_ones_are_named(model: ForestModel, tmp_path: Path) -> None:
    pixels = tmp_path / "pixels.safetensors"
    small_model().save(pixels)
    with pytest.raises(ValueError, match="is no model of detections"):
        ForestModel.load(pixels)
    path = tmp_path / "weights.safetensors"
    model.save(path)
    edit(path.with_suffix(".json"), lambda info: info["evidence"]["inputs"].__setitem__(0, "score_most"))
    with pytest.raises(ValueError, match="unknown input 'score_most'"):
        load_gate(path)
