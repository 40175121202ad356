"""What is sent to a host to be run there, as far as it can be told without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from perdure.config import from_dict
from perdure.publish.git import Git, GitError
from perdure.recipes.recipes import recipe
from perdure.remote.launch import Launch, environment_folder
from perdure.remote.remote_run import RemoteRun
from perdure.remote.transport import Transport
from publish.repository import git, new_repository

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
mkdir -p "$4/bin"
printf '#!/bin/sh\\necho "$@" >> {log}\\ncase "$2" in pip) exit ${{PIP_FAILS:-0}};; esac\\n' > "$4/bin/python"
chmod +x "$4/bin/python"
"""


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    user = new_repository(tmp_path / "user", monkeypatch)
    (user / "pyproject.toml").write_text("[project]", encoding="utf-8")
    (user / "constraints.txt").write_text("torch==2", encoding="utf-8")
    git(user, "add", ".")
    git(user, "commit", "--quiet", "--message", "code")
    run = RemoteRun(name="a", host="box", root=str(tmp_path / "host"), branch="results")
    return Launch(run, recipe("tiny"), Git(user), Transport("box"), lambda text: None)


def test_the_environment_is_made_once_and_a_failure_is_no_environment(launch: Launch, tmp_path: Path) -> None:
    """With a python3 that only notes what it is asked for."""
    log, program = tmp_path / "asked.txt", tmp_path / "bin" / "python3"
    program.parent.mkdir()
    program.write_text(PYTHON.format(log=log), encoding="utf-8")
    program.chmod(0o755)
    described = launch._described(launch.run, "HEAD")
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"

    def run(**variables: str) -> int:
        words = ["/bin/sh", "-c", str(described["script"])]
        environment = os.environ | {"PATH": path} | variables
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert run(PIP_FAILS="1") == 1
    assert not log.read_text(encoding="utf-8").count("perdure run"), "the run did not start"
    assert run() == 0 and run() == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line.startswith("-m pip install") for line in lines] == [True, True, False, False]
    assert lines[1].endswith("--constraint constraints.txt .[pixels,proof,tracks]")
    assert lines[2] == "-u -m perdure run --config runs/a/config.toml --out ../runs/a --resume --branch results"


def test_environments_are_shared_by_code_that_needs_the_same(launch: Launch) -> None:
    user = launch.git.folder
    first = environment_folder(launch.git, "HEAD", launch.run)
    (user / "kept.txt").write_text("other code", encoding="utf-8")
    git(user, "commit", "--quiet", "--all", "--message", "code")
    assert environment_folder(launch.git, "HEAD", launch.run) == first
    (user / "constraints.txt").write_text("torch==3", encoding="utf-8")
    git(user, "commit", "--quiet", "--all", "--message", "pins")
    assert environment_folder(launch.git, "HEAD", launch.run) != first


def test_the_script_says_how_it_is_used() -> None:
    script = ROOT / "scripts" / "run_early_persistence_remote.sh"
    shown = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert shown.stderr.startswith("usage: scripts/run_early_persistence_remote.sh HOST ")


@dataclass(frozen=True)
class NotedTransport(Transport):
    """Notes what is sent to a host that does not exist."""

    sent: list[tuple[Path, str]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    def run(self, script: str, *, given: str = "", timeout_s: float = 0.0) -> str:
        self.scripts.append(script + given)
        return "root=/far\nfree_kb=999999999\npython=3.12\n"

    def send(self, source: Path, target: str) -> None:
        self.sent.append((source, target))

    def push(self, git: Git, repository: str, commit: str, branch: str) -> None:
        self.commits.append(commit)

    def fetch(self, git: Git, repository: str, branch: str, *, into: str = "") -> str:
        raise GitError(f"has no branch {branch}")


def test_sequences_of_this_machine_travel_and_are_read_there(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recipes for real tracks were refused, since the host would have looked for a folder of this machine."""
    monkeypatch.chdir(launch.git.folder)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    sequences = tmp_path / "kitti"
    sequences.mkdir()
    (sequences / "det.txt").write_text("1", encoding="utf-8")
    config = recipe("tracks").reading(str(sequences))
    transport = NotedTransport("box")
    run = replace(launch, config=config, transport=transport).start()
    assert transport.sent == [(sequences, run.sources(sequences))]
    assert run.sources(sequences).startswith("/far/sources/") and run.sources(sequences).endswith("/kitti")
    text = launch.git("show", f"{transport.commits[0]}:runs/a/config.toml")
    stored = tomllib.loads(text)
    assert stored["data"]["path"] == run.sources(sequences)
    assert from_dict(type(config), stored, where="there") == config.reading(run.sources(sequences))
    assert any("tracks]" in script for script in transport.scripts), "scikit-learn is in the environment there"
    sequences.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match=r"data\.path: .*kitti is no folder"):
        replace(launch, config=config, transport=transport).start()
