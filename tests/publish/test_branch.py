"""After every stage its results are a commit on a branch, and nothing of the user's own checkout has moved."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.publish.branch import RunBranch, headline
from perdure.publish.git import Git, GitError
from perdure.runs.preflight import NotReadyError
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from publish.repository import checkout_state, git, new_repository
from runs.conftest import Command, run_all

BRANCH = "early-persistence/magvit"
STAGES = ["data", "train", "evaluate"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a commit, staged, unstaged and new files, and a stash."""
    folder = new_repository(tmp_path / "user", monkeypatch)
    own = folder / "runs" / "run" / "run.json"
    own.parent.mkdir(parents=True)
    for text in ("an old result that they keep", "and have changed"):
        own.write_text(text, encoding="utf-8")
        if not git(folder, "ls-files", "runs"):
            git(folder, "add", "runs")
            git(folder, "commit", "--quiet", "--message", "results")
    (folder / "kept.txt").write_text("stashed", encoding="utf-8")
    git(folder, "stash")
    (folder / "kept.txt").write_text("changed", encoding="utf-8")
    (folder / "staged.txt").write_text("staged", encoding="utf-8")
    git(folder, "add", "staged.txt")
    (folder / "new.txt").write_text("new", encoding="utf-8")
    return folder


def run_on(branch: RunBranch, folder: RunFolder, **changes: object) -> None:
    run_all(folder, branch=branch, **changes)


def stages_on(repository: Path, name: str = BRANCH) -> list[str]:
    """Returns the stages of the commits of a branch, oldest first."""
    shown = git(repository, "log", "--reverse", "--format=%(trailers:key=Perdure-Stage,valueonly)", name)
    return [line.split()[1] for line in shown.splitlines() if line]


def test_every_stage_is_one_commit_and_the_checkout_is_as_it_was(repository: Path, folder: RunFolder) -> None:
    before = checkout_state(repository)
    run_on(RunBranch.open(repository, BRANCH), folder)
    assert checkout_state(repository) == before
    assert stages_on(repository) == STAGES
    assert git(repository, "rev-parse", f"{BRANCH}~3") == git(repository, "rev-parse", "HEAD"), "it starts at the code"
    assert int(git(repository, "rev-list", "--count", "HEAD.." + BRANCH)) == 3
    for number, stage in enumerate(STAGES):
        files = git(repository, "ls-tree", "-r", "--name-only", f"{BRANCH}~{2 - number}").splitlines()
        results = {name.removeprefix("runs/run/") for name in files if name.startswith("runs/run/")}
        assert {"config.toml", "run.json", "PROGRESS.txt"} <= results, stage
        assert ("evaluation/evaluation_metrics.json" in results) == ("PIPELINE_COMPLETE.txt" in results)
        assert ("PIPELINE_COMPLETE.txt" in results) == (stage == "evaluate")
        assert not [name for name in results if name.startswith(("data/", "checkpoints/")) or "safetensors" in name]
        assert "kept.txt" in files and "new.txt" not in files
    stored = git(repository, "show", f"{BRANCH}:runs/run/evaluation/evaluation_metrics.json")
    assert stored == folder.evaluation_metrics.read_text(encoding="utf-8").rstrip("\n")


def test_messages_hold_the_figures_and_the_code(repository: Path, folder: RunFolder) -> None:
    run_on(RunBranch.open(repository, BRANCH), folder)
    subjects = git(repository, "log", "--format=%s", "-3", BRANCH).splitlines()
    assert subjects == ["run: evaluate (3)", "run: train (2), step 5, loss 0.00033", "run: data (1)"]
    code = git(repository, "log", "-1", "--format=%(trailers:key=Perdure-Code,valueonly)", BRANCH).strip()
    assert code == f"{git(repository, 'rev-parse', 'HEAD')} with uncommitted changes"
    metrics = {"accuracy": 0.99123, "false_confirm_rate": 0.0081, "mean_decision_frame": 3.234}
    folder.evaluation_metrics.write_text(str(metrics).replace("'", '"'), encoding="utf-8")
    record = read_record(folder)
    assert record is not None
    assert headline(folder, record, "evaluate") == "accuracy 0.991, FA 0.0081, frame 3.23"


def test_nothing_is_committed_twice_and_nothing_is_forgotten(repository: Path, folder: RunFolder) -> None:
    """A process killed between a stage and its commit leaves the commit to the next one."""
    branch = RunBranch.open(repository, BRANCH)
    run_all(folder)
    run_on(branch, folder)
    assert stages_on(repository) == STAGES
    run_on(branch, folder)
    assert stages_on(repository) == STAGES
    (folder.path / "final_model.safetensors").unlink()
    run_on(branch, folder)
    assert stages_on(repository) == [*STAGES, "train", "evaluate"]


@pytest.mark.slow
@pytest.mark.parametrize("hit", ["KILL train 3", "KILL evaluate"])
def test_killed_and_run_again_there_is_one_commit_a_stage(
    perdure: Command, repository: Path, tmp_path: Path, hit: str
) -> None:
    words = ("run", "--recipe", "tiny", "--out", tmp_path / "run", "--branch", BRANCH)
    inside = f"import os; os.chdir({str(repository)!r})"
    assert perdure(*words, hit=hit, setup=inside).returncode == -9
    again = perdure(*words, "--resume", setup=inside)
    assert again.returncode == 0, again.stderr
    assert stages_on(repository) == STAGES


