"""Kills the real pipeline with SIGKILL at random moments of every stage, resumes it, and compares what comes out.

usage: python benchmarks/kill_resume.py FOLDER [--kills 30] [--seed 0]

A run of a small configuration is left undisturbed first. Then runs of the same configuration are killed once in every
stage, at a random point of the time that the stage took undisturbed, until there were enough kills; in every other
kill the worker processes live on. A run that has been killed in its last stage ends and is compared: every field of
`evaluation_metrics.json` but those that time the machine, every decision, and one commit a stage on a branch.
Exit code 1 if anything differs. In a folder of an earlier call more runs are added to those there. Takes about a
quarter of an hour on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS = {
    "recipe": "tiny",
    "data.num-train": "24",
    "data.num-validation": "4",
    "data.num-calibration": "32",
    "data.num-test": "12",
    "data.clips-per-shard": "8",
    "training.num-steps": "24",
    "training.warmup-steps": "4",
    "training.log-steps": "4",
    "evaluation.num-attention-samples": "3",
    "evaluation.num-timed-clips": "2",
}
STAGES = ("proof", "data", "train", "calibrate", "evaluate", "visualize", "analyze", "report")
TIMED = "wall_clock"
"""Fields whose name holds this depend on how busy the machine was."""


def start(folder: Path, branch: str) -> subprocess.Popen[bytes]:
    """Starts or resumes a run; its output goes to a file beside it."""
    options = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "perdure", "run", *options, "--out", str(folder), "--branch", branch, "--resume"]
    with folder.with_suffix(".out").open("ab") as file:
        return subprocess.Popen(
            command, cwd=folder.parent, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def whole_run(folder: Path, branch: str) -> None:
    """Runs to the end."""
    code = start(folder, branch).wait()
    if code:
        raise SystemExit(f"{folder}: ended with {code}\n{folder.with_suffix('.out').read_text()[-2000:]}")


def durations_s(folder: Path) -> dict[str, float]:
    """Returns the seconds of every stage."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {name: stage["duration_s"] for name, stage in record["stages"].items()}


def is_whole(folder: Path) -> bool:
    """Returns whether every stage is done; a kill may come after the work and before the process has ended."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return [stage["status"] for stage in record["stages"].values()] == ["done"] * len(STAGES)


def num_started(folder: Path, stage: str) -> int:
    """Returns how often a stage has started."""
    path = folder / "PROGRESS.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return sum(f"] {stage} " in line and "started: " in line for line in lines)


def kill_in(folder: Path, branch: str, stage: str, *, after_s: float, is_group: bool) -> bool:
    """Kills a run some seconds into a stage; returns whether it was still at work then."""
    before = num_started(folder, stage)
    process = start(folder, branch)
    while num_started(folder, stage) == before and process.poll() is None:
        time.sleep(0.02)
    deadline_s = time.monotonic() + after_s
    while time.monotonic() < deadline_s and process.poll() is None:
        time.sleep(0.005)
    was_at_work = process.poll() is None
    if was_at_work:
        if is_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    return was_at_work


def differences(left: Any, right: Any, place: str = "") -> list[str]:
    """Returns the places where two JSON values differ, but for times of the machine."""
    if TIMED in place or (isinstance(left, dict) and TIMED in str(left.get("name", ""))):
        return []
    if isinstance(left, dict) and isinstance(right, dict):
        names = dict.fromkeys([*left, *right])
        return [found for name in names for found in differences(left.get(name), right.get(name), f"{place}/{name}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [found for index, (a, b) in pairs for found in differences(a, b, f"{place}/{index}")]
    return [] if left == right else [place]


def stages_on(repository: Path, branch: str) -> list[str]:
    """Returns the stages that a branch has commits of, oldest first."""
    words = [
        "git",
        "log",
        "--reverse",
        "--format=%(trailers:key=Perdure-Stage,valueonly)",
        f"refs/heads/{branch}",
        "--",
    ]
    said = subprocess.run(words, cwd=repository, capture_output=True, text=True, check=True).stdout
    return [line.split()[1] for line in said.splitlines() if line]


def compared(folder: Path, whole: Path, branch: str) -> list[str]:
    """Returns what is not as in the undisturbed run."""
    name = "evaluation/evaluation_metrics.json"
    left, right = (json.loads((run / name).read_text(encoding="utf-8")) for run in (folder, whole))
    found = differences(left, right)
    for name in ("evaluation/decisions.jsonl", "evaluation/decisions_tracker.jsonl"):
        if (folder / name).read_bytes() != (whole / name).read_bytes():
            found.append(name)
    if sorted(stages_on(folder.parent, branch)) != sorted(STAGES):
        found.append(f"commits {stages_on(folder.parent, branch)}")
    if not (folder / "PIPELINE_COMPLETE.txt").is_file():
        found.append("PIPELINE_COMPLETE.txt is missing")
    return found


def main() -> int:
    """Returns 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    root, chance = arguments.folder.absolute(), random.Random(arguments.seed)
    root.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    whole = root / "undisturbed"
    whole_run(whole, "undisturbed")
    took_s = durations_s(whole)
    say(f"undisturbed: {took_s}")
    num_kills, num_runs, problems = 0, len(list(root.glob("killed-*.out"))), 0
    while num_kills < arguments.kills:
        folder = root / f"killed-{num_runs}"
        for stage in STAGES:
            after_s = chance.random() * took_s[stage]
            is_group = bool(num_kills % 2)
            if num_kills < arguments.kills and kill_in(folder, folder.name, stage, after_s=after_s, is_group=is_group):
                num_kills += 1
                is_wrong = (folder / "PIPELINE_COMPLETE.txt").exists() and not is_whole(folder)
                problems += is_wrong
                word = "group" if is_group else "process"
                say(
                    f"kill {num_kills}: {folder.name}, {word}, {after_s:.2f} s after the start of {stage}"
                    + ", but it says that it is complete" * is_wrong
                )
        whole_run(folder, folder.name)
        found = compared(folder, whole, folder.name)
        problems += len(found)
        num_runs += 1
        say(f"{folder.name}: {'; '.join(found) or 'equal in every field but those of time'}")
    say(f"{num_kills} kills, {num_runs} runs in this folder: {problems} problems")
    return int(problems > 0)


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
