"""A finished data set gives the clips of its world by name; nothing else is opened."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from data.small_set import SEED
from perdure.data.config import SPLITS, DataConfig
from perdure.data.dataset import MANIFEST_NAME, ClipDataset
from perdure.world.generate import generate_clip


def copied(dataset: ClipDataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dataset.root, tmp_path / "copy"))


def test_every_clip_is_that_of_the_world_with_its_index(dataset: ClipDataset, config: DataConfig) -> None:
    ids = [clip_id for name in SPLITS for clip_id in dataset.split(name)]
    assert len(ids) == len(dataset) == 11
    for index, clip_id in enumerate(ids):
        stored = dataset.clip(clip_id)
        made = generate_clip(config.world, seed=SEED, index=index, clip_id=clip_id)
        assert stored.clip_id == clip_id
        assert stored.frame_rate_hz == made.frame_rate_hz
        np.testing.assert_array_equal(stored.frames, made.frames)
        assert stored.truth is not None
        assert made.truth is not None
        np.testing.assert_array_equal(stored.truth.is_persistent, made.truth.is_persistent)
        for left, right in zip(stored.detections, made.detections, strict=True):
            np.testing.assert_array_equal(left.xyxy_px, right.xyxy_px)


def test_stored_splits_are_disjoint(dataset: ClipDataset) -> None:
    splits = [set(dataset.split(name)) for name in SPLITS]
    assert [len(split) for split in splits] == [4, 2, 3, 2]
    assert len(set.union(*splits)) == 11
    stored = json.loads((dataset.root / MANIFEST_NAME).read_text(encoding="utf-8"))["splits"]
    assert {name: len(ids) for name, ids in stored.items()} == dict(zip(SPLITS, [4, 2, 3, 2], strict=True))


def test_names_of_clips_are_their_numbers_and_tell_no_label(dataset: ClipDataset) -> None:
    assert dataset.split("train") == ["clip-000000", "clip-000001", "clip-000002", "clip-000003"]


def test_frames_stay_on_the_disk_and_cannot_be_changed(dataset: ClipDataset) -> None:
    frames = dataset.clip("clip-000004").frames
    assert isinstance(frames, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0, 0, 0] = 1


def test_can_be_sent_to_another_process(dataset: ClipDataset) -> None:
    before = dataset.clip("clip-000003").frames
    sent = pickle.dumps(dataset)
    assert len(sent) < 10_000, "the frames went with it"
    received = pickle.loads(sent)  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(received.clip("clip-000003").frames, before)


def test_unknown_names_are_errors(dataset: ClipDataset) -> None:
    with pytest.raises(ValueError, match="split: got 'tests', expected one of train, validation, calibration, test"):
        dataset.split("tests")
    with pytest.raises(KeyError, match="got 'clip-9', expected one of the 11 clips"):
        dataset.clip("clip-9")


def test_a_folder_without_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no manifest\.json; generate a data set there first"):
        ClipDataset.open(tmp_path)


@pytest.mark.parametrize("kind", ["frames.npy", "truth.npz"])
def test_a_damaged_file_is_named(dataset: ClipDataset, tmp_path: Path, kind: str) -> None:
    root = copied(dataset, tmp_path)
    ClipDataset.open(root, verify=True)
    path = root / f"shard-00002-{kind}"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=f"shard-00002-{kind} is missing or damaged"):
        ClipDataset.open(root, verify=True)
    path.unlink()
    with pytest.raises(ValueError, match=f"shard-00002-{kind} is missing or damaged"):
        ClipDataset.open(root, verify=True)


@pytest.mark.parametrize("text", ["{", '{"format_version": 1}', "[]", "\xff"])
def test_a_manifest_that_cannot_be_read_is_an_error(dataset: ClipDataset, tmp_path: Path, text: str) -> None:
    root = copied(dataset, tmp_path)
    (root / MANIFEST_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"manifest\.json cannot be read"):
        ClipDataset.open(root)


def test_another_format_is_refused(dataset: ClipDataset, tmp_path: Path) -> None:
    root = copied(dataset, tmp_path)
    content = json.loads((root / MANIFEST_NAME).read_text(encoding="utf-8"))
    (root / MANIFEST_NAME).write_text(json.dumps(content | {"format_version": 2}), encoding="utf-8")
    with pytest.raises(ValueError, match="has format 2, expected 1; generate it again"):
        ClipDataset.open(root)
