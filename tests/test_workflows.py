"""What runs on other people's machines: pinned, limited, without credentials that it does not need."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="the workflows are read with PyYAML (extra docs)")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"])


JOBS = [pytest.param(job, id=f"{path.stem}-{name}") for path in WORKFLOWS for name, job in jobs(path).items()]


def test_there_are_a_workflow_for_changes_and_one_for_releases() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"] and len(JOBS) >= 10


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_no_more(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_ends_keeps_no_token_and_runs_what_was_looked_at(job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 60
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", JOBS)
def test_our_own_machines_run_nothing_of_forks(job: dict[str, Any]) -> None:
    if "self-hosted" in job["runs-on"]:
        assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]


def test_only_a_tag_that_was_tried_everywhere_is_published() -> None:
    release = jobs(ROOT / ".github/workflows/release.yml")
    assert release["publish"]["needs"] == "smoke" and release["smoke"]["needs"] == "build"
    assert release["publish"]["if"] == "github.ref_type == 'tag'"
    systems = release["smoke"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in systems["system"]} == {"ubuntu", "macos", "windows"}
    classifiers = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text}
    assert set(systems["python"]) == classifiers


@pytest.mark.parametrize(
    ("words", "code"), [(["version", f"v{PROJECT['version']}"], 0), (["version", "v0"], 1), (["smoke"], 0)]
)
def test_what_a_release_asks_of_the_package(words: list[str], code: int) -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/release.py", *words], capture_output=True, text=True)
    assert done.returncode == code, done.stderr


def test_the_image_takes_what_there_is() -> None:
    """What it copies must exist and get past .dockerignore; its extras must be ours."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = {
        name.removeprefix("./") for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.M) for name in line.split()
    }
    assert copied == taken and all((ROOT / name).exists() for name in copied)
    (extras,) = re.findall(r"'\.\[(.*)\]'", text)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "USER perdure" in text
