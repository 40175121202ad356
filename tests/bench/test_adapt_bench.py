"""Weights without labels against truth: truth teaches one row alone, and few tracks never do harm where they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perdure.bench.adapt_bench import Taught, adapt_rows, read_taught
from perdure.cli import main
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig

NUM_FRAMES, RATE_HZ = 240, 10
SMALL = TrackTrainingConfig(num_trees=4)


def write_mot(folder: Path, seed: int) -> Path:
    """Writes objects that stay for 26 to 45 frames, and smaller boxes of nothing; scores say nothing."""
    rng, found, truth = np.random.default_rng(seed), [], []
    for first in range(0, NUM_FRAMES - 50, 3):
        place = first // 3
        box = f"{20 + 40 * (place % 12) + seed},{20 + 30 * (place % 5)},20,24"
        for frame in range(first, first + int(rng.integers(26, 46))):
            truth.append(f"{frame + 1},{place},{box},1,1,1")
            if frame == first or rng.random() < 0.9:
                found.append(f"{frame + 1},-1,{box},{rng.random():.3f},-1,-1,-1")
    for first in range(0, NUM_FRAMES - 3, 2):
        left, top = rng.integers(20, 440), rng.integers(20, 200)
        for frame in range(first, first + int(rng.integers(1, 4))):
            found.append(f"{frame + 1},-1,{left},{top},14,18,{rng.random():.3f},-1,-1,-1")
    for name, lines in (("det", found), ("gt", truth)):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.txt").write_text("\n".join(lines) + "\n")
    info = f"name={folder.name}\nframeRate={RATE_HZ}\nseqLength={NUM_FRAMES}\nimWidth=520\nimHeight=240\n"
    (folder / "seqinfo.ini").write_text(f"[Sequence]\n{info}")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("streets")
    for seed in range(3):
        write_mot(root / f"street-{seed}", seed)
    return root


@pytest.fixture(scope="module")
def taught(folder: Path) -> Taught:
    return read_taught(folder, RealData(), "streets")


def costs(rows: list[dict[str, Any]], cap: float) -> dict[str, float]:
    """Returns the cost of each method at a cap."""
    return {row["method"]: row["cost"] for row in rows if row["fa_cap"] == cap}


def test_lives_teach_what_truth_teaches_on_a_street_whose_sizes_tell_all(taught: Taught) -> None:
    found = costs(list(adapt_rows(taught, SMALL)), 0.03)
    assert set(found) == {"package", "lives", "labels"}
    assert found["lives"] < found["package"]
    assert abs(found["lives"] - found["labels"]) < 0.3


def test_what_teaches_lives_has_no_truth(taught: Taught) -> None:
    """What lives are read off was followed without truth, in the parts that are left out together."""
    assert not taught.raw.is_persistent.any()
    assert taught.data.table.is_persistent.any()
    units = taught.data.table.unit
    assert sorted(set(taught.raw_unit.tolist())) == sorted(set(units.tolist())) == [0, 1, 2]


def test_too_few_tracks_leave_the_weights_of_the_package(taught: Taught) -> None:
    found = costs(list(adapt_rows(taught, SMALL, few=(40,))), 0.1)
    assert found["40 tracks, in a row"] == found["40 tracks, spread"] == found["package"]


def test_the_command_writes_its_rows(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "adapt.json"
    assert main(["bench", "adapt", str(folder), "--num-trees", "2", "--json", str(path)]) == 0
    stored = json.loads(path.read_text())
    assert (stored["bench"], len(stored["rows"])) == ("adapt", 9)
    assert "lives" in capsys.readouterr().out
    assert main(["bench", "adapt", str(folder), "--few", "0"]) == 2
    assert "few: got 0, expected numbers of tracks, at least 1" in capsys.readouterr().err
