"""What needs no run works without the modules and signals of POSIX; what does says so in a line.

A stand-in for a Windows machine: the release workflow tries the wheel on a real one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "src/perdure/demo"
TAKEN_AWAY = """
import asyncio, concurrent.futures.process, multiprocessing.resource_tracker, os, signal, subprocess, sys
import av, cv2, matplotlib.pyplot, numpy, psutil, torch, rich.console, scipy.stats, sklearn.ensemble, tyro
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGSTOP", "SIGCONT", "pthread_kill", "pthread_sigmask"):
    delattr(signal, name)
for name in ("O_CLOEXEC", "O_NOFOLLOW", "fork", "getuid", "killpg", "mkfifo", "setsid", "statvfs", "uname"):
    delattr(os, name)
sys.platform = "win32"
from perdure.cli.program import main
sys.exit(main(sys.argv[1:]))
"""


def on_windows(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", TAKEN_AWAY, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.integration
@pytest.mark.parametrize(
    "words",
    [
        ["confirm", str(DEMO / "detections.txt")],
        ["watch", str(DEMO / "drone.mp4"), "--detections", str(DEMO / "detections.txt"), "--max-frames", "20"],
        ["adapt", str(DEMO / "detections.txt")],
        ["calibrate", "--help"],
        ["eval", "--help"],
    ],
    ids=lambda words: words[0],
)
def test_what_needs_no_run_works(words: list[str], tmp_path: Path) -> None:
    """No command did: the lock of run folders is of POSIX, and errors of the command line knew it."""
    done = on_windows(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("words", [["run", "--recipe", "tiny"], ["remote", "list"]])
def test_what_makes_a_run_says_where_to_make_it(words: list[str], tmp_path: Path) -> None:
    done = on_windows(*words, folder=tmp_path)
    assert done.returncode in (1, 2) and not list(tmp_path.iterdir())
    assert "on Windows make them in WSL" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
