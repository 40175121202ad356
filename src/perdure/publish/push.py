"""Sends a branch to another repository beside a run, which neither waits for it nor fails with it."""

from __future__ import annotations

import logging
import subprocess
import tempfile
from dataclasses import dataclass, field

from perdure.publish.git import Git, GitError
from perdure.runs.preflight import NotReadyError

logger = logging.getLogger(__name__)

READY_S = 60.0
"""Seconds that the first look at the other repository may take."""
FINISH_S = 60.0
"""Seconds that the end of a run waits for what is still being sent."""


@dataclass(slots=True)
class Push:
    """Pushes one branch, at most one push at a time.

    Args:
        git: the repository.
        branch: name of the branch.
        remote: name of the other repository.
    """

    git: Git
    branch: str
    remote: str
    _process: subprocess.Popen[bytes] | None = None
    _is_behind: bool = False
    _errors: tempfile._TemporaryFileWrapper[bytes] | None = field(default=None, repr=False)

    @classmethod
    def ready(cls, git: Git, branch: str) -> Push:
        """Returns a push after making sure that it would be taken now.

        Raises:
            ValueError: there is no other repository, or several and none is preferred.
            NotReadyError: it cannot be reached or refuses the branch.
        """
        remotes = git("remote").split()
        preferred = git.try_("config", "remote.pushDefault")
        named = [name for name in (preferred, "origin") if name in remotes]
        chosen = named[0] if named else remotes[0] if len(remotes) == 1 else None
        if chosen is None:
            found = ", ".join(remotes) or "none"
            raise ValueError(
                f"--push: got {found}, expected a remote 'origin'; add it, or set git config remote.pushDefault"
            )
        if not git.try_("config", "core.sshCommand"):
            # A question for a password would wait for ever beside a run that is left alone.
            git = git.with_variables(GIT_SSH_COMMAND="ssh -o BatchMode=yes -o ConnectTimeout=20")
        tip = git.commit_of(f"refs/heads/{branch}") or git.commit_of("HEAD")
        look = ("push", "--dry-run", chosen, f"{tip}:refs/heads/{branch}") if tip else ("ls-remote", chosen)
        try:
            git(*look, timeout_s=READY_S)
        except GitError as error:
            raise NotReadyError(
                f"--push: '{chosen}' does not take branch {branch} ({error}); see to it, or leave out --push"
            ) from error
        return cls(git, branch, chosen)

    def start(self) -> None:
        """Pushes in the background; while a push is under way, another one follows it at the next call."""
        if self._process is not None and self._process.poll() is None:
            self._is_behind = True
            return
        self._note()
        self._is_behind = False
        self._errors = tempfile.NamedTemporaryFile()  # noqa: SIM115 - read when the process has ended
        reference = f"refs/heads/{self.branch}"
        try:
            self._process = subprocess.Popen(  # noqa: S603 - arguments as a list
                ["git", "push", "--quiet", self.remote, f"{reference}:{reference}"],  # noqa: S607 - the user's own git
                cwd=self.git.folder,
                env=self.git.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the run
            )
        except OSError as error:
            logger.warning("push to %s: %s", self.remote, error)

    def finish(self, timeout_s: float = FINISH_S) -> None:
        """Waits for the last push, after a second try if there is something left; gives up after a while."""
        if self._wait(timeout_s) and (not self._note() or self._is_behind):
            self.start()
            self._wait(timeout_s)
            self._note()

    def _wait(self, timeout_s: float) -> bool:
        """Returns whether no push is under way any more."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            logger.warning("push to %s: no answer within %.0f s; push %s yourself", self.remote, timeout_s, self.branch)
            self._process = None
            return False
        return True

    def _note(self) -> bool:
        """Logs why the last push failed; returns whether it did not."""
        if self._process is None or self._errors is None:
            return True
        code, self._process = self._process.returncode, None
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        self._errors.close()
        if code:
            reason = lines[-1] if lines else f"exit code {code}"
            logger.warning("push of %s to %s failed (%s)", self.branch, self.remote, reason)
        return not code
