"""Weights from lives: taken where they tell more than those that are there, kept away where they do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.street import write_street
from perdure.cli import main
from perdure.data.labelled_stream import unlabelled_streams
from perdure.evidence.track_features import FEATURES
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_gate, load_model
from perdure.stopping.sequences import run_rule
from perdure.stopping.streak import StreakRule
from perdure.track_table import TrackTable
from perdure.tracks.follow import track_table
from perdure.training.adapt import AdaptConfig, adapt, as_both, life_loss, start_nats
from perdure.training.track_fit import TrackTrainingConfig

SMALL = AdaptConfig(forest=TrackTrainingConfig(num_trees=10))
NUM_AGES = 8


def simulated(seed: int, *, num: int = 1200, says_all: bool = True) -> TrackTable:
    """Returns tracks of which one feature says whether they live, or nothing does."""
    rng = np.random.default_rng(seed)
    is_object = rng.random(num) < 0.2
    num_hits = np.where(is_object, rng.integers(25, 80, num), rng.integers(1, 5, num))
    is_valid = np.arange(NUM_AGES) < np.minimum(num_hits, NUM_AGES)[:, None]
    told = is_object if says_all else rng.permutation(is_object)
    features = rng.normal(size=(num, NUM_AGES, len(FEATURES))).astype(np.float32)
    features[:, :, FEATURES.index("log_width")] += 3 * told[:, None]
    if not says_all:  # not even age and hits may say it: every track looks alike while it is watched
        is_valid[:] = True
    score = np.where(is_valid, rng.random((num, NUM_AGES)), 0.0)
    return TrackTable(
        is_hit=is_valid,
        is_valid=is_valid,
        is_persistent=np.zeros(num, dtype=bool),
        group=rng.integers(0, 5, num),
        birth_frame=rng.integers(0, 4000, num),
        sequence=tuple("abcde"),
        num_hits=num_hits,
        is_open=np.zeros(num, dtype=bool),
        score=score,
        features=features,
    )


@pytest.fixture(scope="module")
def shipped() -> ForestModel:
    model = load_model("detections")
    assert isinstance(model, ForestModel)
    return model


def test_what_lives_say_is_learned_and_saved_as_weights_that_run(shipped: ForestModel, tmp_path: Path) -> None:
    table = simulated(0)
    found = adapt(table, shipped, frame_rate_hz=12.0, config=SMALL, seed=1)
    assert found.model is not None and found.loss_after < 0.5 * found.loss_before
    again = adapt(table, shipped, frame_rate_hz=12.0, config=SMALL, seed=1)
    assert again.model is not None and again.model.fingerprint() == found.model.fingerprint()
    found.model.save(tmp_path / "site.safetensors")
    gate = load_gate(tmp_path / "site.safetensors", image_size=(64, 64))
    assert gate.model.operation.frame_rate_hz == 12.0
    assert gate.model.operation.start_nats == found.model.operation.start_nats
    promise = load_gate(tmp_path / "site.safetensors", max_false_confirm=0.2, max_miss=None, image_size=(64, 64))
    assert np.isfinite(promise.rule.upper)


def test_features_that_say_nothing_leave_the_weights_as_they_are(shipped: ForestModel) -> None:
    table = simulated(0, says_all=False)
    told = adapt(table, shipped, frame_rate_hz=12.0, config=SMALL)
    # The package's weights are as lost on noise; what must not be is a model that claims to know more than a coin.
    assert told.loss_after > np.log(2) - 0.02 or told.model is None


def test_too_few_long_lives_are_refused_with_their_number(shipped: ForestModel) -> None:
    found = adapt(simulated(0, num=200), shipped, frame_rate_hz=12.0, config=SMALL)
    assert found.model is None and np.isnan(found.loss_after)
    assert found.reason.startswith(f"only {found.law.num_long} tracks lived for 12 detections or more, need 60")


def test_unsure_tracks_count_as_both_and_unknown_ones_not_at_all() -> None:
    table = simulated(0, num=4)
    taught, weight = as_both(table, np.array([1.0, 0.0, 0.25, np.nan]))
    assert taught.is_persistent.tolist() == [True, True, False, False]
    assert weight.tolist() == [1.0, 0.25, 1.0, 0.75]
    assert taught.birth_frame.tolist() == table.birth_frame[[0, 2, 1, 2]].tolist()


def test_the_loss_of_knowing_nothing_is_that_of_a_coin_and_less_for_who_knows() -> None:
    table = simulated(0)
    label = (table.known("num_hits") > 10).astype(np.float64)
    coin = life_loss(np.zeros(table.is_valid.shape), table, label)
    assert coin == pytest.approx(np.log(2))
    assert life_loss(np.where(label[:, None] > 0, 3.0, -3.0) * np.ones(NUM_AGES), table, label) < 0.06
    assert life_loss(np.where(label[:, None] > 0, -3.0, 3.0) * np.ones(NUM_AGES), table, label) > 2.9


def test_the_start_lets_no_more_short_lives_through_than_the_rule() -> None:
    rng = np.random.default_rng(0)
    table = simulated(0)
    label = (table.known("num_hits") > 10).astype(np.float64)
    evidence = np.where(table.is_valid, rng.normal(size=table.is_valid.shape), np.nan)
    two, three, five = start_nats(evidence, table, label)
    assert two < three < five
    short = table.take(np.flatnonzero(label == 0))
    in_a_row = (short.is_hit[:, :3].all(axis=1)).mean()
    rule = StreakRule(bound=three, streak=3, horizon=NUM_AGES, on_timeout="transient")
    share = run_rule(rule, short.sequences(evidence[label == 0])).is_persistent.mean()
    assert 0.8 * in_a_row < share <= in_a_row


def test_the_command_says_what_it_found_and_keeps_the_weights_on_a_short_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_street(tmp_path / "street", seed=0)
    (folder / "gt" / "gt.txt").unlink()
    assert main(["adapt", str(folder), "--out", str(tmp_path / "w.safetensors")]) == 0
    said = capsys.readouterr()
    assert "tracks of 1 stream(s), no labels" in said.err
    assert "kept: the weights that are there (detections): only" in said.out
    assert not (tmp_path / "w.safetensors").exists()
    assert main(["adapt", str(folder), "--weights", "pixels"]) == 2
    assert "--weights: pixels read pixels; give weights that read detections alone" in capsys.readouterr().err
    assert main(["adapt", str(tmp_path / "nowhere")]) == 2
    (tmp_path / "site.json").write_text("a calibration")
    assert main(["adapt", str(folder), "--out", str(tmp_path / "site.safetensors")]) == 2
    assert "site.json is there already and of no weights" in capsys.readouterr().err
    assert main(["adapt", str(folder), "--out", str(tmp_path / "no" / "w.safetensors")]) == 2
    assert (tmp_path / "site.json").read_text() == "a calibration"


def busy_recording(path: Path) -> Path:
    """Writes 90 objects of 20 to 40 frames that score high, and 400 boxes of nothing that score low."""
    rng, rows = np.random.default_rng(0), []
    for number in range(90):
        first, x, y = 5 * number, 40 * (number % 12), 30 * (number % 5)
        for frame in range(first, first + int(rng.integers(20, 41))):
            if frame == first or rng.random() < 0.9:
                rows.append((frame, x + 20, y + 20, 20, 24, rng.normal(0.8, 0.1)))
    for _ in range(400):
        first, x = int(rng.integers(0, 450)), rng.uniform(20, 440)
        for frame in range(first, first + int(rng.integers(1, 4))):
            rows.append((frame, x + rng.normal(0, 0.5), 200, 9, 9, rng.normal(0.4, 0.1)))
    lines = (f"{int(row[0]) + 1},-1,{row[1]:.2f},{row[2]:.2f},{row[3]},{row[4]},{row[5]:.4f},-1,-1,-1" for row in rows)
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_passes_over_a_recording_learn_and_then_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording, out = busy_recording(tmp_path / "det.txt"), tmp_path / "out"
    words = ["confirm", str(recording), "--size", "520", "240", "--out", str(out), "--stdout"]
    assert main([*words, "--adapt"]) == 0
    said = capsys.readouterr()
    assert "adapted: " in said.err and (out / "adapted.safetensors").is_file()
    adapted = [json.loads(line) for line in said.out.splitlines()]
    assert main(words) == 0
    package = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ages = [
        np.mean([one["age"] for one in decisions if one["label"] == "persistent"]) for decisions in (adapted, package)
    ]
    assert ages[0] < ages[1], "what it has learned of this detector makes it earlier"
    counts = [sum(one["label"] == "persistent" for one in decisions) for decisions in (adapted, package)]
    assert 80 <= counts[0] <= 110 and counts[1] >= 80


def followed(path: Path) -> TrackTable:
    tracker = load_model("detections").operation.tracker
    return track_table(unlabelled_streams(path, image_size=(400, 200)), tracker, least_frames=1)


def test_streams_without_truth_are_followed_whole(tmp_path: Path) -> None:
    folder = write_street(tmp_path / "street", seed=0)
    text = (folder / "det" / "det.txt").read_text()
    (tmp_path / "det.txt").write_text(text)
    by_folder, by_file = followed(folder), followed(tmp_path / "det.txt")
    np.testing.assert_array_equal(by_folder.known("num_hits"), by_file.known("num_hits"))
    assert by_folder.known("num_hits").sum() == len(text.splitlines())
    assert not by_folder.is_persistent.any()
    early = "".join(line + "\n" for line in text.splitlines() if int(line.partition(",")[0]) <= 30)
    (tmp_path / "early.txt").write_text(early)
    cut = followed(tmp_path / "early.txt")
    is_longer = by_folder.known("num_hits")[: len(cut)] > cut.known("num_hits")
    assert is_longer.sum() >= 3 and cut.known("is_open")[is_longer].all(), "nobody knows how these would have gone on"
    assert cut.known("is_open").mean() < 0.5
