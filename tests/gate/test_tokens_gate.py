"""A gate whose forest reads detections and tokens: same evidence live as in training, and states that can be stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.mot_folder import NUM_FRAMES, SIZE, write_sequence
from gate.small_model import OPERATION, small_model
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.track_labels import MatchConfig
from perdure.evidence.forest import LEAF, Forest
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.score_scale import ScoreScale
from perdure.evidence.track_evidence import TrackEvidence, all_inputs
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate, load_model
from perdure.gate.model import PersistenceModel
from perdure.gate.operation import Operation
from perdure.gate.results import GateResult
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.tracking.tracker import TrackerConfig
from perdure.tracks.follow import track_table
from perdure.tracks.table_looks import table_looks
from perdure.training.track_fit import table_evidence
from perdure.video.reader import open_video

TRACKER = TrackerConfig(max_misses=4)
NEVER = TruncatedSPRT(upper=1e9, lower=-1e9, horizon=64, on_timeout="transient")
INPUTS = all_inputs(uses_place=True, uses_raw_scores=True)


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> MotSequence:
    folder = write_sequence(tmp_path_factory.mktemp("tokens") / "a")
    with (folder / "seqinfo.ini").open("a") as info:
        info.write(f"imWidth={SIZE[1]}\nimHeight={SIZE[0]}\nseqLength={NUM_FRAMES}\n")
    return read_mot_sequence(folder)


@pytest.fixture(scope="module")
def table(sequence: MotSequence) -> TrackTable:
    plain = track_table([sequence_stream(sequence, MatchConfig())], TRACKER)
    return replace(plain, looks=table_looks(plain, [sequence], small_model().extractor, OPERATION.crop))


def tree(feature: int, threshold: float) -> dict[str, np.ndarray]:
    return {
        "feature": np.array([feature, LEAF, LEAF]),
        "threshold": np.array([threshold, 0, 0]),
        "left": np.array([1, 0, 0]),
        "right": np.array([2, 0, 0]),
        "value": np.array([0.5, 0.2, 0.9]),
    }


@pytest.fixture(scope="module")
def model(table: TrackTable) -> ForestModel:
    """Trees that each ask about one feature of crops, half way between two values that do occur."""
    assert table.looks is not None
    seen = table.looks[table.is_valid]
    trees = []
    for column in range(seen.shape[1]):
        values = np.unique(seen[:, column])
        if len(values) == 1:  # nothing to ask about
            continue
        gap = int(np.argmax(np.diff(values)))
        trees.append(tree(len(INPUTS) + column, float(values[gap] + values[gap + 1]) / 2))
    evidence = TrackEvidence(
        inputs=INPUTS,
        forest=Forest.join(trees),
        score_scale=ScoreScale.fit(table.score[table.is_hit]),
        lifetime=LifetimeModel(hit_alive=0.9, hit_dead=0.1, pmf=(0.5, 0.3, 0.2)),
        extra=seen.shape[1],
    )
    scores = table_evidence(evidence, table)
    return ForestModel(
        evidence=evidence,
        operation=Operation(tracker=TRACKER, crop=small_model().operation.crop, horizon=8, on_timeout="transient"),
        calibration=CalibrationScores(
            persistent=scores[table.is_persistent], transient=scores[~table.is_persistent].repeat(5, axis=0)
        ),
        rates=Rates(max_false_confirm=0.9, max_miss=None),
        extractor=small_model().extractor,
    )


def play(gate: PersistenceGate, sequence: MotSequence, frames: range = range(NUM_FRAMES)) -> list[GateResult]:
    assert sequence.video is not None
    with open_video(sequence.video) as reader:
        pictures = [one.frame for one in reader]
    return [gate.update(pictures[index], sequence.detections_at(index)) for index in frames]


def test_frame_by_frame_equals_what_was_trained_on(
    model: ForestModel, table: TrackTable, sequence: MotSequence
) -> None:
    whole = table_evidence(model.evidence, table)
    found: dict[tuple[float, ...], list[float]] = {}
    key: dict[int, tuple[float, ...]] = {}
    for result in play(PersistenceGate(model, NEVER), sequence):
        for view in result.tracks:
            if view.age == 1:
                key[view.track_id] = (result.frame_index, *np.float32(view.xyxy_px).tolist())
            found.setdefault(key[view.track_id], []).append(view.evidence)
    compared = 0
    for row in range(len(table)):
        live = found[(int(table.birth_frame[row]), *table.xyxy_px[row, 0].tolist())]
        num = int(table.is_valid[row].sum())
        np.testing.assert_allclose(live[:num], whole[row, :num], atol=1e-6)
        compared += num
    assert compared == table.is_valid.sum() > 10
    assert np.nanstd(whole) > 0.1


def test_a_stored_state_goes_on_exactly(model: ForestModel, sequence: MotSequence, tmp_path: Path) -> None:
    gate, again = PersistenceGate(model, NEVER), PersistenceGate(model, NEVER)
    half = NUM_FRAMES // 2
    play(gate, sequence, range(half))
    gate.save_state(tmp_path / "state.safetensors")
    again.load_state(tmp_path / "state.safetensors")
    rest = range(half, NUM_FRAMES)
    assert [one.tracks for one in play(gate, sequence, rest)] == [one.tracks for one in play(again, sequence, rest)]


def test_stored_weights_are_the_same_model(model: ForestModel, sequence: MotSequence, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model.save(path)
    stored = load_model(path)
    assert isinstance(stored, ForestModel)
    assert stored.fingerprint() == model.fingerprint()
    assert stored.uses_pixels
    gate = load_gate(path)
    assert any(result.decisions for result in play(gate, sequence)), "rates of the weights are used by default"
    with pytest.raises(ValueError, match="got None, expected pixels"):
        gate = load_gate(path, image_size=(64, 64))
        for index in range(NUM_FRAMES):
            gate.update(None, sequence.detections_at(index))


def test_a_model_of_another_kind_is_named(model: ForestModel, table: TrackTable, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    model.save(path)
    with pytest.raises(ValueError, match="is no model of pixels, but of detections and tokens"):
        PersistenceModel.load(path)
    with pytest.raises(ValueError, match="reads 3 features of crops, expected 64"):
        ForestModel(
            evidence=replace(model.evidence, extra=3), operation=model.operation, extractor=small_model().extractor
        )


def test_what_is_seen_costs_and_is_counted(model: ForestModel, sequence: MotSequence) -> None:
    gate = PersistenceGate(model, NEVER)
    play(gate, sequence)
    assert gate.cost.flops == gate.cost.track_frames * model.extractor.flops_per_frame > 0
    assert gate.cost.extractor_s > 0
