"""The program git in one repository: no prompt, no hook of ours, and never the user's index."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

TIMEOUT_S = 120.0
"""Far beyond what a local command takes; a hanging network file system must not hang a run for ever."""
_OF_CALLER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
"""Set where perdure is started by a hook; they would point git at another repository or index."""


class GitError(RuntimeError):
    """A git command has failed; the text is its last line of error output."""


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git commands in a folder of a repository.

    Args:
        folder: where they run.
        variables: environment variables beside those of this process.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *words: str | Path, given: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """Returns the output of a command without the line break at its end.

        Args:
            words: the command line after `git`.
            given: text for its standard input; nothing by default.
            timeout_s: seconds after which it is ended.

        Raises:
            GitError: it failed, took too long, or git is not installed.
        """
        command = ["git", *map(str, words)]
        try:
            done = subprocess.run(  # noqa: S603 - a program of the user's own path, arguments as a list
                command,
                cwd=self.folder,
                env=self.environment(),
                input=given if given is not None else "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise GitError("git: is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {words[0]}: no answer within {timeout_s:.0f} s") from error
        if done.returncode:
            reason = _reason(done.stderr) or f"exit code {done.returncode}"
            raise GitError(f"git {words[0]}: {reason.removeprefix('fatal: ').removeprefix('error: ')}")
        return done.stdout.rstrip("\n")

    def try_(self, *words: str | Path, given: str | None = None) -> str | None:
        """Returns the output of a command, None if it failed."""
        try:
            return self(*words, given=given)
        except GitError:
            return None

    def environment(self) -> dict[str, str]:
        """Returns the variables that git runs with."""
        kept = {name: value for name, value in os.environ.items() if name not in _OF_CALLER}
        # Without optional locks, looking at the state of the checkout does not rewrite the user's index.
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        return kept | quiet | dict(self.variables)

    def with_variables(self, **variables: str) -> Git:
        """Returns the same with more environment variables."""
        return replace(self, variables={**self.variables, **variables})

    @contextlib.contextmanager
    def private_index(self) -> Iterator[Git]:
        """Yields git with an empty index of its own, which is gone after the block."""
        with tempfile.TemporaryDirectory(prefix="perdure-index-") as folder:
            yield self.with_variables(GIT_INDEX_FILE=str(Path(folder) / "index"))

    def commit_of(self, name: str) -> str | None:
        """Returns the commit that a name stands for, None if there is none."""
        return self.try_("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") or None

    def is_dirty(self) -> bool:
        """Returns whether the checkout holds anything that is not committed, files that are new included."""
        return bool(self("status", "--porcelain"))

    def with_identity(self) -> Git:
        """Returns git that can commit: as the user, or as `perdure` where the user has not said who they are."""
        if self.try_("var", "GIT_COMMITTER_IDENT") and self.try_("var", "GIT_AUTHOR_IDENT"):
            return self
        return self.with_variables(
            GIT_AUTHOR_NAME="perdure",
            GIT_AUTHOR_EMAIL="perdure@localhost",
            GIT_COMMITTER_NAME="perdure",
            GIT_COMMITTER_EMAIL="perdure@localhost",
        )


def _reason(complaint: str) -> str:
    r"""Returns the last line of what git complains of; its remedy too where that is the last one.

    >>> _reason("fatal: detected dubious ownership in 'a'\nTo add an exception, call:\n\n\tgit config x\n")
    "fatal: detected dubious ownership in 'a'; to add an exception, call: git config x"
    """
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    if "dubious ownership" in complaint:
        first, *remedy = lines
        return f"{first}; {' '.join(remedy).replace('To', 'to', 1)}"
    return lines[-1] if lines else ""


def open_repository(folder: Path) -> Git:
    """Returns git at the top of the repository that a folder lies in.

    Raises:
        ValueError: it lies in none.
        GitError: git is not installed, or refuses the repository as that of another owner.
    """
    git = Git(folder)
    try:
        top = git("rev-parse", "--show-toplevel")
    except GitError as error:
        if "not a git repository" not in str(error):  # not installed, or a checkout of another owner
            raise
        raise ValueError(f"{folder}: lies in no git repository; run from a checkout, or 'git init'") from error
    return Git(Path(top))


def check_branch_name(git: Git, name: str, *, option: str = "--branch") -> None:
    """Makes sure that commits can be put on a branch without touching anybody's checkout.

    Raises:
        ValueError: git does not take the name, or the branch is checked out.
    """
    if name.startswith("-") or git.try_("check-ref-format", f"refs/heads/{name}") is None:
        raise ValueError(f"{option}: got '{name}', expected the name of a branch, such as early-persistence/magvit")
    lines = git("worktree", "list", "--porcelain").splitlines()
    places = [line.partition(" ")[2] for line in lines if line.startswith("worktree ")]
    heads = [line for line in lines if line.startswith(("branch ", "detached", "bare"))]
    for place, head in zip(places, heads, strict=False):
        if head == f"branch refs/heads/{name}":
            raise ValueError(
                f"{option}: got '{name}', which is checked out in {place}; choose a branch that nobody works on"
            )
    for other in git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines():
        if name.startswith(f"{other}/") or other.startswith(f"{name}/"):
            raise ValueError(f"{option}: got '{name}', but git cannot have it beside the branch '{other}'")
