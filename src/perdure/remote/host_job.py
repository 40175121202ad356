"""The part that works on the host: keeps one job alive without us, says how it is, and ends it, all of it.

Copied there and run before there is an environment, so it uses the standard library alone. A folder holds one job:

    job.json   what to run        lock   held by the supervisor as long as it lives
    log        all output         pid    of the supervisor, and which boot of which machine it belongs to
    end.json   exists once the job has ended; says how

The supervisor is in a session of its own and adopts whatever the job leaves behind, so that no hang-up reaches the
job and nothing of it outlives a stop.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ALREADY_RUNNING = 3  # exit code of a start
GRACE_S = 20.0
"""A run stops by itself within 8 s of SIGTERM; whoever does not is killed after this."""
STOP_S = 40.0
"""How long a stop waits for the supervisor before it does the work itself."""
POLL_S = 0.2
_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_prctl = ctypes.CDLL(None).prctl


def _boot() -> str:
    """Returns what tells this machine, and this boot of it, from others that share its disks."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _write(path: Path, value: Any) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return {}


def _locked(job: Path) -> int | None:
    """Returns a handle that holds the lock of a job, None if its supervisor holds it."""
    handle = os.open(job / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def is_running(job: Path) -> bool:
    """Returns whether the supervisor of a job lives."""
    handle = _locked(job) if (job / "lock").is_file() else -1
    if handle == -1:
        return False
    if handle is not None:
        os.close(handle)
    return handle is None


def start(job: Path, described: dict[str, Any]) -> int:
    """Starts a job that outlives us; returns 0, or `ALREADY_RUNNING` and changes nothing.

    Args:
        job: folder of the job, made if missing.
        described: `script` for sh, `folder` to run it in, `variables` of the environment, `heartbeat` file to judge
            it by; all but the first two may be missing.
    """
    job.mkdir(parents=True, exist_ok=True)
    lock = _locked(job)
    if lock is None:
        return ALREADY_RUNNING
    (job / "end.json").unlink(missing_ok=True)
    _write(job / "job.json", described)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        os.setsid()
        if os.fork() == 0:
            _supervise(job, described, ready=writer)
        os._exit(0)
    os.close(writer)
    os.close(lock)  # the supervisor has it now
    is_ready = os.read(reader, 1) == b"+"
    return 0 if is_ready else 1


def _supervise(job: Path, described: dict[str, Any], *, ready: int) -> None:
    """Runs the job until it ends; never returns."""
    asked: list[str] = []
    code, reason = 1, ""
    try:
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: asked.append("stopped"))
        _prctl(_SET_CHILD_SUBREAPER, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(job / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for stream in (1, 2):
            os.dup2(log, stream)
        _write(job / "pid", {"pid": os.getpid(), "boot": _boot(), "host": os.uname().nodename, "started": time.time()})
        child = subprocess.Popen(  # noqa: S603 - what the user has asked for
            ["/bin/sh", "-c", described["script"]],
            cwd=described["folder"],
            env={**os.environ, **described.get("variables", {})},
            start_new_session=True,
            # If this supervisor is killed alone, the job stops at its next safe point instead of running unwatched.
            preexec_fn=lambda: _prctl(_SET_DEATH_SIGNAL, signal.SIGTERM),
        )
        os.write(ready, b"+")
        os.close(ready)
        code, reason = _watched(child, asked)
    except BaseException as error:  # noqa: BLE001 - goes into the file that says how it ended
        reason = f"{type(error).__name__}: {error}"
    finally:
        end_descendants(os.getpid())
        _write(job / "end.json", {"code": code, "reason": reason, "ended": time.time()})
        os._exit(0)


def _watched(child: subprocess.Popen[bytes], asked: list[str]) -> tuple[int, str]:
    """Returns how a job ended and why; stops it when asked to."""
    reason, kill_s = "", 0.0
    while child.poll() is None:
        now_s = time.monotonic()
        if asked and not reason:
            reason, kill_s = asked[0], now_s + GRACE_S
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        if reason and now_s >= kill_s:
            end_descendants(os.getpid())
        time.sleep(POLL_S)
    code = child.returncode
    return (code if code >= 0 else 128 - code), reason


def end_descendants(pid: int) -> None:
    """Kills every process below one, also those that have left its session, until there is none."""
    for _ in range(50):
        found = descendants(pid)
        for number in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Returns the processes below one that still live."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            rest = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if rest[0] != "Z":
                below.setdefault(int(rest[1]), []).append(int(path.parent.name))
    found = list(below.get(pid, []))
    for child in found:  # grows while it is walked
        found += below.get(child, [])
    return found


def state(job: Path) -> dict[str, Any]:
    """Returns how a job is, judged by the clock of this machine.

    `state` is `none`, `running`, `ended` or `lost` (gone without a word: killed, or the machine was switched off).
    """
    end, described, held = _read(job / "end.json"), _read(job / "job.json"), is_running(job)
    word = "running" if held else "ended" if end else "lost" if described else "none"
    log = job / "log"
    result: dict[str, Any] = {
        "state": word,
        "code": end.get("code") if word == "ended" else None,
        "reason": end.get("reason", "") if word == "ended" else "",
        "log_bytes": log.stat().st_size if log.is_file() else 0,
        "heartbeat_age_s": None,
        "heartbeat": "",
        "now_s": time.time(),
    }
    beat = last_line(Path(described.get("heartbeat") or os.devnull))
    started = float(_read(job / "pid").get("started", 0.0))
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(beat.split("  ")[0])
        if moment.timestamp() >= int(started):  # one of an earlier start says nothing about this one
            age_s = (datetime.now(UTC) - moment).total_seconds()
            result |= {"heartbeat_age_s": age_s, "heartbeat": beat}
    return result


def last_line(path: Path) -> str:
    """Returns the last whole line of a file, empty if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return lines[-2] if len(lines) > 1 else ""


def stop(job: Path) -> None:
    """Ends a job and all of its processes, and nothing else.

    Raises:
        RuntimeError: it runs on another machine that shares this disk.
    """
    if not is_running(job):
        return
    found = _read(job / "pid")
    if found.get("boot") != _boot():
        raise RuntimeError(f"the job runs on {found.get('host')}, which shares this disk; stop it from there")
    pid = int(found["pid"])
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_S
    while is_running(job) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    if is_running(job):
        end_descendants(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _write(job / "end.json", {"code": 137, "reason": "stopped by force", "ended": time.time()})


def follow(job: Path, offset: int) -> None:
    """Writes the log from a byte on, as it grows, until the job has ended or the reader has gone."""
    path = job / "log"
    while True:
        was_running = is_running(job)
        if path.is_file():
            with path.open("rb") as file:
                file.seek(offset)
                while data := file.read(1 << 16):
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
                    offset += len(data)
        if not was_running:
            return
        # The other end of our input closes when the connection does; nothing is ever sent on it.
        if select.select([sys.stdin], [], [], POLL_S)[0] and not os.read(0, 1):
            return


def main() -> int:
    """Runs one verb on one job: start, state, stop or follow; returns the exit code."""
    verb, job = sys.argv[1], Path(sys.argv[2])
    if verb == "start":
        return start(job, json.load(sys.stdin))
    if verb == "follow":
        with contextlib.suppress(BrokenPipeError):
            follow(job, int(sys.argv[3]))
        return 0
    if verb == "stop":
        try:
            stop(job)
        except RuntimeError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(json.dumps(state(job)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
