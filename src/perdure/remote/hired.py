"""A run on machines that are hired for it: if one is taken away, the run goes on on the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from perdure.publish.git import Git
from perdure.recipes.config import RunConfig
from perdure.remote.attach import Attachment, HostGoneError, try_fetch
from perdure.remote.ec2 import NOTICE_URL, Ec2, Ec2Config, HostKey, Machine, user_data, write_ssh_config
from perdure.remote.launch import Launch
from perdure.remote.remote_run import MEMORY, HostJob, JobState, RemoteRun
from perdure.remote.transport import ConnectionLostError
from perdure.runs.preflight import NotReadyError

READY_S = 300.0
"""How long a machine that runs may take until it lets us in."""
MOST_MACHINES = 10
"""One after the other: spot machines that are taken away again and again end a run."""

Reach = Callable[[Machine, HostKey], tuple[str, Path]]
"""Returns the host and the ssh configuration that lead to a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiredRun:
    """One run, on one hired machine after the other until it has ended.

    Args:
        run: what and where; host, configuration and machine are filled in.
        kind: instance type.
        config: of the run.
        ec2: Amazon's interface.
        hire: the machine.
        git: repository of the code.
        show: takes bytes of the log.
        note: takes words.
        sync_s: seconds between two copies.
        reach: leads to a machine.
        notice_url: where the machine learns that it is going to be taken away.
        patience: factor on waits.
    """

    run: RemoteRun
    kind: str
    config: RunConfig
    ec2: Ec2
    hire: Ec2Config
    git: Git
    show: Callable[[bytes], None]
    note: Callable[[str], None]
    sync_s: float = 60.0
    reach: Reach | None = None
    notice_url: str = NOTICE_URL
    patience: float = 1.0

    def follow(self) -> tuple[RemoteRun, JobState]:
        """Returns the run on its last machine, which has been given back, and how it ended.

        Raises:
            NotReadyError: no machine could be hired or used, or too many were taken away.
            ValueError: the folder here holds something else.
        """
        self.run.check_free()
        for number in range(MOST_MACHINES):
            run, state = self._on_one_machine(is_first=number == 0)
            if state is not None and state.reason != "interrupted":
                return run, state
            self.note(f"{run.host} was taken away; the run goes on on another machine")
        raise NotReadyError(f"ec2: {MOST_MACHINES} machines were taken away; hire without --ec2.spot")

    def _on_one_machine(self, *, is_first: bool) -> tuple[RemoteRun, JobState | None]:
        """Returns how the run ended on a machine of its own; None if that vanished."""
        key = HostKey.make()
        machine = self.ec2.hire(self.kind, self.hire, run=self.run.name, user_data=user_data(key, self.hire))
        self.note(f"hired {machine.instance_id} ({self.kind}{', spot' if machine.is_spot else ''})")
        is_started = False
        try:
            run = self._reached(self.ec2.wait(machine), key)
            launch = Launch(run, self.config, self.git, run.transport(), self.note, sends_results=not is_first)
            run = launch.start()
            is_started = True
            job = HostJob(run, run.transport())
            state = self._followed(job, machine)
            is_fetched = try_fetch(job, self.git, self.note) if state else False
        except KeyboardInterrupt:
            if is_started:
                self.note(f"left; {machine.instance_id} works on, for {self.hire.max_hours:g} h at most from its start")
            else:
                self.ec2.end(machine.instance_id)
            raise
        except BaseException:
            self.ec2.end(machine.instance_id)
            raise
        if state is not None and state.reason != "interrupted" and not is_fetched:
            self.note(
                f"{machine.instance_id} is kept until its branch is fetched; end it: perdure remote down {run.address}"
            )
            return run, state
        self.ec2.end(machine.instance_id)
        run.forget()
        return run, state

    def _reached(self, machine: Machine, key: HostKey) -> RemoteRun:
        """Returns the run on a machine once that lets us in.

        Raises:
            NotReadyError: it does not.
        """
        reach = self.reach or (lambda found, made: self._configured(found, made))
        host, config = reach(machine, key)
        run = replace(
            self.run,
            host=host,
            ssh_config=str(config),
            is_whole=True,
            notice_url=self.notice_url if machine.is_spot else "",
            instance_id=machine.instance_id,
            region=self.hire.region,
        )
        # Results of an earlier machine belong to the same run.
        run.save()
        deadline_s = time.monotonic() + READY_S
        while True:
            try:
                run.transport().run("true")
                return run
            except ConnectionLostError as error:
                if time.monotonic() > deadline_s:
                    raise NotReadyError(f"ec2: {error}") from error
                time.sleep(5.0 * self.patience)

    def _configured(self, machine: Machine, key: HostKey) -> tuple[str, Path]:
        return machine.instance_id, write_ssh_config(machine, key, self.hire, MEMORY)

    def _followed(self, job: HostJob, machine: Machine) -> JobState | None:
        def is_gone() -> bool:
            return self.ec2.machine(machine.instance_id).state not in ("pending", "running")

        attachment = Attachment(job, self.show, self.note, sync_s=self.sync_s, patience=self.patience, is_gone=is_gone)
        try:
            return attachment.follow()
        except HostGoneError:
            return None
