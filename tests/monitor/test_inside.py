from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdure.monitor.inside import Mark, is_continued, last_lines, new_lines, opened_inside


def num_open() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret\n")
    inner = tmp_path / "run"
    (inner / "evaluation").mkdir(parents=True)
    (inner / "evaluation" / "a.txt").write_text("inside\n")
    (inner / "link.txt").symlink_to(tmp_path / "secret.txt")
    (inner / "linked").symlink_to(tmp_path)
    os.mkfifo(inner / "pipe")
    return inner


def test_a_file_below_the_folder_is_read(folder: Path) -> None:
    with opened_inside(folder, "evaluation/a.txt") as file:
        assert file.read() == b"inside\n"


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "evaluation/../../secret.txt", "link.txt", "linked/secret.txt", "pipe", "evaluation", "", ".",
     "/etc/passwd", "none.txt", "a\0b", "evaluation/a.txt/b"],
)  # fmt: skip
def test_nothing_else_is(folder: Path, name: str) -> None:
    """A link in a folder that was copied from elsewhere must not show a file of this machine; a pipe must not hang."""
    before = num_open()
    with pytest.raises(FileNotFoundError), opened_inside(folder, name):
        pass
    assert num_open() == before, "no handle stays open"


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"one\ntw")
    with opened_inside(tmp_path, "rows") as file:
        lines, mark = new_lines(file, Mark(), most_bytes=100)
        assert (lines, mark.position) == ([b"one"], 4)
        assert new_lines(file, mark, most_bytes=100) == ([], mark)
        path.write_bytes(b"one\ntwo\n")
        assert is_continued(file, mark)
        assert new_lines(file, mark, most_bytes=100)[0] == [b"two"]


@pytest.mark.parametrize("content", [b"one\n", b"", b"two\none\nthree\n"])
def test_a_file_that_was_replaced_is_no_continuation(tmp_path: Path, content: bytes) -> None:
    """By its size alone a file that was replaced by a longer one looked as if it had grown."""
    path = tmp_path / "rows"
    path.write_bytes(b"one\ntwo\n")
    with opened_inside(tmp_path, "rows") as file:
        mark = new_lines(file, Mark(), most_bytes=100)[1]
    path.write_bytes(content)
    with opened_inside(tmp_path, "rows") as file:
        assert not is_continued(file, mark)


def test_a_line_without_an_end_does_not_stop_the_reader(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"x" * 250 + b"\nlast\n")
    lines, mark = [], Mark()
    with opened_inside(tmp_path, "rows") as file:
        for _ in range(9):
            found, mark = new_lines(file, mark, most_bytes=100)
            lines += found
    assert lines[-1] == b"last"


def test_the_end_of_a_log_has_whole_lines_only(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"".join(b"line %d\n" % index for index in range(1000)) + b"half")
    assert last_lines(tmp_path, "log", most_bytes=40) == ["line 997", "line 998", "line 999"][-3:]
    assert last_lines(tmp_path, "none", most_bytes=40) == []
