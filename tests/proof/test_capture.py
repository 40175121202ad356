"""Proofs are captured from real runs, and only a failed assertion catches a fault."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import perdure.cli.proof_command as command
from perdure.bench.registry import RULES
from perdure.proof.check_run import CheckRun
from perdure.proof.execute import run_mutations
from perdure.proof.mutation import PACKAGE
from perdure.proof.mutations import MUTATIONS
from perdure.proof.record import ProofRecord
from perdure.proof.run import ProofError, prove, run_green, run_red
from perdure.proof.verify import stored_problems, verify
from perdure.runs.run_folder import RunFolder
from perdure.runs.stage import StageContext, Stopped
from proof.forged import NAMES, TREE, forged_run


def test_every_fault_fits_the_code_and_is_named_once() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 14
    for mutation in MUTATIONS:
        assert "\n" not in mutation.old + mutation.new and mutation.old != mutation.new
        compile(mutation.source(), mutation.name, "exec")


def test_every_metric_module_and_every_rule_has_a_fault() -> None:
    broken = {mutation.module for mutation in MUTATIONS}
    metrics = {f"metrics.{path.stem}" for path in (PACKAGE / "metrics").glob("[!_]*.py")}
    rules = {rule.__module__.removeprefix("perdure.") for rule in RULES.values()}
    assert metrics | rules | {"stopping.sequences", "calibration.exact"} <= broken


def test_a_fault_that_no_longer_fits_the_code_is_an_error() -> None:
    fault = replace(MUTATIONS[0], old="no such text")
    with pytest.raises(ValueError, match=r"got 0 places of 'no such text' in .*, expected 1; the code has changed"):
        fault.source()


def test_only_a_failed_assertion_counts_as_caught() -> None:
    """A fault without effect, and one that stops the checks from loading, are told from one that is caught."""
    script = (
        "import sys, json\n"
        "from perdure.proof.mutant import run_mutants\n"
        "from perdure.proof.mutation import Mutation\n"
        "place = 'metrics.image', 'PEAK = 255.0'\n"
        "faults = [Mutation(new, *place, new, '') for new in ('PEAK = 25.5e1', 'PEAK = nothing', 'PEAK = 254.0')]\n"
        "print(json.dumps(list(run_mutants(faults, num_processes=1))))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, env=_env())
    none, unloadable, caught = (
        CheckRun(name=row["name"], exit_code=row["exit_code"], output=row["output"], fault={"what": "x"})
        for row in json.loads(done.stdout)
    )
    assert (none.exit_code, none.failed, none.is_caught) == (0, [], False)
    assert len(none.outcomes) == len(NAMES) and none.contradictions() == []
    assert not unloadable.is_caught and unloadable.exit_code and not unloadable.failed
    assert caught.is_caught and caught.verdict == f"caught by 2 of {len(NAMES)} checks"
    assert caught.failed == [f"figure_checks.ImageChecks.{name}" for name in ("test_psnr", "test_psnr_pools_pixels")]


def _env() -> dict[str, str]:
    return {"PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1"}


def test_checks_load_neither_torch_nor_a_test_tool() -> None:
    script = (
        "import sys, perdure.proof.checks\n"
        "print([name for name in ('torch', 'cv2', 'pytest', 'hypothesis', 'beartype') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.strip() == "[]"


def test_green_records_output_versions_and_source(tmp_path: Path) -> None:
    result = run_green(tmp_path)
    assert result.is_proven and result.path == tmp_path / "artifacts" / "tdd_evaluation_green.txt"
    record = ProofRecord.from_text(result.path.read_text(encoding="utf-8"))
    assert record == result.record and record.checks == NAMES
    assert record.tree == TREE and record.runs[0].exit_code == 0
    assert record.header["command"].endswith("-m unittest -v perdure.proof.checks")
    assert "Ran " in record.runs[0].output and str(PACKAGE.parent) not in result.path.read_text(encoding="utf-8")


def test_red_runs_each_fault_in_its_place_and_reports_progress() -> None:
    faults = [mutation for mutation in MUTATIONS if mutation.name in ("savings_inverted", "ages_from_0")]
    seen: list[tuple[int, int]] = []
    runs = run_mutations(faults, num_processes=2, on_progress=lambda done, total: seen.append((done, total)))
    assert [run.name for run in runs] == [mutation.name for mutation in faults]
    assert all(run.is_caught and run.exit_code == 1 and run.contradictions() == [] for run in runs)
    assert "decision_checks.DecisionChecks.test_savings" in runs[0].failed
    assert "sequence_checks.RunRuleChecks.test_decision_frames" in runs[1].failed
    assert seen == [(1, 2), (2, 2)]


def test_red_stops_when_it_is_asked_to() -> None:
    def stop(done: int, total: int) -> None:
        raise Stopped("stopped on request")

    with pytest.raises(Stopped):
        run_mutations(MUTATIONS[:4], num_processes=1, on_progress=stop)


def test_a_failing_green_is_recorded_but_proves_nothing(tmp_path: Path, rerun: SimpleNamespace) -> None:
    rerun.green = forged_run(**{NAMES[3]: "FAIL"})
    result = run_green(tmp_path)
    assert result.problems == (f"check {NAMES[3]}: FAIL", "exit code 1, expected 0")
    assert f"result: {len(NAMES) - 1} of {len(NAMES)} checks pass" in result.path.read_text(encoding="utf-8")


def test_a_fault_that_survives_and_a_check_that_never_fails_are_named(tmp_path: Path, rerun: SimpleNamespace) -> None:
    rerun.red = (forged_run(MUTATIONS[0].name), *rerun.red[1:])
    rerun.red = tuple(
        forged_run(run.name, **{NAMES[1]: "FAIL"}) if run.failed == [NAMES[2]] else run for run in rerun.red
    )
    result = run_red(tmp_path)
    assert f"mutation {MUTATIONS[0].name}: is not caught by any check" in result.problems
    assert f"check {NAMES[2]}: catches no mutation" in result.problems
    assert not result.is_proven and "verdict: NOT CAUGHT" in result.path.read_text(encoding="utf-8")


class FakeLog:
    """Keeps what a stage reports."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: list[int] = []

    def metrics(self, row: dict[str, Any]) -> None:
        raise NotImplementedError

    def progress(self, done: int, total: int, detail: str = "") -> None:
        self.done.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[StageContext]:
    """What the stage gets, in an empty folder."""
    from perdure.recipes.recipes import recipe

    yield StageContext(
        config=recipe("tiny"), run=RunFolder(tmp_path), log=FakeLog(), should_stop=lambda: False, work=tmp_path,
        fingerprints={}, num_workers=2,
    )  # fmt: skip


