"""The command line: exit codes 0, 1, 2, and one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import runs.fake_stages as fake
from perdure.cli import main
from perdure.cli.program import GROUPS
from perdure.files import read_json_lines, write_json, write_text
from perdure.recipes.recipes import RECIPES, recipe, stored_config
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.video.window import Window


@dataclass(frozen=True)
class Shown:
    """What a command has shown."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on the error output."""
        (line,) = self.err.splitlines()
        return line


Call = Callable[..., Shown]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Runs a command line with fake stages in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "perdure.recipes.stages", fake.module())

    def run(*words: str) -> Shown:
        capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        shown = capsys.readouterr()
        return Shown(code=code, out=shown.out, err=shown.err)

    yield run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sing", "perdure: got 'sing', expected one of run, "),
        ("--install-completion fish", "perdure --install-completion: shell: got 'fish', expected bash or zsh"),
        ("data", "perdure: got 'data', expected one of data generate, "),
        ("data sing", "perdure: got 'data sing', expected one of data generate, "),
        ("run --recipe huge", "perdure run: recipe: got 'huge', expected one of tiny, cpu, "),
        ("run --recipe", "perdure run: recipe: got '', expected one of tiny, cpu, "),
        ("run --config none.toml", "perdure run: config: none.toml does not exist"),
        ("run --config a.toml --recipe tiny", "perdure run: got --recipe and --config, expected one of them"),
        ("watch a.mp4 --segment soon", "perdure watch: --segment: got 'soon', expected a time of a second or more"),
        ("confirm d.txt --output o", "perdure confirm: Unrecognized options: --output, o; did you mean --out?"),
        ("watch a.mp4 --like two", "perdure watch: invalid choice 'two' for argument '--like'. Expected one of ("),
        (
            "run --data.num-tran 3",
            "perdure run: Unrecognized options: --data.num-tran, 3; did you mean --data.num-tr",
        ),
        ("run --data.num-train many", "perdure run: --data.num-train: invalid literal for int() with base 10: 'many'"),
        ("run --data.num-train -3", "perdure run: data.num_train: got -3, expected at least 0"),
        ("run --data.world.num-frames 4", "perdure run: data.world.horizon: got 16, expected below num_frames (4)"),
        (
            "run --operation.on-timeout maybe",
            "perdure run: invalid choice 'maybe' for argument '--operation.on-",
        ),
        ("run --device tpu", "perdure run: device: got 'tpu', expected cpu, cuda, cuda:N or mps"),
        ("run --data.num-calibration 9", "perdure run: data.num_calibration: got 9 clips, need at least 241 for calib"),
        ("run tiny", "perdure run: Unrecognized options: tiny"),
        ("remote", "perdure: got 'remote', expected one of remote run, "),
        ("remote run", "perdure remote run: host: got '', expected what follows 'ssh'"),
        ("remote run ec2:g5.xlarge", "perdure remote run: host: got 'ec2:g5.xlarge', expected what follows 'ssh'"),
        ("remote run -x", "perdure remote run: Unrecognized options: -x"),
        ("remote run box", "perdure remote run: /"),
        ("remote status", "perdure remote status: Missing from perdure remote status: "),
        (
            "remote status box",
            "perdure remote status: host box: has none that was started here; say which run is meant",
        ),
        ("remote attach box --name a/b", "perdure remote attach: name: got 'a/b', expected letters"),
        ("run --push", "perdure run: got --push without --branch NAME, expected both"),
        ("run --branch results", "perdure run: /"),
        ("train none", "perdure train: run folder none: does not exist; make one with 'perdure run --out DIR'"),
        ("train", "perdure train: run folder runs/latest: does not exist"),
        ("status none", "perdure status: run folder none: does not exist"),
        ("check none", "perdure check: run folder none: does not exist"),
        ("explain none", "perdure explain: run folder none: does not exist"),
        ("data show none", "perdure data show: data set: none holds no manifest.json"),
        ("watch", "perdure watch: Missing from perdure watch: "),
        ("watch a.mp4 --detector yolo", "perdure watch: detector: got 'yolo', expected FILE.onnx or module:function"),
        (
            "watch a.mp4 --detector yolo.onnx",
            "perdure watch: detector: yolo.onnx is no file; expected a network in ONNX",
        ),
        (
            "watch a.mp4 --tiles 2",
            "perdure watch: --detector-min-score, --detector-classes and --tiles are for --detector",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(call: Call, words: str, message: str) -> None:
    shown = call(*words.split())
    assert shown.code == 2
    assert shown.line.startswith(message)
    assert not list(Path().iterdir()), "and nothing is written"


@pytest.mark.parametrize("words", ["watch none.mp4", "demo"])
def test_a_window_without_a_display_is_one_line_and_exit_2(
    call: Call, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Said before weights or video are opened, and nothing is written."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    shown = call(*words.split(), "--show")
    assert shown.code == 2
    assert shown.line.startswith(f"perdure {words.split()[0]}: show: got no display")
    assert not list(Path().iterdir())


@pytest.mark.integration
def test_the_demo_in_a_window_that_is_closed_after_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    class FakeWindow(Window):
        def __init__(self) -> None:
            """Opens nothing."""

        def show(self, frame: object) -> None:
            events.append("show")

        def is_ended(self) -> bool:
            return len(events) == 5

        def close(self) -> None:
            events.append("close")

    monkeypatch.setattr("perdure.video.window.open_window", lambda title: FakeWindow())
    shown = call("demo", "--show", "--out", "seen")
    assert shown.code == 0 and events == ["show"] * 5 + ["close"]
    assert re.search(r"^  latency_ms: median \d+\.\d, p95 \d+\.\d, p99 \d+\.\d, max \d+\.\d ", shown.out, re.MULTILINE)
    assert "problem: interrupted after frame" in shown.out
    assert {"annotated.mp4", "tracks.csv", "summary.json"} <= {path.name for path in Path("seen").iterdir()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe = 'huge'", "run.toml: recipe: got 'huge', expected one of tiny, cpu, "),
        ("recipe = ['tiny']", "run.toml: recipe: got ['tiny'], expected one of tiny, cpu, "),
        ("[data]\nnum_tran = 3", "run.toml: got unknown key 'data.num_tran', expected one of world, num_train"),
        ("[data]\nnum_train = '3'", "run.toml: data.num_train: got '3', expected int"),
        ("data = 3", "run.toml: data: got 3, expected a section"),
        ("[data", "config: run.toml is not TOML (Expected ']' at the end of a table declaration"),
        ("[training]\nnum_steps = 0", "run.toml: training.num_steps: got 0, expected at least 1"),
    ],
)
def test_mistakes_in_a_file_are_named_with_their_place(call: Call, text: str, message: str) -> None:
    Path("run.toml").write_text(text, encoding="utf-8")
    shown = call("run", "--config", "run.toml")
    assert (shown.code, [path.name for path in Path().iterdir()]) == (2, ["run.toml"])
    assert shown.line.startswith(f"perdure run: {message}")


def test_a_file_changes_its_recipe_and_flags_change_both(call: Call) -> None:
    text = "recipe = 'tiny'\nseed = 7\n[data.world]\nnum_frames = 40\n[training]\nlog_steps = 3\n"
    Path("mine.toml").write_text(text, encoding="utf-8")
    assert call("run", "--config", "mine.toml", "--seed", "8").code == 0
    tiny = recipe("tiny")
    data = replace(tiny.data, world=replace(tiny.data.world, num_frames=40))
    expected = replace(tiny, seed=8, data=data, training=replace(tiny.training, log_steps=3))
    assert stored_config(RunFolder(Path("runs/mine"))) == expected


def test_a_run_goes_to_the_folder_of_its_recipe_and_a_second_one_does_nothing(call: Call) -> None:
    first = call("run", "--recipe", "tiny")
    assert first.code == 0
    assert "finished" in first.out and "PASS  accuracy" in first.out
    assert re.search(r"\[2/3\] train +6/6 +100 %", first.err)
    folder = RunFolder(Path("runs/tiny"))
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.suffix in (".txt", ".json")}
    second = call("run", "--recipe", "tiny")
    assert (second.code, second.err) == (0, "nothing has changed since the last run\n")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    record = read_record(folder)
    assert record is not None and record.command == "perdure run --recipe tiny"


