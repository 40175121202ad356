"""A whole run on a host behind a real sshd: live, cut off at any moment, refused twice, stopped, fetched.

The code that travels is this package with fake stages, so that a run takes seconds; one test runs the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from publish.repository import checkout_state, git, new_repository
from remote.loopback import Loopback

ROOT = Path(__file__).parents[2]
BRANCH = "early-persistence/magvit"
NAME = "tiny-testbox"
pytestmark = [pytest.mark.slow, pytest.mark.integration]

FAKE_STAGES = '''
"""Fake stages in place of the real ones; `train` takes as long as a file on the host says."""
import os, time
from pathlib import Path
from dataclasses import replace
import runs.fake_stages as fake

def train(context):
    print("training starts", flush=True)
    while Path(os.environ["GATE"]).exists():
        context.raise_if_stopping()
        context.log.note("waiting")
        time.sleep(0.2)
    fake.train(context)

def run_stages(config):
    return (fake.DATA, replace(fake.TRAIN, run=train), fake.EVALUATE)
'''


@dataclass
class User:
    """Someone with a checkout of perdure, and a host.

    Args:
        checkout: their repository; commands run there.
        box: their host.
        home: the folder on the host that everything goes to.
        gate: while this file exists, the run on the host does not get on.
    """

    checkout: Path
    box: Loopback
    home: Path
    gate: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def words(self, verb: str, *more: str) -> list[str]:
        ssh = ["--ssh-config", str(self.box.config)]
        return [sys.executable, "-m", "perdure", "remote", verb, "testbox", *ssh, *more]

    @property
    def run_words(self) -> list[str]:
        options = ["--recipe", "tiny", "--python", sys.executable, "--root", str(self.home), "--branch", BRANCH]
        return self.words("run", *options, "--sync-s", "1")

    def call(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            words, cwd=self.checkout, capture_output=True, text=True, check=False, timeout=240, env=self.environment()
        )

    def begin(self, words: list[str], output: str) -> subprocess.Popen[bytes]:
        """Starts a command whose output goes to a file."""
        with (self.checkout.parent / output).open("wb") as file:
            process = subprocess.Popen(
                words, cwd=self.checkout, stdout=file, stderr=subprocess.STDOUT, env=self.environment()
            )
        self.started.append(process)
        return process

    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join((str(self.checkout / "src"), str(self.checkout / "tests")))
        return os.environ | {"PYTHONPATH": paths}

    @property
    def log(self) -> Path:
        """The log on the host."""
        return self.home / NAME / "job" / "log"

    def text(self, output: str = "") -> str:
        path = self.checkout.parent / output if output else self.log
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @property
    def copied(self) -> Path:
        return self.checkout / "runs" / NAME

    @property
    def results(self) -> Path:
        return self.home / NAME / "runs" / NAME

    def processes(self) -> list[int]:
        """Returns what runs on the host for this run."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.home) in f"{words} {process.info['cwd']}" and "remote run testbox" not in words:
                found.append(process.pid)
        return found


def until(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    """Waits for something that another process does."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.05)


def checkout_of_perdure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a repository with the code of perdure, work that is not committed included."""
    new_repository(folder, monkeypatch)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / ".gitignore").write_text("/runs/\n__pycache__/\n", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "code")
    (folder / "kept.txt").write_text("not committed", encoding="utf-8")
    (folder / "staged.txt").write_text("staged", encoding="utf-8")
    git(folder, "add", "staged.txt")
    return folder


@pytest.fixture
def user(testbox: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    checkout = checkout_of_perdure(tmp_path / "checkout", monkeypatch)
    (checkout / "src" / "perdure" / "recipes" / "stages.py").write_text(FAKE_STAGES, encoding="utf-8")
    shutil.copytree(ROOT / "tests" / "runs", checkout / "src" / "runs")
    gate = tmp_path / "gate"
    # What the host's own environment is; ssh passes none of ours on.
    with testbox.config.with_name("sshd_config").open("a", encoding="utf-8") as file:
        file.write(f"SetEnv GATE={gate} OMP_NUM_THREADS=1\n")
    testbox.stop()
    testbox.start()
    someone = User(checkout, testbox, tmp_path / "host", gate)
    yield someone
    gate.unlink(missing_ok=True)
    for process in someone.started:
        process.kill()
        process.wait()
    if someone.log.is_file():
        if testbox.process is None:
            testbox.start()
        someone.call(someone.words("stop", "--name", NAME))


def stages_on(checkout: Path) -> list[str]:
    shown = git(checkout, "log", "--reverse", "--format=%(trailers:key=Perdure-Stage,valueonly)", BRANCH)
    return [line.split()[1] for line in shown.splitlines() if line]


def content(folder: Path) -> dict[str, bytes]:
    heavy = ("data", "checkpoints")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.relative_to(folder).parts[0] not in heavy
        and path.suffix != ".safetensors"
        and path.name != ".lock"
    }


