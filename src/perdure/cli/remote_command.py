"""`perdure remote run`: a run on a host that ssh reaches, and the words that all remote commands share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, FAILED
from perdure.cli.inspect_commands import say_targets
from perdure.cli.run_command import parse_settings
from perdure.cli.terminal import complain, say
from perdure.publish.git import Git, check_branch_name, open_repository
from perdure.recipes.config import RunConfig
from perdure.remote.attach import SYNC_S, Attachment, try_fetch
from perdure.remote.launch import Launch
from perdure.remote.remote_run import ROOT, HostJob, JobState, RemoteRun
from perdure.remote.transport import Transport
from perdure.runs.complete import read_targets
from perdure.runs.run_folder import RUNS


@dataclass(frozen=True, kw_only=True, slots=True)
class Run(Arguments):
    """Runs a recipe on a host that your own ssh reaches, shows it live, and copies its results here every minute.

    The run needs neither this program nor the connection: Ctrl-C, a closed laptop or a broken line cost nothing, and
    `perdure remote attach HOST` goes on at the byte where the view stopped.

    Reads: the recipe or the configuration file, and the code as it lies in this checkout, uncommitted work included.
    Sequences that the run reads (--data.path) are copied to the host, as far as they are not there yet.

    Writes: runs/RECIPE-HOST here, a copy of the run folder without weights and data, and at the end the branch with
    one commit a stage; on the host everything lies in one folder. Checkout, index and stash stay as they are.

    Costs: what the run costs, on the host; the first one there also makes an environment, which takes minutes.
    """

    host: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="HOST")] = ""
    """The host, as you would type it after ssh; examples/skypilot.yaml hires one in any cloud."""
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    config_file: Annotated[Path | None, tyro.conf.arg(name="config", metavar="FILE")] = None
    """Configuration file (TOML) to start from instead of a recipe."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Run folder here, runs/RECIPE-HOST by default; its last part is the name of the run there."""
    branch: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Branch that takes the results; perdure/NAME by default."""
    python: Annotated[str, tyro.conf.arg(metavar="PATH")] = ""
    """Interpreter on the host that has all dependencies; without it an environment is made there."""
    root: Annotated[str, tyro.conf.arg(metavar="DIR")] = ROOT
    """Folder on the host for everything, inside of the home folder there unless it begins with a slash."""
    ssh_config: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File that replaces your ssh configuration."""
    whole: bool = False
    """Copy weights, data and checkpoints too."""
    detach: bool = False
    """Come back as soon as the run has started."""
    sync_s: float = SYNC_S
    """Seconds between two copies of the results."""

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Run:
        """Returns what the words say, with the recipe or file that they start from."""
        read, out = parse_settings(cls, words, command)
        return replace(read, out=read.out or RUNS / f"{out.name}-{read.host.rpartition('@')[2]}")

    def __call__(self) -> int:
        Transport(self.host)  # refuses what is no name of a host
        git = open_repository(Path.cwd())
        remote = self.remote_run()
        check_branch_name(git, remote.branch)
        remote = Launch(remote, self.config, git, remote.transport(), complain).start()
        if self.detach:
            say(("started", "bold green"), f": watch it with: perdure remote attach {remote.address}")
            return DONE
        return attached(remote, git, sync_s=self.sync_s)

    def remote_run(self) -> RemoteRun:
        """Returns what and where, before the host has been looked at.

        Raises:
            ValueError: a name cannot be used.
        """
        out = self.out or RUNS / self.host
        return RemoteRun(
            name=out.name,
            host=self.host,
            root=self.root,
            branch=self.branch or f"perdure/{out.name}",
            out=str(out),
            python=self.python,
            ssh_config=str(self.ssh_config.absolute()) if self.ssh_config else "",
            is_whole=self.whole,
        )


def attached(remote: RemoteRun, git: Git, *, sync_s: float = SYNC_S) -> int:
    """Follows a run to its end, fetches its branch, and returns the exit code."""
    job = HostJob(remote, remote.transport())
    try:
        state = Attachment(job, show, complain, sync_s=sync_s).follow()
    except KeyboardInterrupt:
        complain(f"left; the run goes on. Come back: perdure remote attach {remote.address}")
        return FAILED
    is_fetched = try_fetch(job, git, complain)
    return DONE if say_end(remote, state) and is_fetched else FAILED


def show(data: bytes) -> None:
    """Writes new bytes of a log as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say_end(remote: RemoteRun, state: JobState) -> bool:
    """Says how a job ended and what to do; returns whether it ended well."""
    again = f"go on with: perdure remote run {remote.host} --out {remote.local.path} and the same options"
    if state.state == "ended" and state.code == 0:
        say(("finished", "bold green"), f" on {remote.host}: results are in {remote.local.path}")
        if remote.local.evaluation_metrics.is_file():
            say_targets(read_targets(remote.local))
        return True
    words = {
        "none": "nothing has run there",
        "running": "still running",
        "lost": f"gone without a word (killed, or {remote.host} was switched off); {again}",
        "ended": f"{state.reason or f'failed with exit code {state.code}'}; see {remote.log_copy}; {again}",
    }
    complain(f"{remote.name} on {remote.host}: {words[state.state]}")
    return False
