"""A git repository of a user, and all of its state that a run must leave alone."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest


def git(folder: Path, *words: str) -> str:
    """Returns the output of a git command."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def new_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a repository with one commit on `main`; who commits is set for the whole test."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A User")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "user@example.org")
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "kept.txt").write_text("kept", encoding="utf-8")
    git(folder, "add", "kept.txt")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def checkout_state(folder: Path) -> dict[str, str]:
    """Returns what belongs to the user: every file of the checkout, index, HEAD, stash, configuration, own branch."""
    state = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
    for name in ("index", "HEAD", "config", "logs/HEAD", "refs/stash", "logs/refs/stash", "refs/heads/main"):
        path = folder / ".git" / name
        state[f".git/{name}"] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
    return state
