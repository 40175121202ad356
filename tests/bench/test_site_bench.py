"""Leave one sequence out: tracks without pixels, evidence of hits and scores, and bounds from three places."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from perdure.bench.site_bench import SiteBench, _drawn, false_rate, site_bench_rows
from perdure.bench.site_evidence import ScoreEvidence, found_tracks
from perdure.cli import main
from perdure.track_table import TrackTable
from perdure.tracks.tracks_config import HORIZON

RATE_HZ, NUM_FRAMES = 10, 400


def write_mot(folder: Path, seed: int, *, gain: float = 3.0) -> Path:
    """Writes four objects at a time that stay for 20 frames, and false boxes of 1 to 3; scores are N(gain or 0, 1)."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for start in range(0, NUM_FRAMES, 20):
        for place in range(4):
            for frame in range(start, start + 20):
                box = f"{100 + 150 * place + seed},{100 + 60 * (start // 20 % 2)},30,30"  # no two scenes are one
                truth.append(f"{frame + 1},{start + place},{box},1,1,1")
                if rng.random() < 0.9:
                    found.append(f"{frame + 1},-1,{box},{rng.normal(gain, 1):.3f},-1,-1,-1")
    for birth in range(0, NUM_FRAMES - 3, 2):
        left = rng.integers(0, 700)
        for frame in range(birth, birth + int(rng.integers(1, 4))):
            found.append(f"{frame + 1},-1,{left},400,25,25,{rng.normal(0, 1):.3f},-1,-1,-1")
    for name, lines in (("det", found), ("gt", truth)):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.txt").write_text("\n".join(lines) + "\n")
    info = f"name={folder.name}\nframeRate={RATE_HZ}\nseqLength={NUM_FRAMES}\nimWidth=800\nimHeight=500\n"
    (folder / "seqinfo.ini").write_text(f"[Sequence]\n{info}")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns three sequences, one of them in two folders."""
    root = tmp_path_factory.mktemp("mot")
    for number, name in enumerate(("S-01-Car", "S-01-Van", "S-02-Car", "S-03-Car")):
        write_mot(root / name, number)
    return root


def test_tracks_are_labelled_and_blocked_by_birth(root: Path) -> None:
    tracks, is_early = found_tracks([root / "S-02-Car"], block_s=2.0)
    assert 75 <= tracks.is_persistent.sum() <= 95, "four objects every 20 frames; some are lost and found again"
    assert 150 <= (~tracks.is_persistent).sum() <= 210
    assert set(tracks.unit.tolist()) == set(range(20))
    # Born in the first half and in the first ten of twenty blocks is the same.
    np.testing.assert_array_equal(is_early, tracks.unit < 10)
    both, _ = found_tracks([root / "S-01-Car", root / "S-01-Van"], block_s=2.0)
    assert set(both.unit.tolist()) > set(range(20)) and both.unit.max() < 41
    assert tracks.is_hit[:, 0].all() and tracks.is_valid[:, 0].all()
    assert not tracks.score[~tracks.is_hit].any()


def test_evidence_follows_hits_and_scores_and_ends_with_the_track(root: Path) -> None:
    fitted_on, new = (found_tracks([root / name], 2.0)[0] for name in ("S-02-Car", "S-03-Car"))
    evidence = ScoreEvidence.fit([fitted_on]).of(new)
    np.testing.assert_array_equal(np.isnan(evidence), ~new.is_valid)
    last = np.array([row[valid][-1] for row, valid in zip(evidence, new.is_valid, strict=True)])
    assert ((last > 0) == new.is_persistent).mean() > 0.95
    at_birth = evidence[:, 0] > 0
    assert (at_birth == new.is_persistent).mean() > 0.85, "at birth there is the score alone"
    longer = TrackTable(
        is_hit=np.ones((1, HORIZON), bool), is_valid=np.ones((1, HORIZON), bool),
        score=np.full((1, HORIZON), 1.0), is_persistent=np.array([True]), group=np.array([0]),
    )  # fmt: skip
    hits = ScoreEvidence.fit([fitted_on]).of(longer)[0]
    assert (np.diff(hits) > -1e-9).all() and hits[-1] > hits[0] + 1


def site(labels: list[bool], units: list[int]) -> TrackTable:
    num = len(labels)
    return TrackTable(
        evidence=np.arange(float(num))[:, None],
        is_hit=np.ones((num, 1), bool),
        is_valid=np.ones((num, 1), bool),
        score=np.zeros((num, 1)),
        is_persistent=np.array(labels),
        group=np.array(units),
    )


def test_every_block_counts_alike_in_the_false_confirm_rate() -> None:
    """Block 0 confirms its one false track, block 5 one of three, block 9 has a true track alone."""
    tracks = site([False, False, False, False, True, True], [0, 5, 5, 5, 5, 9])
    confirmed = np.array([True, True, False, False, False, True])
    assert false_rate(confirmed, tracks) == pytest.approx((1 + 1 / 3) / 2)
    assert math.isnan(false_rate(confirmed[4:], tracks.take(np.array([4, 5]))))


def test_drawn_blocks_give_one_track_of_each_class_and_may_come_twice() -> None:
    tracks = site([False, False, True, False, True, True], [0, 0, 0, 1, 1, 2])
    drawn = _drawn(tracks, 101, np.random.default_rng(0))
    assert len(drawn) == 101
    pairs = list(zip(drawn.unit.tolist(), drawn.is_persistent.tolist(), strict=True))
    assert len(set(pairs)) == 101
    counts = np.bincount(drawn.evidence[:, 0].astype(int), minlength=6)
    assert (counts > 0).all()
    assert counts[0] + counts[1] == pytest.approx(counts[3], abs=25), "blocks 0 and 1 come equally often"
    origin = np.array([0, 0, 0, 1, 1, 2])[drawn.evidence[:, 0].astype(int)]
    assert all(len(set(origin[drawn.unit == unit])) == 1 for unit in set(drawn.unit.tolist()))


def test_rows_name_every_sequence_and_place_and_draws_keep_the_promise(root: Path) -> None:
    bench = SiteBench(num_tracks=150, num_draws=60, alpha=0.1, delta=0.1)
    rows = list(site_bench_rows(root, bench))
    places = ["other sequences", "150 tracks drawn from it", "its first half"]
    assert [(row["data"], row["bounds_from"]) for row in rows] == [
        (name, place) for name in ("S-01", "S-02", "S-03") for place in places
    ]
    for row in rows:
        assert row["draws"] + row["refused"] == 60
        assert 0 <= row["false_confirm_rate"] <= 1 and row["tpr"] > 0.5
        if row["bounds_from"] == places[1]:
            assert row["violations"] <= row["violations_allowed"] == binom.ppf(0.99, 60, 0.1)
    assert rows[2]["num_true"] < rows[0]["num_true"], "the second half alone is judged"
    assert rows == list(site_bench_rows(root, bench)), "the same seed gives other rows"


def test_too_few_tracks_are_refused_and_counted(root: Path) -> None:
    rows = list(site_bench_rows(root, SiteBench(num_tracks=30, num_draws=3)))
    assert [row["refused"] for row in rows if "drawn" in row["bounds_from"]] == [3, 3, 3]
    refused = next(row for row in rows if row["refused"])
    assert (refused["draws"], refused["false_confirm_rate"], refused["tpr"]) == (0, None, None)


def test_the_command_writes_its_rows(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "site", str(root), "--num-draws", "5", "--json", str(tmp_path / "site.json")]) == 0
    stored = json.loads((tmp_path / "site.json").read_text())
    assert stored["bench"] == "site" and len(stored["rows"]) == 9
    assert "S-03" in capsys.readouterr().out
    assert main(["bench", "site", str(root / "S-02-Car")]) == 2
    assert "holds one sequence, need at least two" in capsys.readouterr().err
    assert main(["bench", "site", str(root), "--alpha", "2"]) == 2
    assert "alpha: got 2.0, expected above 0 and below 1" in capsys.readouterr().err


@pytest.mark.slow
def test_300_tracks_of_a_recorded_sequence_keep_its_rate(real_data: Path) -> None:
    """KITTI, eleven sequences: recalibration keeps 5 % everywhere; the bounds of other sequences do not in one."""
    rows = list(site_bench_rows(real_data / "kitti", SiteBench(num_draws=20)))
    drawn = [row for row in rows if "drawn" in row["bounds_from"]]
    assert len(drawn) == 11
    assert all(row["draws"] == 20 and row["violations"] <= row["violations_allowed"] for row in drawn)
    elsewhere = {row["data"]: row["false_confirm_rate"] for row in rows if row["bounds_from"] == "other sequences"}
    assert elsewhere["KITTI-0001"] > 0.05