def test_other_settings_need_resume(call: Call) -> None:
    call("run", "--recipe", "tiny", "--out", "mine")
    refused = call("run", "--recipe", "tiny", "--out", "mine", "--seed", "3")
    assert refused.code == 2
    assert refused.line.startswith("perdure run: run folder mine: holds a run with other settings (seed: 0 -> 3); ")
    assert call("run", "--recipe", "tiny", "--out", "mine", "--seed", "3", "--resume").code == 0
    again = call("run", "--resume", "--out", "mine")
    assert (again.code, again.err) == (0, "nothing has changed since the last run\n"), "its own settings, seed 3"
    record = read_record(RunFolder(Path("mine")))
    assert record is not None and record.command == "perdure run --recipe tiny --out mine --seed 3"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("wach", "watch"),
        ("remote stat", "remote status"),
        ("remotes status", "remote status"),
        ("data gen", "data generate"),
        ("sing", None),
    ],
)
def test_a_mistyped_command_is_guessed(call: Call, words: str, meant: str | None) -> None:
    assert call(*words.split()).line.partition("; did you mean ")[2] == (f"{meant}?" if meant else "")


def test_help_of_run_names_every_recipe(call: Call) -> None:
    """It named five of seven: the list was written by hand."""
    shown = call("run", "--help").out
    assert [name for name in RECIPES if f"Recipe {name}: " not in shown] == []


