"""Any number of workers writes the same bytes; an interrupted generation is resumed and never read before."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from data.small_set import SEED, content
from perdure.data import shards
from perdure.data.config import DataConfig
from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.types import Clip

DiskUsage = namedtuple("DiskUsage", "total used free")


class Interrupted(Exception):
    """Stands for whatever stops a generation."""


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [2, 5])
def test_any_number_of_workers_writes_the_same_bytes(
    dataset: ClipDataset, config: DataConfig, tmp_path: Path, num_workers: int
) -> None:
    generate_dataset(config, tmp_path / "set", seed=SEED, num_workers=num_workers)
    assert content(tmp_path / "set") == content(dataset.root)


def stopped_in_clip(index: int, config: DataConfig, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generates until clip `index` raises."""
    real = shards.generate_clip

    def failing(*args: object, **kwargs: object) -> Clip:
        if kwargs["index"] == index:
            raise Interrupted
        return real(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(shards, "generate_clip", failing)
        generate_dataset(config, root, seed=SEED, num_workers=1)


def test_interrupted_generation_is_not_opened_and_is_resumed_where_it_stopped(
    dataset: ClipDataset, config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    stopped_in_clip(7, config, root, monkeypatch)
    with pytest.raises(FileNotFoundError, match="is not finished; generate it again to continue where it stopped"):
        ClipDataset.open(root)
    finished = {path: path.stat().st_mtime_ns for path in root.glob("shard-*")}
    assert len(finished) == 6, "two of four shards of three files each"
    told: list[tuple[int, int]] = []
    generate_dataset(config, root, seed=SEED, num_workers=1, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(6, 11), (9, 11), (11, 11)]
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "a finished shard was made again"
    assert content(root) == content(dataset.root)


@pytest.mark.slow
def test_killed_generation_leaves_nothing_that_is_read(
    dataset: ClipDataset, config: DataConfig, tmp_path: Path
) -> None:
    """SIGKILL in the middle of writing a shard: temporary files stay behind and are removed by the next run."""
    root = tmp_path / "set"
    code = f"""
        import time
        from pathlib import Path
        from perdure.config import from_dict
        from perdure.data import shards
        from perdure.data.config import DataConfig
        from perdure.data.generate import generate_dataset
        real = shards.generate_clip
        def slow(*args, **kwargs):
            if kwargs["index"] == 5:
                Path({str(tmp_path / "reached")!r}).touch()
                time.sleep(600)
            return real(*args, **kwargs)
        shards.generate_clip = slow
        config = from_dict(DataConfig, {_plain(config)!r}, where="test")
        generate_dataset(config, {str(root)!r}, seed={SEED}, num_workers=1)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=_environment())
    for _ in range(3000):
        if (tmp_path / "reached").exists() or process.poll() is not None:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list(root.glob(".shard-00001*.tmp")), "it was not killed while it wrote"
    with pytest.raises(FileNotFoundError, match="is not finished"):
        ClipDataset.open(root)
    generate_dataset(config, root, seed=SEED, num_workers=1)
    assert content(root) == content(dataset.root)


def _plain(config: DataConfig) -> dict[str, object]:
    from perdure.config import to_dict

    return to_dict(config)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.parametrize("damage", ["frames.npy", "truth.npz", ".json"])
def test_damaged_shards_are_made_again_when_generation_is_resumed(
    dataset: ClipDataset,
    config: DataConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    root = tmp_path / "set"
    stopped_in_clip(10, config, root, monkeypatch)
    path = root / ("shard-00001.json" if damage == ".json" else f"shard-00001-{damage}")
    path.write_bytes(path.read_bytes()[:-3])
    generate_dataset(config, root, seed=SEED, num_workers=1)
    assert content(root) == content(dataset.root)


def test_a_finished_data_set_is_returned_as_it_is(dataset: ClipDataset, config: DataConfig) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.root.iterdir()}
    again = generate_dataset(config, dataset.root, seed=SEED, num_workers=1)
    assert len(again) == 11
    assert {path: path.stat().st_mtime_ns for path in dataset.root.iterdir()} == before


@pytest.mark.parametrize("is_finished", [True, False])
def test_another_data_set_in_the_folder_is_refused_and_what_differs_is_named(
    dataset: ClipDataset, config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_finished: bool
) -> None:
    root = tmp_path / "set"
    if is_finished:
        shutil.copytree(dataset.root, root)
    else:
        stopped_in_clip(4, config, root, monkeypatch)
    with pytest.raises(ValueError, match=r"holds another data set \(different: seed\); choose another folder"):
        generate_dataset(config, root, seed=SEED + 1, num_workers=1)
    other = replace(config, num_test=3, world=replace(config.world, cue_strength=0.5))
    names = r"config\.num_test, config\.world\.cue_strength"
    with pytest.raises(ValueError, match=rf"holds another data set \(different: {names}\)"):
        generate_dataset(other, root, seed=SEED, num_workers=1)


def test_a_folder_with_something_else_is_left_alone(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(ValueError, match="is not empty and holds no data set; choose an empty folder"):
        generate_dataset(config, tmp_path, seed=SEED, num_workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_killed_while_it_claimed_the_folder_does_not_block_it(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / ".plan-abc.json.tmp").write_text("{", encoding="utf-8")
    assert len(generate_dataset(config, tmp_path, seed=SEED, num_workers=1)) == 11
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_an_error_before_anything_is_written(
    config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**9, 10**9 - 5 * 10**6, 5 * 10**6))
    with pytest.raises(OSError, match=r"has 0\.01 GB free, needs 0\.07 GB for 11 clips; free some space"):
        generate_dataset(config, tmp_path / "set", seed=SEED, num_workers=1)
    assert not list((tmp_path / "set").glob("shard-*"))


@pytest.mark.parametrize(("num_workers", "seed"), [(0, 1), (1, -1)])
def test_arguments_out_of_range_are_refused(config: DataConfig, tmp_path: Path, num_workers: int, seed: int) -> None:
    with pytest.raises(ValueError, match=f"num_workers, seed: got {num_workers}, {seed}, expected at least 1 and 0"):
        generate_dataset(config, tmp_path, seed=seed, num_workers=num_workers)
