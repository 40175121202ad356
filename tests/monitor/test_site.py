from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.stored_runs import stored_run
from perdure.cli.program import main
from perdure.monitor.site import MOST_READERS, Places, Remembered, Site


@pytest.mark.parametrize(
    ("words", "line"),
    [(["none"], "none: does not exist; make a run with 'perdure run --out none/NAME'"),
     (["--watch", "none"], "--watch: none does not exist, expected the folder of 'perdure watch SOURCE --page"),
     ([".", "--port", "70000"], "--port: got 70000, expected 0 to 65535"),
     ([".", "--host", "256.0.0.1"], "--host, --port: 256.0.0.1 port 8399 cannot be listened on")],
)  # fmt: skip
def test_wrong_input_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["monitor", *words]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"perdure monitor: {line}")
    assert errors.count("\n") == 1


def test_a_folder_lists_its_runs_and_a_run_is_shown_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        stored_run(tmp_path / name)
    (tmp_path / "no run").mkdir()
    (tmp_path / "latest").symlink_to("b")
    assert set(Site(Places(runs=tmp_path)).runs()) == {"a", "b"}
    assert set(Site(Places(runs=tmp_path / "latest")).runs()) == {"b"}


def test_a_run_that_starts_later_is_listed(tmp_path: Path) -> None:
    site = Site(Places(runs=tmp_path))
    assert site.summaries() == []
    stored_run(tmp_path / "a")
    site._remembered = Remembered(clock=lambda: 1e9)
    assert [summary["name"] for summary in site.summaries()] == ["a"]


def test_fifty_who_ask_at_once_cost_as_much_as_one() -> None:
    now, made = [0.0], []
    remembered = Remembered(clock=lambda: now[0])
    for now[0] in (0.0, 0.5, 1.0, 1.6, 1.7):
        remembered.get("key", lambda: made.append(now[0]))
    assert made == [0.0, 1.6]


def test_readers_of_runs_that_nobody_looks_at_are_dropped(tmp_path: Path) -> None:
    for index in range(MOST_READERS + 3):
        (tmp_path / str(index)).mkdir()
        (tmp_path / str(index) / "config.toml").touch()
        os.utime(tmp_path / str(index) / "config.toml", (index, index))
    site = Site(Places(runs=tmp_path))
    first = site.reader("0")
    for index in range(MOST_READERS + 3):
        site.reader(str(index))
    assert site.reader("0") is not first
    assert site.reader("none") is None
