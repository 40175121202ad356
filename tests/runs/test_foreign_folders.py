"""A run folder that somebody else has made, or that is somebody else's: nothing outside of it is written or removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import perdure
from perdure.data.detection_files import read_detection_files
from perdure.files import read_json
from perdure.live.confirm import confirm
from perdure.live.watch import watch
from perdure.runs.lock import locked
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder, require_outside_runs
from runs.conftest import Command, run_all


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Files of somebody else, which must stay as they are."""
    folder = tmp_path / "victim"
    (folder / "0123456789abcdef").mkdir(parents=True)
    for name in ("thesis.txt", "0123456789abcdef/shard.npy", "decisions.jsonl"):
        (folder / name).write_bytes(b"years of work\n")
    return folder


@pytest.mark.parametrize("name", [".lock", "data", "checkpoints", "evaluation", "metrics.jsonl", "training.log"])
def test_a_link_in_a_run_folder_is_not_followed(name: str, folder: RunFolder, victim: Path) -> None:
    """`.lock` as a link emptied what it pointed to; two runs whose data lay on one disk removed each other's."""
    run_all(folder)
    place, before = folder.path / name, tree(victim)
    if place.is_dir():
        place.rename(folder.path.parent / "moved")
        place.symlink_to(victim, target_is_directory=True)
    else:
        place.unlink(missing_ok=True)
        place.symlink_to(victim / "thesis.txt")
    with pytest.raises(ValueError, match=f"{name} is a symbolic link, expected that all of a run lies inside"):
        run_all(folder)
    assert tree(victim) == before


def test_a_lock_that_became_a_link_is_not_written(tmp_path: Path, victim: Path) -> None:
    (tmp_path / ".lock").symlink_to(victim / "thesis.txt")
    with pytest.raises(OSError), locked(tmp_path / ".lock"):
        pass
    assert (victim / "thesis.txt").read_bytes() == b"years of work\n"


def test_a_link_far_down_is_found_too(folder: RunFolder, victim: Path) -> None:
    run_all(folder)
    (folder.checkpoints / "train").mkdir(exist_ok=True)
    (folder.checkpoints / "train" / "0123456789abcdef").symlink_to(victim, target_is_directory=True)
    with pytest.raises(ValueError, match="checkpoints/train/0123456789abcdef is a symbolic link"):
        run_all(folder)


@pytest.mark.parametrize("path", ["../victim/thesis.txt", "/etc/hostname", "evaluation/../../victim/thesis.txt", ""])
def test_an_output_outside_of_the_folder_is_no_output(path: str, folder: RunFolder, victim: Path) -> None:
    """Outputs of an earlier start are removed when they do not come again: `../x` removed a file of somebody else."""
    run_all(folder)
    record = json.loads(folder.record_file.read_text(encoding="utf-8"))
    record["stages"]["evaluate"]["outputs"].append({"path": path, "size_bytes": 1, "sha256": None})
    record["stages"]["evaluate"]["status"] = "outdated"
    folder.record_file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.json.*path: got '.*', expected a file inside of the run folder"):
        run_all(folder)
    assert (victim / "thesis.txt").is_file()


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a project with a config.toml": lambda path: (path / "config.toml").write_text("title = 'my site'\n"),
    "a folder of data": lambda path: ((path / "data").mkdir(), (path / "data" / "my.csv").write_text("1,2\n")),
    "a file named data": lambda path: (path / "data").write_text("1,2\n"),
    "temporary files": lambda path: (path / ".thesis-1.tex.tmp").write_text("not yet saved\n"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_something_else_is_not_taken(make: Callable[[Path], object], folder: RunFolder) -> None:
    """With --resume a folder was taken for a run as soon as it held any config.toml, or folders named as ours."""
    folder.path.mkdir()
    make(folder.path)
    before = tree(folder.path)
    with pytest.raises(ValueError, match="is not empty and holds no run"):
        run_all(folder)
    assert tree(folder.path) == before


def test_what_a_run_leaves_that_was_killed_before_its_first_record_is_taken_up(folder: RunFolder) -> None:
    folder.create()
    folder.lock_file.write_text("process 1\n", encoding="utf-8")
    assert run_all(folder).process.status == "finished"


def test_results_of_something_else_never_land_in_a_run(finished: RunFolder, tmp_path: Path) -> None:
    """`watch --out RUN/evaluation` replaced the decisions that the figures of the run rest on."""
    before = tree(finished.path)
    (tmp_path / "det.txt").write_text("".join(f"{k},-1,10,10,20,20,0.9\n" for k in range(1, 9)), encoding="utf-8")
    found = read_detection_files(tmp_path / "det.txt")
    gate = perdure.load("detections", image_size=(100, 100))
    for out in (finished.evaluation, finished.path, finished.path / "new"):
        with pytest.raises(ValueError, match=f"out_dir: .* lies in the run folder {finished.path}; choose a place"):
            confirm(found, gate, out_dir=out)
    (tmp_path / "pictures").mkdir()
    for k in range(3):
        Image.new("RGB", (100, 100)).save(tmp_path / "pictures" / f"{k}.png")
    with pytest.raises(ValueError, match="lies in the run folder"):
        watch(tmp_path / "pictures", gate, out_dir=finished.evaluation)
    assert tree(finished.path) == before
    assert read_record(finished) is not None
    require_outside_runs(tmp_path / "elsewhere")


@pytest.mark.slow
def test_every_command_that_writes_where_it_is_told_says_so_in_a_line(finished: RunFolder, perdure: Command) -> None:
    inside = finished.path / "evaluation" / "evaluation_metrics.json"
    for words in (
        ("adapt", "recorded", "--out", inside.with_suffix(".safetensors")),
        ("calibrate", "detections", "--data", "site", "--out", inside),
        ("bench", "guarantee", "--draws", "1", "--json", inside),
        ("data", "generate", finished.data),
    ):
        done = perdure(*words)
        assert (done.returncode, "lies in the run folder" in done.stderr.replace("\n", " ")) == (2, True), done.stderr
    assert not inside.exists() or read_json(inside) is not None


def test_links_in_a_folder_for_results_are_replaced_and_not_followed(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "det.txt").write_text("".join(f"{k},-1,10,10,20,20,0.9\n" for k in range(1, 9)), encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("decisions.jsonl", "tracks.csv", "confirmed.txt", "summary.json"):
        (out / name).symlink_to(victim / "thesis.txt")
    gate = perdure.load("detections", image_size=(100, 100))
    confirm(read_detection_files(tmp_path / "det.txt"), gate, out_dir=out)
    assert (victim / "thesis.txt").read_bytes() == b"years of work\n"
    assert not any(path.is_symlink() for path in out.iterdir())
