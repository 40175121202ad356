"""Commands, files and commits over a real sshd; lost connections are told from failed commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from perdure.publish.git import Git, GitError
from perdure.remote.transport import ConnectionLostError, RemoteError, Transport
from publish.repository import git, new_repository
from remote.loopback import Loopback


@pytest.fixture
def host(testbox: Loopback) -> Transport:
    return Transport("testbox", testbox.config)


@pytest.mark.parametrize("name", ["-oProxyCommand=touch x", "", "a b", "a:22", "$(id)", "ssh://host"])
def test_what_is_no_plain_name_of_a_host_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="host: got "):
        Transport(name)


def test_scripts_run_as_they_are_written(host: Transport) -> None:
    assert host.run("""printf '%s|' "it's" '$HOME' "a  b"; cat""", given="given\n") == "it's|$HOME|a  b|given\n"
    with pytest.raises(RemoteError, match=r"^no luck$") as error:
        host.run("echo first >&2; echo no luck >&2; exit 9")
    assert error.value.code == 9


def test_an_unknown_or_changed_host_key_is_refused(host: Transport, testbox: Loopback, tmp_path: Path) -> None:
    known = testbox.folder / "known_hosts"
    known.rename(tmp_path / "aside")
    with pytest.raises(ConnectionLostError, match=r"Host key verification failed; connect once by hand .*ssh testbox"):
        host.run("true")
    assert not known.exists() or not known.read_text(encoding="utf-8"), "and it is not learned on the way"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")]
    subprocess.run(command, check=True)
    testbox.trust((tmp_path / "other.pub").read_text(encoding="utf-8"))
    with pytest.raises(ConnectionLostError, match="Host key verification failed"):
        host.run("true")


def test_a_user_that_the_host_does_not_know_is_told_what_to_try(host: Transport, testbox: Loopback) -> None:
    (testbox.folder / "authorized_keys").write_text("", encoding="utf-8")
    with pytest.raises(ConnectionLostError, match=r"Permission denied .*; make sure that .*ssh testbox true"):
        host.run("true")


def test_a_host_that_is_away_is_no_failed_command(host: Transport, testbox: Loopback, tmp_path: Path) -> None:
    testbox.stop()
    with pytest.raises(ConnectionLostError, match="Connection refused"):
        host.run("true")
    with pytest.raises(ConnectionLostError):
        host.pull("/nowhere", tmp_path / "copy")
    testbox.start()
    assert host.run("echo back") == "back\n"
    with pytest.raises(ConnectionLostError, match="no answer within 0 s"):
        host.run("sleep 5", timeout_s=0.4)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_made_the_same_and_what_is_excluded_is_left_alone(host: Transport, tmp_path: Path) -> None:
    there, here = tmp_path / "a folder's results", tmp_path / "here"
    (there / "data").mkdir(parents=True)
    (there / "data" / "shard.npy").write_bytes(b"x" * 100)
    (there / "figures.txt").write_bytes(b"1")
    (there / "latest").symlink_to("figures.txt")  # a link could lead anywhere here, and a run makes none
    host.pull(str(there), here, excluded=("/data/",))
    assert tree(here) == {"figures.txt": b"1"}
    (here / "data").mkdir()
    (here / "data" / "own.npy").write_bytes(b"own")
    (here / "stale.txt").write_bytes(b"from an earlier round")
    (there / "figures.txt").write_bytes(b"2")
    host.pull(str(there), here, excluded=("/data/",))
    assert tree(here) == {"figures.txt": b"2", "data/own.npy": b"own"}
    with pytest.raises(RemoteError):
        host.pull(str(tmp_path / "nothing"), here)
    host.send(here, str(tmp_path / "sent"))
    assert tree(tmp_path / "sent") == tree(here)


def test_commits_go_there_and_back_and_none_is_lost(
    host: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new_repository(tmp_path / "user", monkeypatch)
    there = tmp_path / "there.git"
    host.run(f"git init --quiet --bare {there}")
    own = Git(user)
    first = own("rev-parse", "HEAD")
    with pytest.raises(GitError, match="has no branch run/1"):
        host.fetch(own, str(there), "run/1")
    host.push(own, str(there), first, "run/1")
    clone = tmp_path / "clone"
    shutil.copytree(user, clone)
    (clone / "kept.txt").write_text("results", encoding="utf-8")
    git(clone, "commit", "--quiet", "--all", "--message", "results")
    git(clone, "push", "--quiet", str(there), "HEAD:run/1")
    assert host.fetch(own, str(there), "run/1", into="run/1") == git(clone, "rev-parse", "HEAD")
    assert git(user, "rev-parse", "run/1") == git(clone, "rev-parse", "HEAD")
    assert not (user / ".git" / "FETCH_HEAD").exists()
    with pytest.raises(GitError, match="git push: "):
        host.push(own, str(there), first, "run/1")
    git(user, "update-ref", "refs/heads/run/1", git(user, "commit-tree", "-m", "own", "HEAD^{tree}"))
    own_tip = git(user, "rev-parse", "run/1")
    with pytest.raises(GitError, match="git fetch: "):
        host.fetch(own, str(there), "run/1", into="run/1")
    assert git(user, "rev-parse", "run/1") == own_tip
