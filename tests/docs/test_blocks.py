"""Every block of Python in the documents runs, and every command in them is understood by what it calls."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

import perdure
from data.street import write_street
from docs.pages import PAGES, ROOT, TUTORIALS, blocks_of, command_lines, mentions, name_of
from perdure.cli import main
from perdure.cli.program import find_command
from perdure.types import Detections
from perdure.video.writer import VideoWriter

WEIGHTS = Path(perdure.__file__).parent / "weights"
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
WITH_PYTHON = [page for page in PAGES if page not in TUTORIALS and any(b.language == "python" for b in blocks_of(page))]
COMMANDS = command_lines()


class Understood(BaseException):
    """The arguments were read; nothing more is to be done."""


def commands_of(program: str) -> list[Any]:
    return [pytest.param(line, id=f"{page}: {line}") for page, line in COMMANDS if shlex.split(line)[0] == program]


def moving_square(num_frames: int) -> list[np.ndarray]:
    """Returns frames of a bright square that moves over a still, textured ground."""
    ground = np.random.default_rng(0).integers(70, 100, (120, 160, 3), dtype=np.uint8)
    frames = []
    for index in range(num_frames):
        frame = ground.copy()
        frame[40:56, 20 + 2 * index : 36 + 2 * index] = 230
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a reader: a video, detections, a labelled site and a run."""
    path = tmp_path_factory.mktemp("reader")
    frames = moving_square(30)
    with VideoWriter(path / "street.mp4", frame_rate_hz=25) as writer:
        for frame in frames:
            writer.write(frame)
    rows = [f"{index + 1},-1,{20 + 2 * index},40,16,16,0.9,-1" for index in range(len(frames))]
    for name in ("det.txt", "earlier.txt"):
        (path / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    for seed in range(2):
        write_street(path / "site" / f"camera-{seed}", seed=seed)
    (path / "runs" / "tracks").mkdir(parents=True)
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS / f"detections{suffix}", path / "runs" / "tracks" / f"final_model{suffix}")
        shutil.copy(WEIGHTS / f"detections{suffix}", path / f"mine{suffix}")
    return path


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_every_block_says_what_it_is() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language in {"sh", "python", "text"}, f"{name_of(page)}: {block.text[:60]!r}"
            assert block.language != "text" or not re.match(r"(perdure|make|pip|import|from) ", block.text), block.text


def test_there_are_blocks_to_run() -> None:
    assert len(WITH_PYTHON) >= 7 and ROOT / "README.md" in WITH_PYTHON
    assert {shlex.split(line)[0] for _, line in COMMANDS} >= {"make", "perdure", "pip", "python"}


@pytest.mark.slow
def test_calibrating_and_watching_as_written(folder: Path) -> None:
    """Commands that need seconds run for real, in the order of a reader; their files are what later blocks read."""
    lines = [
        "perdure calibrate detections --data site/ --max-false-confirm 0.1 --out site.json",
        "perdure watch street.mp4 --out seen/",
        "perdure watch street.mp4 --detections det.txt --weights detections --known-scores earlier.txt --out seen/",
        "perdure watch street.mp4 --detections det.txt --weights detections --calibration site.json --out seen/",
    ]
    for line in lines:
        assert line in {command for _, command in COMMANDS}, f"nowhere in the documents: {line}"
        assert main(shlex.split(line)[1:]) == 0, line
    written = {path.name for path in (folder / "seen").iterdir()}
    assert {"annotated.mp4", "decisions.jsonl", "tracks.csv", "confirmed.txt", "summary.json"} <= written


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_the_python_of_a_page_runs(page: Path, folder: Path) -> None:
    """One block after the other, as a reader pastes them; only the first block of README was run once."""
    source = "\n".join(block.text for block in blocks_of(page) if block.language == "python")
    for module in ("supervision", "trackers"):
        if re.search(rf"\b(import|from) {module}\b", source) and find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if "site.json" in source and not (folder / "site.json").exists():
        assert (
            main(["calibrate", "detections", "--data", "site", "--max-false-confirm", "0.1", "--out", "site.json"]) == 0
        )
    boxes = [np.array([[20.0 + 2 * index, 40.0, 36.0 + 2 * index, 56.0]]) for index in range(12)]
    stream = [(frame, box, np.full(1, 0.9)) for frame, box in zip(moving_square(12), boxes, strict=True)]
    earlier = np.random.default_rng(0).uniform(0.2, 0.9, 300)
    yard, road = (Detections(xyxy_px=boxes[index], score=np.full(1, 0.9)) for index in range(2))
    names = {"stream": stream, "earlier": earlier, "yard": yard, "road": road}
    exec(compile(source, name_of(page), "exec"), names)  # noqa: S102 - our own text


@pytest.mark.parametrize("line", commands_of("perdure"))
def test_perdure_understands(line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    read = tyro.cli

    def read_only(*words: Any, **options: Any) -> None:
        read(*words, **options)
        raise Understood

    monkeypatch.setattr(tyro, "cli", read_only)
    words = shlex.split(line)[1:]
    try:
        code = main(words)
    except Understood:
        return
    except SystemExit as stop:
        code = int(stop.code or 0)
    # Only what needs no arguments ends without reading any.
    assert code == 0 and {"--help", "--version"} & set(words), capfd.readouterr().err


@pytest.mark.parametrize(("page", "text"), mentions())
def test_a_command_in_prose_exists_with_its_options(page: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = text.split()[1:]
    command, _ = find_command(words)
    assert command is not None, f"{page}: {text}"
    with pytest.raises(SystemExit):
        main([*command.words.split(), "--help"])
    shown = capsys.readouterr().out
    assert not [word for word in words if word.startswith("--") and word not in shown], f"{page}: {text}"


@pytest.mark.parametrize("line", commands_of("make"))
def test_make_knows(line: str) -> None:
    targets = re.findall(r"^([\w/-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert shlex.split(line)[1] in targets


@pytest.mark.parametrize("line", commands_of("pip"))
def test_pip_would_find(line: str) -> None:
    words = shlex.split(line)
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    assert words[1] == "install"
    for word in (word for word in words[2:] if not word.startswith("-")):
        if word.startswith((".", "perdure")):
            assert set(re.findall(r"\[(.*)\]", word)) <= set(EXTRAS), word
        else:
            assert f"\n{word.lower()}==" in pins, f"{word} is tested in no version"


@pytest.mark.parametrize("line", commands_of("python"))
def test_a_program_of_ours_has_its_options(line: str) -> None:
    words = shlex.split(line)
    shown = subprocess.run(
        [sys.executable, ROOT / words[1], "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    ).stdout
    assert not [word for word in words[2:] if word.startswith("--") and word not in shown]


def test_no_other_program_is_called() -> None:
    known = {"docker", "make", "perdure", "pip", "python", "python3", "."}
    others = [f"{page}: {line}" for page, line in COMMANDS if shlex.split(line)[0] not in known]
    assert not others
