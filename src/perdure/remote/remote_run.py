"""One run on a host: where its parts lie there and here, and what this machine remembers of it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from perdure.config import from_dict
from perdure.files import read_json, write_json
from perdure.remote.transport import Transport
from perdure.runs.run_folder import RUNS, RunFolder

MEMORY = RUNS / ".remote"
"""Folder of what this machine remembers, one file a run, and of copies of their logs."""
ROOT = "perdure-remote"
"""Folder on the host that everything lies in, below the home folder there."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRun:
    """One run on one host.

    Args:
        name: of the run, and of its folders.
        host: as ssh knows it.
        root: folder on the host, absolute once it has been there.
        branch: that takes the results, there and in the end here.
        out: run folder here.
        python: interpreter on the host that has everything; empty to make an environment there.
        ssh_config: file that replaces the user's ssh configuration; empty for none.
        is_whole: whether weights, data and checkpoints are fetched too.
    """

    name: str
    host: str
    root: str = ROOT
    branch: str = ""
    out: str = ""
    python: str = ""
    ssh_config: str = ""
    is_whole: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name: got '{self.name}', expected letters, digits, and _ . - between")

    @property
    def folder(self) -> str:
        """Folder of this run on the host."""
        return f"{self.root}/{self.name}"

    @property
    def repository(self) -> str:
        """Bare repository on the host, shared by all runs there."""
        return f"{self.root}/repository.git"

    @property
    def code(self) -> str:
        """Checkout on the host that the run works from."""
        return f"{self.folder}/code"

    @property
    def job(self) -> str:
        """Folder of the supervisor on the host."""
        return f"{self.folder}/job"

    @property
    def results(self) -> str:
        """Run folder on the host."""
        return f"{self.folder}/runs/{self.name}"

    def sources(self, folder: Path) -> str:
        """Returns where a folder of sequences lies on the host; runs of the same folder share it."""
        return f"{self.root}/sources/{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}/{folder.name}"

    @property
    def interpreter(self) -> str:
        """The interpreter that is there before any environment."""
        return self.python or "python3"

    @property
    def local(self) -> RunFolder:
        """Run folder here."""
        return RunFolder(Path(self.out or RUNS / self.name))

    @property
    def memory_file(self) -> Path:
        """What this machine remembers."""
        return MEMORY / f"{self.name}@{self.host}.json"

    @property
    def log_copy(self) -> Path:
        """Copy of the job's log; its size is where the live view goes on."""
        return self.memory_file.with_suffix(".log")

    @property
    def address(self) -> str:
        """What leads a command to this run."""
        words = [self.host, "--name", self.name]
        return shlex.join(words + (["--ssh-config", self.ssh_config] if self.ssh_config else []))

    def transport(self) -> Transport:
        """Returns the way to the host."""
        return Transport(self.host, Path(self.ssh_config) if self.ssh_config else None)

    def check_free(self) -> None:
        """Makes sure that copies of this run replace nothing else here.

        Raises:
            ValueError: the folder holds something that did not come from this host.
        """
        path = self.local.path
        if not self.memory_file.is_file() and path.exists() and any(path.iterdir()):
            raise ValueError(f"run folder {path}: holds something that is not from {self.host}; choose another --out")

    def claim(self) -> None:
        """Remembers this run, whose copies will replace whatever is in its folder here; see `check_free`."""
        self.check_free()
        self.memory_file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.memory_file, asdict(self))

    def forget(self) -> None:
        """Forgets this run."""
        self.memory_file.unlink(missing_ok=True)
        self.log_copy.unlink(missing_ok=True)


def remembered(host: str = "") -> list[RemoteRun]:
    """Returns the runs that this machine remembers, on one host or on all.

    Raises:
        ValueError: a file was changed by hand and cannot be read.
    """
    if not MEMORY.is_dir():
        return []
    found = [from_dict(RemoteRun, read_json(path), where=str(path)) for path in sorted(MEMORY.glob("*.json"))]
    return [run for run in found if host in ("", run.host)]


def find_run(host: str, name: str | None, *, ssh_config: str = "") -> RemoteRun:
    """Returns the run on a host that is meant; one that is not remembered here is taken to lie at the usual place.

    Raises:
        ValueError: there is none, or several and none is named.
    """
    runs = [run for run in remembered(host) if name in (None, run.name)]
    if name is not None and not runs:
        runs = [RemoteRun(name=name, host=host, branch=f"perdure/{name}")]
    if name is None and len(runs) != 1:
        names = ", ".join(run.name for run in runs) or "none that was started here"
        raise ValueError(f"host {host}: has {names}; say which run is meant: --name NAME")
    return replace(runs[0], ssh_config=ssh_config) if ssh_config else runs[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How a job is, judged by the clock of its host.

    Args:
        state: `none`, `running`, `ended`, or `lost`: gone without a word.
        code: exit code, once it has ended.
        reason: `stopped`, if it was ended from outside.
        log_bytes: size of its log.
        heartbeat_age_s: age of the last heartbeat of this start; None before the first one.
        heartbeat: that line.
        now_s: the host's time.
    """

    state: str
    code: int | None
    reason: str
    log_bytes: int
    heartbeat_age_s: float | None
    heartbeat: str
    now_s: float


@dataclass(frozen=True, slots=True)
class HostJob:
    """The verbs of the program on the host.

    Args:
        run: the run.
        transport: the way to its host.
    """

    run: RemoteRun
    transport: Transport

    def install(self) -> None:
        """Copies the program to the host.

        Raises:
            ConnectionLostError: the host cannot be reached.
            RemoteError: it cannot be written.
        """
        text = Path(__file__).with_name("host_job.py").read_text(encoding="utf-8")
        job, name = shlex.quote(self.run.job), "host_job.py"
        self.transport.run(f"mkdir -p {job} && cd {job} && cat > {name}.tmp && mv {name}.tmp {name}", given=text)

    def script(self, verb: str, *words: str) -> str:
        """Returns the command line of a verb on the host; a host without the program knows no job."""
        job, program = shlex.quote(self.run.job), shlex.quote(f"{self.run.job}/host_job.py")
        command = shlex.join([self.run.interpreter, "-I"])
        return f"test -e {program} || exit 44; exec {command} {program} {verb} {job} {' '.join(words)}"

    def start(self, described: dict[str, Any]) -> None:
        """Starts the job.

        Raises:
            ConnectionLostError: the host cannot be reached.
            RemoteError: it runs already (exit code 3), or cannot be started.
        """
        self.transport.run(self.script("start"), given=json.dumps(described))

    def state(self) -> JobState:
        """Returns how the job is; see `stop` for errors."""
        return self._asked("state")

    def stop(self) -> JobState:
        """Ends the job and all of its processes; returns how it is then.

        Raises:
            ConnectionLostError: the host cannot be reached.
            RemoteError: there is no such run there, or it works on another machine that shares the disk.
        """
        return self._asked("stop")

    def _asked(self, verb: str) -> JobState:
        text = self.transport.run(self.script(verb)).strip()
        # A login script there may talk before.
        return from_dict(JobState, json.loads(text.splitlines()[-1]), where=f"{self.run.host}: {verb}")
