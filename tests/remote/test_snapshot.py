"""The code goes as it lies there; index, branches and files of the user stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import perdure.remote.snapshot as snapshots
from perdure.publish.git import Git
from perdure.remote.snapshot import snapshot
from publish.repository import checkout_state, git, new_repository


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = new_repository(tmp_path / "user", monkeypatch)
    (folder / ".gitignore").write_text("ignored.txt\n", encoding="utf-8")
    (folder / "gone.txt").write_text("gone", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "second")
    (folder / "gone.txt").unlink()
    (folder / "kept.txt").write_text("changed", encoding="utf-8")
    (folder / "staged.txt").write_text("staged", encoding="utf-8")
    git(folder, "add", "staged.txt")
    (folder / "staged.txt").write_text("staged and changed", encoding="utf-8")
    (folder / "new.txt").write_text("new", encoding="utf-8")
    (folder / "ignored.txt").write_text("ignored", encoding="utf-8")
    (folder / "runs" / "old").mkdir(parents=True)
    (folder / "runs" / "old" / "result.txt").write_text("old", encoding="utf-8")
    return folder


def files(user: Path, commit: str) -> dict[str, str]:
    names = git(user, "ls-tree", "-r", "--name-only", commit).splitlines()
    return {name: git(user, "show", f"{commit}:{name}") for name in names}


CODE = {".gitignore": "ignored.txt", "kept.txt": "changed", "new.txt": "new", "staged.txt": "staged and changed"}


def test_all_that_is_not_ignored_goes_and_nothing_moves(user: Path) -> None:
    before = checkout_state(user)
    commit = snapshot(Git(user), message="code\n", files={"runs/a/config.toml": "seed = 1"}, onto="")
    assert files(user, commit) == CODE | {"runs/a/config.toml": "seed = 1"}
    assert git(user, "rev-parse", f"{commit}^") == git(user, "rev-parse", "HEAD")
    assert checkout_state(user) == before
    assert git(user, "for-each-ref", "--format=%(refname)").splitlines() == ["refs/heads/main"]


def test_it_goes_on_top_of_earlier_results_and_keeps_them(user: Path) -> None:
    own = Git(user)
    earlier = snapshot(own, message="code\n", files={"runs/a/config.toml": "1", "runs/a/result.txt": "r"}, onto="")
    again = snapshot(own, message="code\n", files={"runs/a/config.toml": "1"}, onto=earlier)
    assert again == earlier, "nothing has changed"
    (user / "new.txt").write_text("newer", encoding="utf-8")
    (user / "kept.txt").unlink()
    later = snapshot(own, message="code\n", files={"runs/a/config.toml": "2"}, onto=earlier)
    code = {name: text for name, text in CODE.items() if name != "kept.txt"} | {"new.txt": "newer"}
    assert files(user, later) == code | {"runs/a/config.toml": "2", "runs/a/result.txt": "r"}
    assert git(user, "rev-parse", f"{later}^") == earlier
    git(user, "commit", "--quiet", "--all", "--message", "third")
    merged = snapshot(own, message="code\n", files={}, onto=earlier)
    parents = git(user, "log", "-1", "--format=%P", merged).split()
    assert parents == [earlier, git(user, "rev-parse", "HEAD")], "the user's own commits are part of the history"


def test_a_repository_without_commits_is_fine(tmp_path: Path, user: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    (empty / "code.py").write_text("1", encoding="utf-8")
    assert files(empty, snapshot(Git(empty), message="code\n", files={}, onto="")) == {"code.py": "1"}


def test_large_new_files_are_no_code(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_NEW_BYTES", 1000)
    snapshot(Git(user), message="code\n", files={}, onto="")
    (user / "video.mp4").write_bytes(b"x" * 1000)
    with pytest.raises(ValueError, match=r"holds 1\.0 kB of new files \(the largest is video\.mp4\)"):
        snapshot(Git(user), message="code\n", files={}, onto="")
