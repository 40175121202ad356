"""Whoever changes what a stage reads or writes is reminded to raise its version."""

from __future__ import annotations

import json
from pathlib import Path

from perdure.cli.program import GROUPS
from perdure.recipes.frontier import frontier_stages
from perdure.recipes.recipes import recipe
from perdure.recipes.stages import run_stages
from perdure.runs.stage import Stage

GOLDEN = Path(__file__).with_name("stages.json")
"""Remake it with `python tests/recipes/test_stages.py`."""


def promises() -> dict[str, dict[str, object]]:
    """Returns the version of every stage and what it promises, by table and name."""
    tables = {
        "clips": run_stages(recipe("tiny")),
        "frontier": frontier_stages(recipe("tiny")),
        "tracks": run_stages(recipe("streets")),
    }

    def of(stage: Stage) -> dict[str, object]:
        return {"version": stage.version, "settings": list(stage.settings), "outputs": list(stage.outputs)}

    return {f"{table} {stage.name}": of(stage) for table, stages in tables.items() for stage in stages}


def test_a_stage_that_promises_something_else_has_another_version() -> None:
    """A stage runs again where its version is another one; nothing else tells a run that code has changed."""
    known, now = json.loads(GOLDEN.read_text(encoding="utf-8")), promises()
    for name, stage in now.items():
        if name in known and known[name] != stage:
            assert stage["version"] != known[name]["version"], f"{name}: raise its version, and remake {GOLDEN.name}"
    assert known == now, f"remake {GOLDEN}: python tests/recipes/test_stages.py"


def test_every_verb_has_a_stage_in_runs_on_clips_and_in_runs_on_tracks() -> None:
    verbs = {command.words for command in GROUPS["Make a run"]} - {"run"}
    for name in ("tiny", "streets"):
        assert verbs <= {stage.name for stage in run_stages(recipe(name))}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(promises(), indent=1) + "\n", encoding="utf-8")
