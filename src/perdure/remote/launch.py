"""From a configuration here to a job on a host: look at what it has and lacks, send the code, start.

Every step may be cut off and done again; only the last one starts anything.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

from perdure.config import to_dict
from perdure.publish.git import Git, GitError
from perdure.recipes.config import RunConfig
from perdure.remote.host_job import ALREADY_RUNNING
from perdure.remote.remote_run import HostJob, RemoteRun
from perdure.remote.snapshot import snapshot
from perdure.remote.transport import ConnectionLostError, RemoteError, Transport
from perdure.runs.lock import RunBusyError
from perdure.runs.preflight import DEPENDENCIES, SPARE_BYTES, NotReadyError, check_folder
from perdure.runs.run_folder import RUNS
from perdure.runs.words import bytes_words

LEAST_PYTHON = (3, 11)
_SCRIPT = """
for program in git rsync flock {python}; do command -v "$program" >/dev/null || echo "missing=$program"; done
mkdir -p {root} && cd {root} && echo "root=$(pwd -P)"
echo "free_kb=$(df -Pk . | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
{python} -I -c 'import sys; print("python=%d.%d" % sys.version_info[:2])'
{more}
grep -qsi '^KillUserProcesses=[y1t]' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf && echo killed=yes
({state}) 2>/dev/null | grep -q '"state": "running"' && echo running=yes
true
"""
_WITH_PYTHON = """{python} -c 'import importlib.util as u
print("lacks=" + " ".join(n for n in "{names}".split() if u.find_spec(n) is None))'
"""
_WITHOUT_PYTHON = "{python} -I -c 'import venv, ensurepip' 2>/dev/null || echo venv=no\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What was found on a host.

    Args:
        root: folder for everything, absolute.
        free_bytes: on its disk.
        is_running: whether this very run is going on there.
        problems: what is wrong and what would help, one text each.
    """

    root: str
    free_bytes: int
    is_running: bool
    problems: tuple[str, ...]


def look(run: RemoteRun, transport: Transport, *, needs: Sequence[str] = ()) -> HostReport:
    """Returns what a host has and lacks for a run.

    Raises:
        ConnectionLostError: the host cannot be reached.
        RemoteError: it has no usable shell.
    """
    python = shlex.quote(run.interpreter)
    more = (
        _WITH_PYTHON.format(python=python, names=" ".join((*DEPENDENCIES, *(name.partition(".")[0] for name in needs))))
        if run.python
        else ""
    )
    more = more or _WITHOUT_PYTHON.format(python=python)
    state = HostJob(run, transport).script("state")
    script = _SCRIPT.format(python=python, root=shlex.quote(run.root), more=more, state=state)
    lines = transport.run(script).splitlines()
    found: dict[str, list[str]] = {}
    for name, _, value in (line.partition("=") for line in lines):
        found.setdefault(name, []).append(value.strip())
    return HostReport(
        root=found.get("root", [""])[-1],
        free_bytes=int(found.get("free_kb", ["0"])[-1] or 0) << 10,
        is_running="running" in found,
        problems=tuple(_problems(found, run)),
    )


def _problems(found: dict[str, list[str]], run: RemoteRun) -> list[str]:
    if "root" not in found:
        return [f"{run.root} cannot be made or written; name another folder: --root DIR"]
    problems = []
    missing = [name for name in found.get("missing", []) if name != run.python]
    if missing:
        problems.append(f"{', '.join(missing)} not installed; install: {' '.join(missing)}")
    if run.python in found.get("missing", []):
        problems.append(f"--python: {run.python} does not exist there")
    elif "python" in found:
        version = tuple(int(part) for part in found["python"][-1].split("."))
        if version < LEAST_PYTHON:
            problems.append(
                f"{run.interpreter} is {found['python'][-1]}, needed 3.11 or newer; name one: --python PATH"
            )
    if "venv" in found:
        problems.append("its python3 cannot make environments; install python3-venv, or name one: --python PATH")
    lacks = found.get("lacks", [""])[-1]
    if lacks:
        problems.append(f"--python: {run.python} lacks {lacks}; install perdure's dependencies there")
    if "killed" in found:
        problems.append(
            "it ends all processes of a user who logs out (KillUserProcesses in logind.conf); turn that off"
        )
    return problems