def test_a_stage_that_is_no_longer_valid_takes_its_files_with_it(repository: Path, folder: RunFolder) -> None:
    branch = RunBranch.open(repository, BRANCH)
    run_on(branch, folder)
    (folder.path / "final_model.safetensors").unlink()
    run_on(branch, folder)
    files = git(repository, "ls-tree", "-r", "--name-only", f"{BRANCH}~1")
    assert "runs/run/run.json" in files and "evaluation_metrics" not in files


def test_two_runs_share_a_branch_and_lose_nothing(repository: Path, tmp_path: Path) -> None:
    """The other run commits between our look at the branch and our commit."""
    branch, folders = RunBranch.open(repository, BRANCH), [RunFolder(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        run_all(folder)

    class Slow(Git):
        is_first = True

        def __call__(self, *words: str | Path, given: str | None = None, timeout_s: float = 60.0) -> str:
            if words[0] == "commit-tree" and Slow.is_first:
                Slow.is_first = False
                record = read_record(folders[1])
                assert record is not None
                branch.keep(folders[1], record)
            return super().__call__(*words, given=given, timeout_s=timeout_s)

    record = read_record(folders[0])
    assert record is not None
    replace(branch, git=Slow(repository)).keep(folders[0], record)
    assert sorted(stages_on(repository)) == sorted(STAGES * 2)
    files = git(repository, "ls-tree", "-r", "--name-only", BRANCH)
    assert "runs/one/PIPELINE_COMPLETE.txt" in files and "runs/two/PIPELINE_COMPLETE.txt" in files


def test_detached_head_no_commit_and_no_identity_are_fine(
    repository: Path, folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    run_on(RunBranch.open(repository, BRANCH), folder)
    assert stages_on(repository) == STAGES
    for name in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{part}")
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    git(empty, "config", "user.useConfigOnly", "true")
    run_on(RunBranch.open(empty, BRANCH), folder)
    assert stages_on(empty) == STAGES
    assert git(empty, "log", "-1", "--format=%an <%ae>", BRANCH) == "perdure <perdure@localhost>"
    assert "runs/run/run.json" in git(empty, "ls-tree", "-r", "--name-only", BRANCH)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("-x", "expected the name of a branch"),
        ("a..b", "expected the name of a branch"),
        ("", "expected the name of a branch"),
        ("main", "which is checked out in "),
        ("main/more", "git cannot have it beside the branch 'main'"),
        ("there", "git cannot have it beside the branch 'there/already'"),
    ],
)
def test_a_branch_that_cannot_be_is_refused(repository: Path, name: str, message: str) -> None:
    git(repository, "branch", "there/already")
    with pytest.raises(ValueError, match=f"--branch: got '{name}'.*{message}"):
        RunBranch.open(repository, name)


def test_no_repository_is_the_users_mistake_and_no_git_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="lies in no git repository; run from a checkout"):
        RunBranch.open(tmp_path, BRANCH)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git: is not installed"):
        RunBranch.open(tmp_path, BRANCH)


def test_a_checkout_of_another_owner_is_refused_with_the_remedy_that_git_gives(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to be no repository, as happens in containers whose checkout is mounted from outside."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(
        GitError, match=r"detected dubious ownership in .*; to add an .* git config --global --add safe"
    ):
        RunBranch.open(repository, BRANCH)


def test_a_repository_that_breaks_meanwhile_does_not_harm_the_run(
    repository: Path, folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    branch = RunBranch.open(repository, BRANCH)
    lock = repository / ".git" / "refs" / "heads" / f"{BRANCH}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with caplog.at_level(logging.WARNING):
        run_on(branch, folder)
    assert folder.complete_file.is_file()
    assert "nothing could be committed now (branch early-persistence/magvit: is changed by others" in caplog.text
    lock.unlink()
    run_on(branch, folder)
    assert stages_on(repository) == STAGES


def test_it_is_pushed_after_every_commit(repository: Path, folder: RunFolder, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "there.git")
    git(repository, "remote", "add", "origin", str(tmp_path / "there.git"))
    run_on(RunBranch.open(repository, BRANCH, is_pushed=True), folder)
    assert git(tmp_path / "there.git", "rev-parse", BRANCH) == git(repository, "rev-parse", BRANCH)


def test_a_dead_target_is_refused_before_and_survived_later(
    repository: Path, folder: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="--push: got none, expected a remote 'origin'"):
        RunBranch.open(repository, BRANCH, is_pushed=True)
    there = tmp_path / "there.git"
    git(repository, "remote", "add", "origin", str(there))
    with pytest.raises(NotReadyError, match=f"--push: 'origin' does not take branch {BRANCH} "):
        RunBranch.open(repository, BRANCH, is_pushed=True)
    git(tmp_path, "init", "--quiet", "--bare", "there.git")
    branch = RunBranch.open(repository, BRANCH, is_pushed=True)
    there.rename(tmp_path / "gone.git")
    with caplog.at_level(logging.WARNING):
        run_on(branch, folder)
    assert folder.complete_file.is_file() and stages_on(repository) == STAGES
    assert f"push of {BRANCH} to origin failed" in caplog.text


def test_variables_of_a_hook_do_not_lead_elsewhere(
    repository: Path, folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "foreign"
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    monkeypatch.setenv("GIT_DIR", os.devnull)
    run_on(RunBranch.open(repository, BRANCH), folder)
    monkeypatch.delenv("GIT_DIR")
    assert stages_on(repository) == STAGES and not index.exists()


def test_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GitError, match="git status: no answer within 0 s"):
        Git(repository)("status", timeout_s=0.2)
