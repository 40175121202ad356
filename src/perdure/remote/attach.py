"""The live view of a job and the copies of its results, over a connection that may break at any moment.

The log is copied byte by byte into a file here, and its size is where the view goes on: after a lost connection,
after this program was killed, on another day. Nothing here can harm the job.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from perdure.publish.git import Git, GitError
from perdure.remote.remote_run import HostJob, JobState
from perdure.remote.transport import ConnectionLostError, RemoteError
from perdure.runs.heartbeat import LATE_S
from perdure.runs.words import duration_words

ResultT = TypeVar("ResultT")

SYNC_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 300.0
"""After a failure it is tried again soon, then less and less often."""
HEAVY = ("/data/", "/checkpoints/", "*.safetensors")
"""Stays on the host unless it is asked for."""
NEVER = (".lock", ".*.tmp", ".rsync-partial")


def sync(job: HostJob, *, is_whole: bool | None = None) -> None:
    """Makes the run folder here the same as the one on the host, without weights and data unless they are wanted.

    Args:
        job: of the run.
        is_whole: whether weights and data are fetched too; as the run was started by default.

    Raises:
        ConnectionLostError: the host cannot be reached, or the connection broke; the next round goes on.
        RemoteError: it cannot be read there or written here.
    """
    run = job.run
    is_whole = run.is_whole if is_whole is None else is_whole
    job.transport.pull(run.results, run.local.path, excluded=(*NEVER, *(() if is_whole else HEAVY)))


def wait_s(num_failures: int) -> float:
    """Returns seconds until the next try.

    >>> [wait_s(number) for number in (1, 2, 3, 99)]
    [5.0, 10.0, 20.0, 300.0]
    """
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(num_failures - 1, 30))


@dataclass(slots=True)
class Attachment:
    """Follows one job to its end.

    Args:
        job: the job.
        show: takes new bytes of its log.
        note: takes words about the connection.
        sync_s: seconds between two copies of the results.
        patience: factor on the waits after failures.
    """

    job: HostJob
    show: Callable[[bytes], None]
    note: Callable[[str], None]
    sync_s: float = SYNC_S
    patience: float = 1.0
    _left: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> JobState:
        """Shows the log and copies results until the job has ended; returns how it ended, after a last copy.

        Raises:
            RemoteError: there is no such job.
        """
        copier = threading.Thread(target=self._copy, name="sync", daemon=True)
        copier.start()
        try:
            self._insist(self._show_all)
        finally:
            self._left.set()
        copier.join()
        return self._insist(self._end)

    def _end(self) -> JobState:
        state = self.job.state()
        if self.job.run.local.path.parent.is_dir():
            sync(self.job)
        return state

    def _insist(self, work: Callable[[], ResultT]) -> ResultT:
        """Returns what comes of some work, which is tried again, soon where the log has grown, while ssh fails."""
        num_failures = 0
        while True:
            size = self._size()
            try:
                return work()
            except ConnectionLostError as error:
                num_failures = 1 if self._size() > size else num_failures + 1
                pause_s = self.patience * wait_s(num_failures)
                self.note(f"{error}; the run goes on, trying again in {duration_words(pause_s)}")
                threading.Event().wait(pause_s)

    def _show_all(self) -> None:
        """Shows and keeps what the log holds beyond the copy here, until the job has ended.

        Raises:
            ConnectionLostError: it has not, and nothing more comes.
        """
        path, offset = self.job.run.log_copy, self._offset()
        path.parent.mkdir(parents=True, exist_ok=True)
        process = self.job.transport.stream(self.job.script("follow", str(offset)))
        try:
            assert process.stdout is not None  # noqa: S101 - it was started with a pipe
            with path.open("ab", buffering=0) as copy:
                while data := os.read(process.stdout.fileno(), 1 << 16):
                    copy.write(data)
                    self.show(data)
            if process.wait():
                raise ConnectionLostError(f"{self.job.run.host}: the connection broke")
        finally:
            process.kill()
            process.communicate()

    def _size(self) -> int:
        path = self.job.run.log_copy
        return path.stat().st_size if path.is_file() else 0

    def _offset(self) -> int:
        """Returns the byte at which the view goes on; from the first one if the job there is another one."""
        size = self._size()
        if size > self.job.state().log_bytes:
            self.job.run.log_copy.unlink()
            return 0
        return size

    def _copy(self) -> None:
        """Copies results every `sync_s` seconds; says so once when that does not work, and when it works again."""
        num_failures, pause_s, was_late = 0, min(self.sync_s, FIRST_WAIT_S), False
        while not self._left.wait(pause_s):
            try:
                state = self.job.state()
                if state.heartbeat_age_s is not None:
                    sync(self.job)
                    is_late = state.state == "running" and state.heartbeat_age_s > LATE_S
                    if is_late and not was_late:
                        self.note(f"no heartbeat for {duration_words(state.heartbeat_age_s)} (by the host's clock)")
                    was_late = is_late
            except (ConnectionLostError, RemoteError, OSError) as error:
                num_failures += 1
                pause_s = self.patience * wait_s(num_failures)
                if num_failures == 1:
                    self.note(
                        f"results cannot be copied now ({error}); the run goes on, and copying will be tried again"
                    )
                continue
            if num_failures:
                self.note("results are copied again")
            num_failures, pause_s = 0, self.sync_s


def try_fetch(job: HostJob, git: Git, note: Callable[[str], None]) -> bool:
    """Fetches the branch, if that loses no commit here; returns whether it worked, and says what to do if not."""
    run = job.run
    try:
        tip = job.transport.fetch(git, run.repository, run.branch, into=run.branch)
    except GitError as error:
        note(f"branch {run.branch} could not be fetched ({error}); again with: perdure remote sync {run.address}")
        return False
    note(f"branch {run.branch} is at {tip[:12]}")
    return True