ENVIRONMENT_BYTES = 8 << 30
"""What an environment takes on a machine with a GPU, where torch brings its own libraries."""
_MAKE_ENVIRONMENT = """\
if [ ! -e {env}/ready ]; then
  mkdir -p {envs}
  exec 9> {envs}/lock
  flock 9
  if [ ! -e {env}/ready ]; then
    echo 'making the environment of this code, once'
    python3 -m venv --clear {env}
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    {env}/bin/python -m pip install --quiet --no-compile {constraints} '.[pixels,proof,tracks]'
    touch {env}/ready
  fi
  exec 9>&-
fi
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """Starts one run on one host.

    Args:
        run: what and where.
        config: of the run.
        git: repository of the code, at its top.
        transport: the way to the host.
        note: told every step, in words.
    """

    run: RemoteRun
    config: RunConfig
    git: Git
    transport: Transport
    note: Callable[[str], None]

    def start(self) -> RemoteRun:
        """Returns the run after starting it.

        Raises:
            NotReadyError: this machine or the host lacks something.
            RunBusyError: the run is going on there.
            ValueError: branch or code do not fit.
            ConnectionLostError: the host cannot be reached.
            RemoteError, GitError: something failed there.
        """
        check_tools()
        self.run.check_free()
        source = self.config.source_folder  # said here and now if it is not there
        found = self._looked()
        run = replace(self.run, root=found.root)
        job = HostJob(run, self.transport)
        if found.is_running:
            raise _busy(run)
        check_folder(run.local.path)
        run.claim()
        if source is not None:
            self.note(f"sending {source}, as far as it is not there yet")
            self.transport.run(f"mkdir -p {shlex.quote(run.sources(source))}")
            self.transport.send(source, run.sources(source))
        commit = self._send_code(run)
        job.install()
        self.note(f"starting {run.name} on {run.host}")
        try:
            job.start(self._described(run, commit))
        except RemoteError as error:
            raise _busy(run) if error.code == ALREADY_RUNNING else error from error
        return run

    def _looked(self) -> HostReport:
        self.note(f"looking at {self.run.host}")
        try:
            found = look(self.run, self.transport, needs=self.config.needs)
        except ConnectionLostError as error:
            raise NotReadyError(str(error)) from error
        needed = self.config.disk_bytes + _size(self.config.source_folder) + SPARE_BYTES
        needed += 0 if self.run.python else ENVIRONMENT_BYTES
        problems = list(found.problems)
        if found.free_bytes < needed:
            problems.append(f"{found.root} has {bytes_words(found.free_bytes)} free, needed {bytes_words(needed)}")
        if problems:
            raise NotReadyError(f"host {self.run.host}: {'; '.join(problems)}")
        return found

    def _send_code(self, run: RemoteRun) -> str:
        """Returns the commit that lies checked out on the host."""
        self.note("sending the code, uncommitted work included")
        repository, code = shlex.quote(run.repository), shlex.quote(run.code)
        self.transport.run(f"test -d {repository} || git init --quiet --bare {repository}")
        commit = snapshot(
            self.git,
            message=f"{run.name}: code of this run on {run.host}, uncommitted work included\n",
            files={f"{RUNS}/{run.name}/config.toml": tomli_w.dumps(to_dict(self._config_there(run)))},
            onto=self._tip(run) or "",
        )
        self.transport.push(self.git, run.repository, commit, run.branch)
        self.transport.run(
            f"cd {repository} && git worktree prune && if [ -e {code}/.git ]; "
            f"then git -C {code} checkout --quiet --force --detach {commit}; "
            f"else git worktree add --quiet --force --detach {code} {commit}; fi"
        )
        return commit

    def _config_there(self, run: RemoteRun) -> RunConfig:
        source = self.config.source_folder
        return self.config if source is None else self.config.reading(run.sources(source))

    def _tip(self, run: RemoteRun) -> str | None:
        """Returns the commit of the run's branch that new code goes on top of: the one there, or else here.

        Raises:
            ValueError: the branch has grown here and there.
        """
        here = self.git.commit_of(f"refs/heads/{run.branch}")
        try:
            there = self.transport.fetch(self.git, run.repository, run.branch)
        except GitError as error:
            if "has no branch" not in str(error):
                raise
            return here
        if here and self.git.try_("merge-base", "--is-ancestor", here, there) is None:
            raise ValueError(f"--branch: got '{run.branch}', which has commits that {run.host} lacks; choose another")
        return there

    def _described(self, run: RemoteRun, commit: str) -> dict[str, object]:
        """Returns the job as the host is to run it."""
        words = ["-u", "-m", "perdure", "run", "--config", f"{RUNS}/{run.name}/config.toml"]
        words += ["--out", f"../{RUNS}/{run.name}", "--resume", "--branch", run.branch]
        interpreter, script = run.python, "set -e\n"
        if not interpreter:
            env = environment_folder(self.git, commit, run)
            has_pins = self.git.try_("cat-file", "-e", f"{commit}:constraints.txt") is not None
            constraints = "--constraint constraints.txt" if has_pins else ""
            envs = shlex.quote(f"{run.root}/environments")
            script += _MAKE_ENVIRONMENT.format(env=shlex.quote(env), envs=envs, constraints=constraints)
            interpreter = f"{env}/bin/python"
        script += f"exec {shlex.join([interpreter, *words])}\n"
        return {
            "script": script,
            "folder": run.code,
            "variables": {"PYTHONPATH": f"{run.code}/src"},
            "heartbeat": f"{run.results}/HEARTBEAT.txt",
        }


def _size(folder: Path | None) -> int:
    """Returns the bytes of all files in a folder."""
    return 0 if folder is None else sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def check_tools() -> None:
    """Makes sure that the programs that reach a host are here.

    Raises:
        NotReadyError: one is not.
    """
    missing = [name for name in ("ssh", "rsync", "git") if shutil.which(name) is None]
    if missing:
        raise NotReadyError(f"not installed here: {', '.join(missing)}; install: {' '.join(missing)}")


def environment_folder(git: Git, commit: str, run: RemoteRun) -> str:
    """Returns the folder on the host of the environment that a commit needs; commits that need the same share it."""
    texts = [git.try_("show", f"{commit}:{name}") or "" for name in ("pyproject.toml", "constraints.txt")]
    return f"{run.root}/environments/{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:16]}"


def _busy(run: RemoteRun) -> RunBusyError:
    return RunBusyError(
        f"run {run.name} is going on on {run.host}; watch it: perdure remote attach {run.address}; "
        f"or stop it: perdure remote stop {run.address}"
    )
