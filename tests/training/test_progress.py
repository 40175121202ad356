"""Progress of training never goes back: preparation in parts, then steps."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.training.progress import PreparedSteps


class Lines:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str]] = []
        self.rows: list[dict[str, Any]] = []

    def metrics(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def progress(self, done: int, total: int, detail: str) -> None:
        self.told.append((done, total, detail))


@pytest.mark.parametrize("num_steps", [3, 90, 1500])
@pytest.mark.parametrize("num_parts", [1, 2, 3])
def test_it_rises_from_part_to_part_and_on_to_the_last_step(num_steps: int, num_parts: int) -> None:
    lines = Lines()
    steps = PreparedSteps(lines, num_parts=num_parts, num_steps=num_steps)
    for part in range(num_parts):
        for done in range(0, 51, 10):
            steps.prepare(done, 50, f"part {part}")
    prepared = lines.told[-1][0]
    for step in range(1, num_steps + 1):
        steps.progress(step, num_steps, "step")
    counts, totals = [told[0] for told in lines.told], {told[1] for told in lines.told}
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert totals == {counts[-1]}
    assert prepared == counts[-1] - num_steps
    assert 0.02 < prepared / counts[-1] < 0.3
    assert lines.told[0][2] == "part 0"


def test_rows_are_passed_on() -> None:
    lines = Lines()
    PreparedSteps(lines, num_parts=1, num_steps=5).metrics({"loss": 1.0})
    assert lines.rows == [{"loss": 1.0}]
