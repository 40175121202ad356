"""Files are whole or as they were before."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from perdure import files


def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError, match="power cut"), files.atomic_path(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("power cut")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    files.write_text(path, "old")
    with files.atomic_path(path) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        assert temporary.parent == path.parent, "only within one file system is a rename atomic"
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_who_may_read_is_up_to_the_umask(tmp_path: Path, mask: int) -> None:
    """Whatever was written could be read by all, also where the user had said that nobody else should."""
    before = os.umask(mask)
    try:
        files.write_bytes(tmp_path / "data.bin", b"\x00\x01")
    finally:
        os.umask(before)
    assert (tmp_path / "data.bin").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_rename_is_put_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    files.write_text(tmp_path / "notes.txt", "new")
    assert flushed == [False, True], "the file before the rename, the folder after it"


@pytest.mark.parametrize("name", ["report", "report.tar.gz", ".hidden", "with space.txt"])
def test_any_name_can_be_written(tmp_path: Path, name: str) -> None:
    files.write_text(tmp_path / name, "x")
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "nowhere" / "notes.txt", "x")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_nan(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "one.json", {"value": value})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json_lines(tmp_path / "many.jsonl", [{"value": value}])
    assert not list(tmp_path.iterdir())


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"name": "gate \u00e9", "rows": [1, 2.5, None, True]}
    files.write_json(tmp_path / "one.json", value)
    assert json.loads((tmp_path / "one.json").read_text(encoding="utf-8")) == value
    files.write_json_lines(tmp_path / "many.jsonl", [value, {}])
    assert files.read_json_lines(tmp_path / "many.jsonl") == [value, {}]


def test_empty_lines_are_skipped_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n', encoding="utf-8")
    assert files.read_json_lines(path) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n\n{"a": \n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"many.jsonl line 3: got text that is not JSON"):
        files.read_json_lines(path)
