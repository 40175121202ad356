"""The benchmark on a made-up street: what it compares, that nothing left out is trained on, and its command."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import perdure
from data.street import write_street
from perdure.bench.confirmation import running_best, swept_point
from perdure.bench.confirmation_baselines import hand_statistic, sliding_count
from perdure.bench.confirmation_bench import bench_rows
from perdure.bench.confirmation_methods import (
    DETECTIONS,
    PIXELS,
    WithFallBack,
    all_methods,
    compared_methods,
    forest_method,
    hand_method,
    learned_method,
    mapped_by_rank,
)
from perdure.cli import main
from perdure.evidence.contrast_features import NUM_CONTRASTS
from perdure.evidence.track_features import FEATURES
from perdure.gate.load import SHIPPED as SHIPPED_NAMES
from perdure.gate.load import load_gate
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable
from perdure.tracks.real_data import RealData, read_bench_data
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence, table_evidence

SMALL = TrackTrainingConfig(num_trees=20)
SHIPPED = Path(perdure.__file__).parent / "weights" / SHIPPED_NAMES["pixels"]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("street")
    for seed in range(4):
        write_street(root / f"S{seed}-Walker", seed=seed)
    return root


@pytest.fixture(scope="module")
def table(street: Path) -> TrackTable:
    return read_bench_data(RealData(), leave_one_out=street).table


def test_tracks_are_labelled_as_the_street_was_made(table: TrackTable) -> None:
    assert 40 <= table.is_persistent.sum() <= 80
    assert (~table.is_persistent).sum() >= 150
    # Flickers live for at most three frames, and a row of them on one spot may be linked.
    hits = np.where(table.is_valid, table.features[:, :, FEATURES.index("num_hits")], 0).max(axis=1)
    assert np.median(hits[~table.is_persistent]) <= 3 < np.median(hits[table.is_persistent])


def test_the_forest_tells_walkers_from_flickers_it_has_not_seen(table: TrackTable) -> None:
    unseen = table.group == 3
    model = fit_track_evidence(table.take(~unseen), SMALL, seed=0)
    test = table.take(unseen)
    best = running_best(table_evidence(model, test), test.is_valid)
    assert swept_point(best, test.is_persistent, 0.03).cost < 2


def test_stored_trees_answer_as_scikit_learn_does(table: TrackTable) -> None:
    """The arrays once lacked right children, which no test of the numpy side alone could see."""
    from sklearn.ensemble import ExtraTreesClassifier

    from perdure.training.track_fit import as_arrays

    rows = np.nan_to_num(table.features[:, 0]).astype(np.float32)
    fitted = ExtraTreesClassifier(10, random_state=0).fit(rows, table.is_persistent)
    assert np.allclose(
        as_arrays([(fitted, np.arange(rows.shape[1]))]).share(rows), fitted.predict_proba(rows)[:, 1], atol=1e-6
    )


def test_a_hand_rule_as_numbers_confirms_what_the_rule_confirms(table: TrackTable) -> None:
    rule = ScoredMOfN(
        num_hits=2, num_frames=3, score_of="mean", min_score=0.5, max_misses=2, horizon=8, on_timeout="transient"
    )
    outcome = run_rule(rule, table.sequences(np.zeros(table.is_valid.shape)))
    is_confirmed = running_best(hand_statistic(rule, table), table.is_valid) >= 0.5
    assert np.array_equal(is_confirmed[:, -1], outcome.is_persistent)
    confirmed = outcome.is_persistent
    assert np.array_equal(is_confirmed[confirmed].argmax(axis=1) + 1, outcome.age[confirmed])


def test_a_sliding_count_forgets_old_hits(table: TrackTable) -> None:
    numbers = sliding_count(table, 2, 2)
    two_in_row = table.is_hit[:, 1:] & table.is_hit[:, :-1] & table.is_valid[:, 1:]
    assert np.array_equal(numbers[:, 1:] > 0, two_in_row)


def test_no_method_sees_the_sequence_that_it_is_scored_on(table: TrackTable, street: Path) -> None:
    data = read_bench_data(RealData(), leave_one_out=street)
    pairs = []

    def spy(train: TrackTable, test: TrackTable) -> np.ndarray:
        pairs.append((set(train.group), set(test.group)))
        return np.where(test.is_valid, test.features[:, :, FEATURES.index("score_max")], -np.inf)

    bench_rows(data, {"spy": learned_method(spy)}, caps=(0.1,))
    assert pairs
    assert all(not seen & asked for seen, asked in pairs)


def test_second_halves_are_scored_without_training_on_first_halves_of_the_same(street: Path) -> None:
    data = read_bench_data(RealData(born="second-half"), leave_one_out=street)
    assert (data.table.birth_frame[data.is_scored] >= 30).all()
    assert not data.is_scored.all()
    for fold in data.folds:
        assert not set(data.table.group[fold.train]) & set(data.table.group[fold.test])


def test_one_sequence_is_cut_into_blocks_of_time(street: Path) -> None:
    data = read_bench_data(RealData(only="S0-*", blocks=3), leave_one_out=street)
    assert len(data.folds) == 3
    births = [data.table.birth_frame[fold.test] for fold in data.folds]
    assert all(early.max() < late.min() for early, late in pairwise(births))


def test_a_useless_method_is_given_up_for_the_hand_rule(table: TrackTable) -> None:
    rng = np.random.default_rng(0)
    useless = learned_method(lambda train, test: rng.normal(size=test.is_valid.shape))
    hand = hand_method()
    assert WithFallBack(useless, hand).chosen(table) is hand
    good = forest_method(SMALL)
    assert WithFallBack(good, hand).chosen(table) is good


def test_two_sequences_are_too_few_to_learn_from(table: TrackTable) -> None:
    hand = hand_method()
    assert WithFallBack(forest_method(SMALL), hand).chosen(table.take(table.group < 2)) is hand


def test_mapped_numbers_keep_their_order() -> None:
    numbers = np.random.default_rng(0).normal(size=(50, 3))
    mapped = mapped_by_rank(numbers, np.sort(numbers[:, 0]), np.linspace(0, 100, 40))
    assert np.array_equal(np.argsort(numbers.ravel()), np.argsort(mapped.ravel()))


def test_what_pixels_tell_is_used_and_compared_with_detections_alone(street: Path) -> None:
    """Labels by chance, which crops give away but detections cannot."""

    def tells(table: TrackTable) -> np.ndarray:
        told = by_chance(len(table))[:, None, None].astype(np.float32)
        return np.tile(told, (1, table.num_ages, 1 + NUM_CONTRASTS))

    def by_chance(num: int) -> np.ndarray:
        return np.random.default_rng(0).random(num) < 0.4

    data = read_bench_data(RealData(), leave_one_out=street)
    table = replace(data.table, is_persistent=by_chance(len(data.table)), looks=tells(data.table))
    data = replace(data, table=table)
    methods = {name: one for name, one in all_methods(SMALL, has_pixels=True).items() if name in (DETECTIONS, PIXELS)}
    rows = {row["method"]: row for row in bench_rows(data, methods, caps=(0.03,)) if row["fa_cap"] is not None}
    assert rows[PIXELS]["cost"] < 1.1 < 5 < rows[DETECTIONS]["cost"]
    difference = rows[PIXELS]["cost"] - rows[DETECTIONS]["cost"]
    assert rows[PIXELS]["cost_minus_detections"] == pytest.approx(difference)
    assert rows[PIXELS]["cost_minus_detections_ci95"][1] < 0
    assert PIXELS not in all_methods(SMALL)


def test_the_best_learned_opponent_is_the_best_of_all_that_learn(street: Path) -> None:
    """Gradient boosting on our own inputs was measured and left out of what "best learned opponent" meant."""
    data = read_bench_data(RealData(), leave_one_out=street)

    def knows(train: TrackTable, test: TrackTable) -> np.ndarray:
        return np.where(test.is_valid, test.is_persistent[:, None] * 1.0, -np.inf)

    guess = learned_method(lambda train, test: np.zeros(test.is_valid.shape))
    learned = [name for name in all_methods(SMALL) if "regression" in name or "boosting" in name]
    assert len(learned) == 3 and set(learned) <= set(compared_methods(SMALL, has_pixels=False, seed=0))
    best = "gradient boosting, our inputs"
    methods = {name: learned_method(knows) if name == best else guess for name in learned}
    rows = {row["method"]: row for row in bench_rows(data, methods, caps=(0.03,), is_trained=False)}
    assert rows[best]["cost"] == 1 and rows[best]["cost_minus_learned"] == 0


@pytest.mark.slow
def test_the_command_writes_rows_with_all_columns(street: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    weights = tmp_path / "street.safetensors"
    words = ["--only", "S[012]-*", "--training.num-trees", "10", "--json", str(path), "--save", str(weights)]
    assert main(["bench", "real", "--leave-one-out", str(street), *words]) == 0
    assert load_gate(weights, max_false_confirm=0.2, max_miss=None, image_size=(400, 200)).rule.horizon == 8
    stored = json.loads(path.read_text())
    assert stored["bench"] == "real"
    for row in stored["rows"]:
        assert {"data", "fa_cap", "method", "tpr", "cost", "fa_reached", "ci95"} <= set(row)
        if row["fa_cap"] is not None:
            assert row["fa_reached"] <= row["fa_cap"]
            assert row["ci95"][0] < row["ci95"][1] + 1e-9
    by = {(row["method"], row["fa_cap"]): row for row in stored["rows"]}
    assert by["perdure, detections", 0.03]["cost"] < by["track score (Blackman)", 0.03]["cost"]
    assert "fa_trained" in by["perdure, detections", 0.03]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--leave-one-out", "{street}", "--train", "{street}", "--test", "{street}"], "expected --leave-one-out DIR"),
        (["--train", "{street}"], "expected both"),
        (["--leave-one-out", "{street}", "--save", "weights.pt"], "save: got weights.pt"),
        (["--leave-one-out", "{street}", "--only", "nobody"], "holds no folder 'nobody'"),
        (["--leave-one-out", "{street}", "--camera", "static"], "write camera=static or camera=moving"),
        (["--leave-one-out", "{street}", "--folds", "1"], "folds: got 1"),
        (["--leave-one-out", "{street}", "--pixels", "nowhere"], "weights: nowhere"),
        (["--leave-one-out", "{street}", "--pixels", str(SHIPPED)], "S0-Walker names no video"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    street: Path, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["bench", "real", *(word.format(street=street) for word in words)]) == 2
    complaint = capfd.readouterr().err.strip().splitlines()[-1]
    assert message in complaint
