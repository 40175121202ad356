"""Progress: a line a milestone, an honest estimate of the time left, signs of life with every report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import runs.fake_stages as fake
from perdure.recipes.recipes import recipe
from perdure.runs.display import Display, ProgressState
from perdure.runs.heartbeat import Activity
from perdure.runs.plan import PlannedStage, plan_stages
from perdure.runs.progress import MetricsLog, Progress
from perdure.runs.run_folder import RunFolder


class Shown(Display):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.states: list[ProgressState] = []

    def progress(self, state: ProgressState) -> None:
        self.states.append(state)


class Desk:
    """Progress of the fake stages (10, 30 and 10 s) on a clock that stands still until it is set."""

    def __init__(self, root: Path) -> None:
        self.now = 0.0
        stages = [replace(stage, weight=10 * weight) for stage, weight in zip(fake.STAGES, (1, 3, 1), strict=True)]
        self.planned = plan_stages(stages, recipe("tiny"), run=RunFolder(root), record=None)
        self.activity, self.shown, self.file = Activity(clock=lambda: self.now), Shown(), root / "PROGRESS.txt"
        self.progress = Progress(
            self.planned,
            file=self.file,
            metrics_log=MetricsLog(root / "metrics.jsonl"),
            activity=self.activity,
            display=self.shown,
            clock=lambda: self.now,
        )

    def stage(self, name: str) -> PlannedStage:
        return next(item for item in self.planned if item.stage.name == name)

    @property
    def lines(self) -> list[str]:
        return [line.partition("  ")[2] for line in self.file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_milestones_have_count_percent_share_and_time_left(desk: Desk) -> None:
    desk.progress.start(desk.stage("data"))
    for done in range(1, 101):
        desk.now = done / 10
        desk.progress.progress(done, 100, "clips")
    desk.progress.finish(desk.stage("data"), "done", 10.0)
    lines = desk.lines
    assert len(lines) == 11, "start, nine tenths, end"
    pattern = re.compile(r"\[1/3\] data +\d+/\d+ +\d+ %  run +\d+ %  ETA \S")
    assert all(pattern.match(line) for line in lines)
    assert lines[5] == "[1/3] data       50/100      50 %  run  10 %  ETA 45.0 s        clips"
    assert lines[-1] == "[1/3] data       100/100    100 %  run  20 %  ETA 40.0 s        done in 10.0 s"


def test_what_was_done_before_an_interruption_does_not_count_as_speed(desk: Desk) -> None:
    desk.progress.start(desk.stage("data"))
    desk.now = 10.0
    desk.progress.finish(desk.stage("data"), "done", 10.0)
    desk.progress.start(desk.stage("train"), is_continued=True)
    desk.progress.progress(50, 100)
    assert desk.shown.states[-1].eta_s == pytest.approx(15 + 10)
    desk.now = 13.0
    desk.progress.progress(60, 100)
    state = desk.shown.states[-1]
    assert state.run_share == pytest.approx((1 + 3 * 0.6) / 5)
    assert state.eta_s == pytest.approx(12 + 10)
    desk.now = 25.0
    desk.progress.finish(desk.stage("train"), "done", 15.0)
    desk.progress.start(desk.stage("evaluate"))
    desk.progress.progress(0, 2)
    assert desk.shown.states[-1].eta_s == pytest.approx(10), "nor in the stages after it"


def test_every_report_is_a_sign_of_life(desk: Desk) -> None:
    desk.progress.start(desk.stage("train"))
    desk.now = 5.0
    desk.progress.metrics({"step": 7, "loss": 0.5})
    assert desk.activity.last[:2] == ("train", "wrote metrics of step 7")
    desk.now = 9.0
    assert desk.activity.age_s == 4.0
    desk.progress.note("drawing")
    assert desk.activity.age_s == 0.0
    desk.progress.progress(3, 10, "loss 0.4")
    assert desk.activity.last[1] == "3/10 loss 0.4"


def test_a_stage_that_is_kept_adds_no_share(desk: Desk) -> None:
    desk.progress.finish(desk.stage("data"), "kept", 0.0)
    assert desk.lines[-1].endswith("kept, nothing has changed")
    assert "run   0 %" in desk.lines[-1]


def test_a_stage_of_nothing_is_whole(desk: Desk) -> None:
    desk.progress.start(desk.stage("data"))
    desk.progress.progress(0, 0)
    assert desk.shown.states[-1].run_share == pytest.approx(0.2)
