"""The time left follows from what was seen: the pace of the stage at work, the weights of those to come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import recipe
from perdure.recipes.stages import run_stages
from perdure.runs.progress import PRIOR_S, TimeLeft


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_said_before_anything_is_known() -> None:
    left = TimeLeft(Clock())
    assert left.seconds(5.0) is None
    left.start(2.0)
    assert left.seconds(5.0) is None


def test_what_a_stage_loads_first_is_no_pace() -> None:
    """Ten seconds to load torch and then a step a second were taken for eleven seconds a step."""
    clock = Clock()
    left = TimeLeft(clock)
    left.start(110.0)
    for step in range(1, 11):
        clock.now = 10.0 + step
        left.report(step / 100)
    assert left.seconds(0.0) == pytest.approx(90.0)
    assert left.seconds(220.0) == pytest.approx(90.0 + 2 * 110.0), "and later stages take what this one will in all"


def test_a_part_that_went_fast_is_no_pace_of_the_rest() -> None:
    """Cutting out tracks takes a moment, and was taken for the pace of the training steps after it."""
    clock = Clock()
    left = TimeLeft(clock)
    left.start(400.0)
    for share in range(1, 11):
        clock.now += 0.1 if share <= 5 else 4.0
        left.report(share / 100)
    assert left.seconds(0.0) == pytest.approx(4.0 * 90, rel=0.05)


@pytest.mark.parametrize("slowness", [0.5, 1.0, 3.0])
def test_a_machine_of_any_speed_is_learnt_within_a_stage(slowness: float) -> None:
    """A weight that is wrong by a factor counts for little from the middle of a stage on."""
    clock = Clock()
    left = TimeLeft(clock)
    left.start(100.0)
    for share in range(1, 51):
        clock.now += slowness
        left.report(share / 100)
    assert left.seconds(0.0) == pytest.approx(50 * slowness, rel=0.25)
    left.finish(100 * slowness)
    left.start(200.0)
    assert left.seconds(0.0) == pytest.approx(200 * slowness, rel=0.25)


def test_the_pace_of_a_tenth_is_not_trusted_alone() -> None:
    """A tenth that took three times as long as the rest will, on a machine that the weights fit."""
    clock = Clock()
    left = TimeLeft(clock)
    left.start(100.0)
    for share in range(1, 11):
        clock.now += 3.0
        left.report(share / 100)
    assert 70.0 < (left.seconds(0.0) or 0.0) < 0.75 * 270.0


def test_stages_to_come_are_judged_by_all_that_ran() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    left.start(100.0)
    left.finish(100.0 * 4 + PRIOR_S * 3)
    clock.now = 40.0
    left.start(5.0)
    assert left.seconds(3.0) == pytest.approx(4 * 8.0)
    clock.now = 55.0
    assert left.seconds(3.0) == pytest.approx(4 * 8.0 - 15.0)


def test_weights_follow_the_configuration() -> None:
    tiny, cpu = recipe("tiny"), recipe("cpu")
    longer = replace(cpu, training=replace(cpu.training, num_steps=2 * cpu.training.num_steps))

    def weights(config: RunConfig) -> dict[str, float]:
        return {stage.name: stage.weight for stage in run_stages(config)}

    assert weights(tiny)["data"] < weights(cpu)["data"] and weights(tiny)["proof"] == weights(cpu)["proof"]
    assert weights(replace(cpu, num_workers=8))["proof"] == weights(replace(cpu, num_workers=2))["proof"] / 4
    assert weights(longer)["train"] == pytest.approx(2 * weights(cpu)["train"], rel=0.05)