def test_the_stage_captures_both_once(context: StageContext, rerun: SimpleNamespace) -> None:
    prove(context)
    assert stored_problems(context.run.path) == [] and rerun.num_red == 1
    prove(context)
    assert rerun.num_red == 1
    assert cast(FakeLog, context.log).notes == ["proof: RED and GREEN of this source are there already"]


def test_the_stage_fails_where_nothing_is_proven(context: StageContext, rerun: SimpleNamespace) -> None:
    good = rerun.green
    rerun.green = forged_run(**{NAMES[0]: "FAIL"})
    with pytest.raises(ProofError, match=rf"^proof green: check {NAMES[0]}: FAIL and 1 more; see .*_green.txt$"):
        prove(context)
    assert rerun.num_red == 0
    rerun.green, rerun.red = good, (forged_run(MUTATIONS[0].name), *rerun.red[1:])
    with pytest.raises(ProofError, match=r"^proof red: mutation .* is not caught by any check"):
        prove(context)


def test_the_command_says_what_came_out(
    tmp_path: Path, rerun: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(tmp_path)]
    assert command.capture(words, "proof green") == 0
    assert f"GREEN: {len(NAMES)} of {len(NAMES)} checks pass" in capsys.readouterr().out
    assert command.check_proofs(words, "proof verify") == 1
    assert "does not exist; run 'perdure proof red" in capsys.readouterr().err
    assert command.capture(words, "proof red") == 0
    assert command.check_proofs(words, "proof verify") == 0
    assert "verified: " in capsys.readouterr().out
    rerun.green = forged_run(**{NAMES[0]: "FAIL"})
    assert command.capture(words, "proof refactor") == 1
    assert f"check {NAMES[0]}: FAIL" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="does not exist"):
        command.capture([str(tmp_path / "none")], "proof green")


@pytest.mark.slow
def test_every_fault_is_caught_and_every_check_catches_one(tmp_path: Path) -> None:
    assert run_green(tmp_path).is_proven
    result = run_red(tmp_path)
    assert result.problems == ()
    assert verify(tmp_path, is_quick=True) == []
