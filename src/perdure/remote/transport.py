"""How a host is reached: commands, files and commits, all through the user's own `ssh`.

Keys, agents, jump hosts and aliases are the user's own configuration; nothing is asked, and a host whose key is not
known is refused. Nothing here knows of runs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.publish.git import Git, GitError

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@%+-]*")
TIMEOUT_S = 120.0
_LOST_SSH, _LOST_RSYNC = 255, (10, 11, 12, 30, 35, 255)
_PARTIAL_RSYNC = (23, 24)
"""Some files could not be read or have gone meanwhile: the next round takes them."""
_SETTINGS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
}
"""No questions, no unknown host, and a connection that is dead is noticed within a minute."""
_ADVICE = {
    "Host key verification failed": "connect once by hand to accept its key: ssh {host}",
    "Permission denied": "make sure that this works without a question: ssh {host} true",
    "Could not resolve hostname": "check the name, or add it to ~/.ssh/config",
}


class ConnectionLostError(Exception):
    """The host cannot be reached now; whatever runs there goes on."""


class RemoteError(RuntimeError):
    """A command on the host has failed; the text is the last line of its error output.

    Args:
        text: what went wrong.
        code: its exit code.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Transport:
    """Reaches one host by ssh, rsync and git.

    Args:
        host: any destination that `ssh` takes, such as an alias of the user's configuration.
        config: file that replaces the user's ssh configuration.

    Raises:
        ValueError: the name of the host could be taken for something else.
    """

    host: str
    config: Path | None = None

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise ValueError(
                f"host: got '{self.host}', expected what follows 'ssh', such as user@machine; "
                "ports and keys belong into ~/.ssh/config"
            )

    @property
    def ssh(self) -> list[str]:
        """The command line of ssh without the host."""
        return [
            "ssh",
            *(["-F", str(self.config.absolute())] if self.config else []),
            *(f"-o{name}={value}" for name, value in _SETTINGS.items()),
        ]

    def _on_host(self, script: str) -> list[str]:
        # The login shell there may be any; inside of single quotes they all read the same.
        return [*self.ssh, self.host, f"exec sh -c {shlex.quote(script)}"]

    def run(self, script: str, *, given: str = "", timeout_s: float = TIMEOUT_S) -> str:
        """Returns the output of a script for sh.

        Raises:
            ConnectionLostError: the host cannot be reached.
            RemoteError: the script failed.
        """
        try:
            done = subprocess.run(  # noqa: S603 - arguments as a list
                self._on_host(script), input=given.encode(), capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ConnectionLostError(f"{self.host}: no answer within {timeout_s:.0f} s") from error
        reason = _line(done.stderr, -1)
        if done.returncode == _LOST_SSH:
            raise ConnectionLostError(self._explained(reason))
        if done.returncode:
            raise RemoteError(reason or f"exit code {done.returncode}", done.returncode)
        return done.stdout.decode(errors="replace")

    def _explained(self, reason: str) -> str:
        advice = [text.format(host=self.host) for sign, text in _ADVICE.items() if sign in reason]
        # Most of what ssh says begins with the name of the host.
        text = reason.removeprefix("ssh: ").rstrip(".") or "the connection broke"
        return "; ".join([text if self.host in text else f"{self.host}: {text}", *advice])

    def stream(self, script: str) -> subprocess.Popen[bytes]:
        """Returns a running script whose input stays open and whose output is read as it comes."""
        return subprocess.Popen(  # noqa: S603 - arguments as a list
            self._on_host(script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us, who then close it
        )

    def pull(self, source: str, target: Path, *, excluded: Sequence[str] = ()) -> None:
        """Makes a folder here the same as one there; excluded files are neither fetched nor removed, links left out.

        Raises:
            ConnectionLostError: the host cannot be reached, or the connection broke; the next round goes on.
            RemoteError: anything else.
        """
        target.mkdir(parents=True, exist_ok=True)
        filters = [f"--exclude={pattern}" for pattern in excluded]
        self._rsync("--no-links", "--delete-after", *filters, f"{self.host}:{source}/", f"{target.absolute()}/")

    def send(self, source: Path, target: str) -> None:
        """Copies a folder to the host, removing nothing there; raises what `pull` does."""
        self._rsync(f"{source.absolute()}/", f"{self.host}:{target}/")

    def _rsync(self, *words: str) -> None:
        """Copies; every file appears whole or not at all, and what has come through is not sent again."""
        command = ["rsync", "-rlt", "--protect-args", "--partial-dir=.rsync-partial", "--delay-updates", "--timeout=20"]
        # Times to the nanosecond: a file that is replaced within a second by one of the same size is another one.
        command += ["--modify-window=-1"]
        # rsync has no time limit for the whole: that of silence ends whatever hangs.
        done = subprocess.run(  # noqa: S603 - arguments as a list
            [*command, *words],
            env=os.environ | {"RSYNC_RSH": shlex.join(self.ssh)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode in _LOST_RSYNC:
            raise ConnectionLostError(self._explained(_line(done.stderr, 0)))
        is_partial = done.returncode in _PARTIAL_RSYNC and b"change_dir" not in done.stderr
        if done.returncode and not is_partial:
            raise RemoteError(_line(done.stderr, 0) or f"rsync: exit code {done.returncode}", done.returncode)

    def _git(self, git: Git) -> Git:
        return git.with_variables(GIT_SSH_COMMAND=shlex.join(self.ssh), GIT_SSH_VARIANT="ssh")

    def push(self, git: Git, repository: str, commit: str, branch: str) -> None:
        """Puts a commit on a branch of a repository there, if that loses none of its commits.

        Raises:
            GitError: it does not work.
        """
        place = f"{self.host}:{repository}"
        self._git(git)("push", "--quiet", "--no-verify", place, f"{commit}:refs/heads/{branch}", timeout_s=1800.0)

    def fetch(self, git: Git, repository: str, branch: str, *, into: str = "") -> str:
        """Returns the tip of a branch there after fetching its commits; `into` is a branch here that follows it.

        Raises:
            GitError: it does not work, or `into` has commits of its own.
        """
        place, reference = f"{self.host}:{repository}", f"refs/heads/{branch}"
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        there = self._git(git)
        listed = there("ls-remote", place, reference, timeout_s=TIMEOUT_S).split()
        if not listed:
            raise GitError(f"git fetch: {place} has no branch {branch}")
        there(*words, place, f"{reference}:refs/heads/{into}" if into else reference, timeout_s=1800.0)
        return git("rev-parse", f"refs/heads/{into}") if into else listed[0]


def _line(output: bytes, index: int) -> str:
    """Returns the first (0) or last (-1) line that says something, empty if none does."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[index] if lines else ""