def test_a_whole_run_ends_with_the_same_files_and_a_commit_a_stage(user: User) -> None:
    before = checkout_state(user.checkout)
    done = user.call(user.run_words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(user.text()), "the live view is the log"
    assert "[2/3] train      6/6" in user.text() and "finished on testbox" in done.stdout
    assert content(user.copied) == content(user.results)
    assert (user.copied / "PIPELINE_COMPLETE.txt").is_file()
    assert not (user.copied / "final_model.safetensors").exists() and not (user.copied / "data").exists()
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]
    code = git(user.checkout, "show", f"{BRANCH}~3:kept.txt"), git(user.checkout, "show", f"{BRANCH}~3:staged.txt")
    assert code == ("not committed", "staged")
    assert "seed = 0" in git(user.checkout, "show", f"{BRANCH}~3:runs/{NAME}/config.toml")
    after = {name: digest for name, digest in checkout_state(user.checkout).items() if not name.startswith("runs/")}
    own = [{name: state[name] for name in state if "__pycache__" not in name} for state in (before, after)]
    assert own[0] == own[1]
    again = user.call(user.run_words)
    assert again.returncode == 0, again.stderr
    assert "nothing has changed since the last run" in again.stdout
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]


def test_a_client_that_is_killed_costs_nothing(user: User) -> None:
    user.gate.touch()
    client = user.begin(user.run_words, "first.txt")
    until(lambda: "training starts" in user.text("first.txt"))
    client.send_signal(signal.SIGKILL)
    client.wait()
    refused = user.call(user.run_words)
    assert refused.returncode == 2
    line = refused.stderr.splitlines()[-1]
    assert line.startswith(f"perdure remote run: run {NAME} is going on on testbox; watch it: perdure remote attach ")
    shown = user.call(user.words("status"))
    assert shown.returncode == 0 and f"{NAME} on testbox: running (heartbeat " in shown.stdout
    assert "last milestone: " in shown.stdout
    client = user.begin(user.words("attach"), "second.txt")
    until(lambda: "waiting" in user.text("second.txt"))
    user.gate.unlink()
    assert client.wait(timeout=120) == 0
    copy = next((user.checkout / "runs" / ".remote").glob("*.log"))
    assert copy.read_bytes() == user.log.read_bytes(), "every byte once, whatever happened between"
    seen = user.text("second.txt")
    assert "training starts" not in seen and "finished on testbox" in seen
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]
    assert content(user.copied) == content(user.results)


def test_a_network_that_breaks_costs_nothing(user: User) -> None:
    user.gate.touch()
    client = user.begin(user.run_words, "seen.txt")
    until(lambda: "waiting" in user.text("seen.txt"))
    user.box.stop()
    until(lambda: "the run goes on" in user.text("seen.txt"))
    size = user.log.stat().st_size
    until(lambda: user.log.stat().st_size > size)  # it does
    user.box.start()
    user.gate.unlink()
    assert client.wait(timeout=120) == 0, user.text("seen.txt")
    copy = next((user.checkout / "runs" / ".remote").glob("*.log"))
    assert copy.read_bytes() == user.log.read_bytes()
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]
    assert content(user.copied) == content(user.results)


def test_a_stop_leaves_no_process_and_the_same_command_goes_on(user: User) -> None:
    user.gate.touch()
    started = user.call([*user.run_words, "--detach"])
    assert started.returncode == 0, started.stderr
    until(lambda: "training starts" in user.text())
    assert user.processes()
    stopped = user.call(user.words("stop"))
    assert stopped.returncode == 0, stopped.stderr
    assert f"{NAME} on testbox: stopped; go on: perdure remote run" in stopped.stdout
    assert user.processes() == []
    assert json.loads((user.copied / "run.json").read_text(encoding="utf-8"))["process"]["status"] == "stopped"
    listed = user.call([*user.words("list")[:5]])
    assert "testbox  tiny-testbox  stopped" in listed.stdout
    user.gate.unlink()
    (user.checkout / "kept.txt").write_text("changed meanwhile", encoding="utf-8")
    done = user.call(user.run_words)
    assert done.returncode == 0, done.stderr
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]
    assert git(user.checkout, "show", f"{BRANCH}:kept.txt") == "changed meanwhile"
    gone = user.call(user.words("down"))
    assert gone.returncode == 0, gone.stderr
    assert not (user.home / NAME).exists() and (user.copied / "final_model.safetensors").is_file()
    assert "no run was started on a host" in user.call(user.words("list")[:5]).stdout


def test_a_run_that_fails_there_fails_here(user: User) -> None:
    stages = user.checkout / "src" / "perdure" / "recipes" / "stages.py"
    stages.write_text(FAKE_STAGES.replace("fake.train(context)\n\n", "raise MemoryError\n\n"), encoding="utf-8")
    failed = user.call(user.run_words)
    assert failed.returncode == 1
    assert f"{NAME} on testbox: failed with exit code 1; see runs/.remote/" in failed.stderr.splitlines()[-1]
    assert "train failed: out of memory" in failed.stdout
    assert not (user.copied / "PIPELINE_COMPLETE.txt").exists()
    assert stages_on(user.checkout) == ["data"]


def test_what_is_missing_is_said_before_anything_starts(user: User) -> None:
    words = [word if word != sys.executable else "/nowhere/python" for word in user.run_words]
    words[0] = sys.executable
    missing = user.call(words)
    assert missing.returncode == 1
    assert missing.stderr.splitlines()[-1] == (
        "perdure remote run: host testbox: --python: /nowhere/python does not exist there"
    )
    assert not user.log.exists()
    user.copied.mkdir(parents=True)
    (user.copied / "mine.txt").touch()
    assert "holds something that is not from testbox; choose another --out" in user.call(user.run_words).stderr
    shutil.rmtree(user.copied)
    user.box.stop()
    away = user.call(user.run_words)
    assert away.returncode == 1 and "Connection refused" in away.stderr.splitlines()[-1]
    assert "first: perdure remote stop" not in away.stderr
