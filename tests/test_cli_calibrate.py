"""`perdure calibrate --data`: one command from labelled tracks to a file that `perdure watch` runs with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.mot_folder import write_sequence
from gate.small_model import small_model
from perdure.cli import main

WORDS = ("calibrate", "model.safetensors", "--data", "sites", "--horizon", "6", "--block-s", "0.01")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder with weights and a site of two sequences, in which commands run."""
    monkeypatch.chdir(tmp_path)
    small_model().save(tmp_path / "model.safetensors")
    for name in ("a", "b"):
        write_sequence(tmp_path / "sites" / name)
    return tmp_path


def test_bounds_of_a_site_and_a_video_watched_with_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {path.name: path.read_bytes() for path in folder.glob("model.*")}
    asked = ("--max-false-confirm", "0.5", "--max-miss", "0.5", "--delta", "0.9")
    assert main([*WORDS, *asked, "--on-timeout", "persistent", "--out", "site.json"]) == 0
    out = capsys.readouterr().out
    assert "done: site.json, 2 persistent and 2 transient tracks; false confirm <= 0.5 and miss <= 0.5" in out
    values = json.loads((folder / "site.json").read_text())
    assert values["is_guaranteed"] is ("NOT guaranteed" not in out)
    assert {path.name: path.read_bytes() for path in folder.glob("model.*")} == weights, "the weights have changed"
    sequence = folder / "sites" / "a"
    video = ("watch", str(sequence / "clip.mp4"), "--detections", str(sequence / "det" / "det.txt"))
    assert main([*video, "--weights", "model.safetensors", "--calibration", "site.json", "--out", "seen"]) == 0
    decisions = (folder / "seen" / "decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["age"] <= 6 for line in decisions] == [True, True]


def test_too_few_tracks_are_said_on_screen_and_in_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS]) == 0
    shown = capsys.readouterr()
    (line,) = [line for line in shown.out.splitlines() if "NOT guaranteed" in line]
    assert "M-of-N baseline" in line and "need at least 59 for max_false_confirm 0.05 at delta 0.05" in line
    values = json.loads((folder / "calibration-sites.json").read_text())
    assert (values["is_guaranteed"], values["lines"]) == (False, [line.strip()])
    assert main([*WORDS, "--out", "other.json", "--fallback", "error"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("streams")]
    assert line.startswith(
        "perdure calibrate: calibration: got 1 transient tracks from distinct clips, need at least 59"
    ), "two folders with the same ground truth are one unit"
    assert not (folder / "other.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--max-miss 0.1", "got --max-miss without --data SITE, expected both; the rates of a run itself are in its"),
        ("--data nowhere", "data: nowhere is no folder; give a MOT folder, a folder of them, or a data set"),
        ("--data sites --out model.json", "--out: model.json exists and is no calibration of a site; choose another"),
        ("--data sites --out none/a.json", "--out: the folder none does not exist; make it first"),
        ("--data sites --out sites", "--out: sites is a folder, expected a file"),
        ("--data sites --max-miss 2", "max_miss: got 2.0, expected above 0 and below 1, or None"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "model.safetensors", *words.split()]) == 2
    # That two folders hold the same ground truth is said before.
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("WARNING")]
    assert line.startswith(f"perdure calibrate: {message}")


def test_weights_that_read_detections_alone_are_calibrated_alike(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sequence = folder / "sites" / "a"
    found, known = (
        str(sequence / "det" / "det.txt"),
        ("--known-scores", str(folder / "sites" / "b" / "det" / "det.txt")),
    )
    for name in ("a", "b"):  # sizes are not read off the pictures here
        with (folder / "sites" / name / "seqinfo.ini").open("a", encoding="utf-8") as file:
            file.write("seqLength=30\nimWidth=96\nimHeight=64\n")
    words = ("calibrate", "detections", "--data", "sites", "--block-s", "0.01", *known)
    assert main([*words, "--max-false-confirm", "0.5", "--delta", "0.9", "--out", "site.json"]) == 0
    assert "done: site.json, 2 persistent and 2 transient tracks" in capsys.readouterr().out
    watched = ("watch", str(sequence / "clip.mp4"), "--detections", found, "--weights", "detections")
    assert main([*watched, "--calibration", "site.json", *known, "--out", "seen"]) == 0
    assert (folder / "seen" / "decisions.jsonl").read_text()
    capsys.readouterr()
    assert main([*watched, "--calibration", "site.json", "--out", "other"]) == 2
    assert "was made with other weights or known scores" in capsys.readouterr().err
    assert main([*words, "--device", "cuda"]) == 2
    assert "--device: got cuda, but these weights run on the CPU alone" in capsys.readouterr().err


def test_a_calibration_of_other_weights_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--out", "site.json"]) == 0
    small_model(seed=1).save(folder / "model.safetensors")
    capsys.readouterr()
    video = folder / "sites" / "a" / "clip.mp4"
    assert main(["watch", str(video), "--weights", "model.safetensors", "--calibration", "site.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("perdure watch: calibration: site.json was made with other weights")


def test_watch_shows_what_went_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--out", "site.json"]) == 0
    sequence = folder / "sites" / "a"
    found = sequence / "det" / "det.txt"
    found.write_text(found.read_text() + "3,-1,5,5,0,4,0.5,-1,-1,-1\n")
    capsys.readouterr()
    video = ("watch", str(sequence / "clip.mp4"), "--detections", str(found), "--calibration", "site.json")
    assert main([*video, "--weights", "model.safetensors"]) == 0
    assert "  problem: detections: 1 box(es) without area were left out\n" in capsys.readouterr().out