def test_a_stage_that_the_run_does_not_have_is_named(call: Call) -> None:
    """Nothing ran, and it ended with exit code 0 and 'nothing has changed'."""
    call("run", "--recipe", "tiny")
    for verb in ("visualize", "calibrate"):
        shown = call(verb, "runs/tiny")
        assert shown.code == 2
        assert shown.line == (
            f"perdure {verb}: run folder runs/tiny: has no stage '{verb}', expected one of data, train, evaluate"
        )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_shell_completes_commands_and_options(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_COMPLETION_USER_DIR", "complete")
    assert call("--install-completion", "bash").code == 0

    def offered(*words: str) -> list[str]:
        script = 'source complete/completions/perdure; COMP_WORDS=(perdure "$@"); COMP_CWORD=$#; _tyro_perdure'
        line = ["bash", "-c", f"{script}; printf '%s\\n' \"${{COMPREPLY[@]}}\"", "bash", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()

    assert offered("wa") == ["watch"]
    assert offered("remote", "st") == ["status", "stop"]
    assert set(offered("run", "--data.num-t")) == {"--data.num-train", "--data.num-test"}
    for group in GROUPS.values():
        for command in group:
            *before, last = command.words.split()
            assert last in offered(*before, last[:-1]), command.words


def test_one_stage_can_be_run_alone(call: Call) -> None:
    call("run", "--recipe", "tiny")
    shown = call("train")
    assert shown.code == 0
    assert "not every stage of runs/tiny has run; to be run again: evaluate" in shown.out
    assert "accuracy" not in shown.out, "the evaluation is that of the earlier model"
    assert call("check").line.startswith("perdure check: run folder runs/tiny: its evaluation is outdated; run '")
    assert call("evaluate", "runs/tiny").code == 0
    assert call("check").code == 0


def test_check_alone_turns_a_missed_target_into_1(call: Call) -> None:
    call("run", "--recipe", "tiny")
    assert call("check", "runs/tiny").code == 0
    folder = RunFolder(Path("runs/tiny"))
    target = {"name": "accuracy", "target": "> 0.80", "value": None, "met": False}
    write_json(folder.evaluation_metrics, {"targets": [target]})
    shown = call("check", "runs/tiny")
    assert shown.code == 1
    assert "FAIL  accuracy  not measured  asked > 0.80" in shown.out
    assert "1 of 1 target is MISSED: accuracy" in shown.out
    write_json(folder.evaluation_metrics, {"targets": []})
    assert call("check", "runs/tiny").code == 1, "no target is no success"
    write_text(folder.evaluation_metrics, "{")
    assert call("check", "runs/tiny").code == 2


def test_a_run_that_misses_a_target_says_so_loudly_and_ends_with_0(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "NUM_STEPS", 1)
    shown = call("run", "--recipe", "tiny")
    assert shown.code == 0
    assert "1 of 1 target is MISSED: accuracy" in shown.out
    assert "FAIL  accuracy" in Path("runs/tiny/PIPELINE_COMPLETE.txt").read_text(encoding="utf-8")


def fail(context: object) -> None:
    raise KeyError("weights")


def test_failed_work_is_one_line_and_exit_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = (fake.DATA, replace(fake.TRAIN, run=fail))
    monkeypatch.setitem(sys.modules, "perdure.recipes.stages", fake.module(stages))
    shown = call("run", "--recipe", "tiny")
    assert shown.code == 1
    assert shown.err.splitlines()[-1] == (
        "perdure run: train failed: KeyError: 'weights'; details in runs/tiny/training.log; "
        "continue with: perdure run --resume --out runs/tiny"
    )
    assert "Traceback" not in shown.err
    assert "failed" in call("status").out
    assert "Traceback" in call("run", "--recipe", "tiny", "--debug").err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_every_command_ends_on_a_signal_as_on_ctrl_c(call: Call, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Only `watch` did; the others died without a word, in the middle of what they wrote."""

    def work(arguments: object) -> dict[str, object]:
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(30)
        return {}

    before = signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        monkeypatch.setattr("perdure.cli.confirm_command._confirmed", work)
        shown = call("confirm", "det.txt")
        assert (shown.code, shown.line) == (1, "perdure confirm: interrupted")
        assert signal.getsignal(getattr(signal, name)) == signal.SIG_DFL, "and the caller's own answer is back"
    finally:
        signal.signal(getattr(signal, name), before)


def test_status_and_runs_tell_what_there_is(call: Call) -> None:
    assert "there is no run in runs" in call("runs").out
    call("run", "--recipe", "tiny")
    call("run", "--recipe", "tiny", "--out", "runs/other")
    write_text("runs/other/run.json", json.dumps({"format_version": 99}))
    lines = call("runs").out.splitlines()
    assert lines[0].split() == ["run", "recipe", "state", "work", "targets", "started"]
    assert [line.split()[0] for line in lines[1:]] == ["other", "tiny"]
    assert "unreadable" in lines[1] and "has format version 99, expected 1" in lines[1]
    assert "finished" in lines[2] and "1 of 1 met" in lines[2]
    shown = call("status", "runs/tiny")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("runs/tiny: finished (every stage ran, ")
    assert "what to do: read runs/tiny/FINAL_REPORT.html" in shown.out


@pytest.mark.parametrize("name", [command.words for group in GROUPS.values() for command in group])
def test_every_command_says_what_it_reads_writes_and_costs(call: Call, name: str) -> None:
    shown = call(*name.split(), "--help")
    assert shown.code == 0 and shown.err == ""
    assert shown.out.startswith(f"usage: perdure {name}")
    for word in ("Reads:", "Writes:", "Costs:"):
        assert word in shown.out


def test_help_lists_every_command(call: Call) -> None:
    shown = call("--help")
    assert shown.code == 0
    for group in GROUPS.values():
        for command in group:
            assert f"  {command.words}  " in shown.out
    assert call("data", "--help").code == 0
    assert call().code == 2


def test_a_data_set_can_be_made_shown_and_audited(call: Call) -> None:
    flags = ["--recipe", "tiny", "--num-workers", "1", "--data.num-train", "12"]
    flags += [word for split in ("validation", "calibration", "test") for word in (f"--data.num-{split}", "1")]
    shown = call("data", "generate", "set", *flags)
    assert shown.code == 0
    assert "15 clips" in shown.out and "clips: 15/15" in shown.err
    shown = call("data", "show", "set", "--out", "sheets", "--num-clips", "1")
    assert re.search(r"train +12 ", shown.out)
    assert [path.suffix for path in Path("sheets").iterdir()] == [".png"]
    assert call("data", "generate", "set", *flags, "--seed", "5").line.startswith("perdure data generate: data set: ")


def test_rows_of_metrics_of_a_run_name_their_stage(call: Call) -> None:
    call("run", "--recipe", "tiny")
    rows = read_json_lines("runs/tiny/metrics.jsonl")
    assert {row["stage"] for row in rows} == {"train"}
    assert all("time" in row for row in rows)
