"""`perdure remote status`, `attach`, `sync`, `stop`, `list` and `down`: runs on hosts, once they are there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, FAILED
from perdure.cli.remote_command import attached, say_end
from perdure.cli.terminal import complain, say, say_table
from perdure.publish.git import open_repository
from perdure.remote.attach import sync, try_fetch
from perdure.remote.remote_run import HostJob, JobState, RemoteRun, find_run, remembered
from perdure.remote.transport import ConnectionLostError, RemoteError
from perdure.runs.heartbeat import LATE_S
from perdure.runs.words import duration_words


@dataclass(frozen=True, kw_only=True, slots=True)
class HostArguments(Arguments):
    """A command about one run on a host."""

    host: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="HOST")]
    """The host, as you would type it after ssh."""
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Which run; not needed where only one was started from here."""
    ssh_config: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that replaces your ssh configuration; that of the start by default."""

    def found(self) -> RemoteRun:
        """Returns the run that is meant."""
        config = str(self.ssh_config.absolute()) if self.ssh_config else ""
        return find_run(self.host, self.name, ssh_config=config)

    def claimed(self) -> HostJob:
        """Returns the job of that run, whose copies may now replace what is in its folder here."""
        remote = self.found()
        remote.claim()
        return HostJob(remote, remote.transport())


class Status(HostArguments):
    """Says how a run on a host is, judged by the clock of that host.

    Reads: the state of the job, its heartbeat and progress there.

    Writes: nothing.

    Costs: one connection.
    """

    def __call__(self) -> int:
        remote = self.found()
        job = HostJob(remote, remote.transport())
        try:
            state = job.state()
        except ConnectionLostError as error:
            complain(f"perdure remote status: {error}; what was copied last: perdure status {remote.local.path}")
            return FAILED
        say(f"{remote.name} on {remote.host}: ", (state_word(state), "bold"), f" ({state_text(state)})")
        progress = shlex.quote(f"{remote.results}/PROGRESS.txt")
        last = job.transport.run(f"tail -n 1 {progress} 2>/dev/null || true").strip()
        if last:
            say(f"  last milestone: {last}")
        say(("  what to do: ", "bold"), _advice(remote, state))
        return DONE


def state_word(state: JobState) -> str:
    """Returns the state of a job in one word; a silent one is stale.

    >>> age = {"heartbeat_age_s": 99.0, "heartbeat": "", "now_s": 0.0}
    >>> state_word(JobState(state="running", code=None, reason="", log_bytes=0, **age))
    'stale'
    """
    if state.state == "running":
        is_late = state.heartbeat_age_s is not None and state.heartbeat_age_s > LATE_S
        return "stale" if is_late or "  STALE for " in state.heartbeat else "running"
    if state.state == "ended":
        return state.reason or ("finished" if state.code == 0 else "failed")
    return state.state


def state_text(state: JobState) -> str:
    """Returns what is known of a job in one line."""
    if state.state == "ended":
        return f"exit code {state.code}"
    if state.heartbeat_age_s is None:
        return "no heartbeat yet" if state.state == "running" else "no heartbeat"
    age = duration_words(state.heartbeat_age_s)
    return f"heartbeat {age} ago by its own clock: {state.heartbeat.split('  ', 1)[-1]}"


def _advice(remote: RemoteRun, state: JobState) -> str:
    again = f"perdure remote run {remote.host} --out {remote.local.path} and the same options"
    return {
        "running": f"watch it: perdure remote attach {remote.address}",
        "stale": f"stop it: perdure remote stop {remote.address}; then go on: {again}",
        "finished": f"fetch it: perdure remote sync {remote.address}",
    }.get(state_word(state), f"go on: {again}")


class Attach(HostArguments):
    """Goes on with the live view of a run at the byte where it stopped, to its end.

    Reads: the log of the job there.

    Writes: the run folder here every minute, and at the end the branch with one commit a stage.

    Costs: one connection that stays open; Ctrl-C leaves it, and the run goes on.
    """

    def __call__(self) -> int:
        return attached(self.claimed().run, open_repository(Path.cwd()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sync(HostArguments):
    """Copies the results of a run here once, and fetches its branch.

    Reads: the run folder and the branch there.

    Writes: the run folder here, without weights and data unless --whole, and the branch.

    Costs: what has changed since the last time travels.
    """

    whole: bool = False
    """Copy weights, data and checkpoints too."""

    def __call__(self) -> int:
        job = self.claimed()
        sync(job, is_whole=self.whole or job.run.is_whole)
        say(f"copied to {job.run.local.path}")
        return DONE if try_fetch(job, open_repository(Path.cwd()), complain) else FAILED


class Stop(HostArguments):
    """Stops a run on a host, all of its processes and no other, and copies the results so far.

    The same perdure remote run goes on where it stopped.

    Reads: the state of the job there.

    Writes: the run folder here.

    Costs: up to half a minute, until the run has come to a safe point.
    """

    def __call__(self) -> int:
        job = self.claimed()
        remote, state = job.run, job.stop()
        if state.heartbeat_age_s is not None:
            sync(job)
        if state.state == "ended" and state.code == 0:
            say_end(remote, state)
        else:
            say(f"{remote.name} on {remote.host}: {state_word(state)}; {_advice(remote, state)}")
        return DONE


@dataclass(frozen=True, kw_only=True, slots=True)
class List(Arguments):
    """Lists the runs on hosts that were started from here, and asks every host how they are.

    Reads: what was remembered in runs/.remote, and the state of each job on its host.

    Writes: nothing.

    Costs: one connection a run.
    """

    def __call__(self) -> int:
        runs = remembered()
        if not runs:
            say("no run was started on a host from here; start one with 'perdure remote run HOST'")
            return DONE
        rows = []
        for remote in runs:
            try:
                state = HostJob(remote, remote.transport()).state()
                rows.append((remote.host, remote.name, state_word(state), state_text(state)))
            except (ConnectionLostError, RemoteError) as error:
                rows.append((remote.host, remote.name, "unknown", str(error)))
        say_table(("host", "run", "state", ""), rows)
        return DONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Down(HostArguments):
    """Copies everything of a run here once more, weights and data as well, and removes it from the host.

    Refused while the run goes on.

    Reads: the run folder and the branch there.

    Writes: the run folder here; removes the folder of the run there.

    Costs: weights and data travel, which may be gigabytes; with --leave-data they are lost instead.
    """

    leave_data: bool = False
    """Do not copy weights, data and checkpoints before they are removed."""

    def __call__(self) -> int:
        job = self.claimed()
        remote = job.run
        if job.state().state == "running":
            first = f"perdure remote stop {remote.address}"
            raise ValueError(f"run {remote.name} is going on on {remote.host}; first: {first}")
        sync(job, is_whole=not self.leave_data)
        if not try_fetch(job, open_repository(Path.cwd()), complain):
            complain(f"perdure remote down: nothing was removed from {remote.host}")
            return FAILED
        folder, repository = shlex.quote(remote.folder), shlex.quote(remote.repository)
        job.transport.run(f"rm -rf {folder} && git -C {repository} worktree prune")
        remote.forget()
        say(f"copied to {remote.local.path} and removed from {remote.host}")
        return DONE
