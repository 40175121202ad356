"""A real sshd on loopback, with keys, host key and configuration of its own; can be stopped and started again."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = [name for name in ("ssh", "ssh-keygen", "rsync", "git") if shutil.which(name) is None]
MISSING += [] if SSHD else ["sshd"]


@dataclass
class Loopback:
    """One sshd and the ssh configuration that leads to it as `testbox`.

    Args:
        folder: holds keys, configuration and log.
        port: the same one after a restart.
    """

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    def make(self) -> None:
        """Makes keys and configuration."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host_key", "user_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(command, check=True)
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "UsePAM no",
            "StrictModes no",
            f"PidFile {self.folder}/sshd.pid",
            "MaxStartups 100",
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.trust((self.folder / "host_key.pub").read_text(encoding="utf-8"))
        lines = [
            "Host testbox",
            "  HostName 127.0.0.1",
            f"  Port {self.port}",
            f"  User {getpass.getuser()}",
            f"  IdentityFile {self.folder}/user_key",
            "  IdentitiesOnly yes",
            f"  UserKnownHostsFile {self.folder}/known_hosts",
            "  GlobalKnownHostsFile /dev/null",
        ]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def trust(self, public_key: str) -> None:
        kind, key = public_key.split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n", encoding="utf-8")

    def start(self) -> None:
        """Starts sshd and waits until it answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        command = [str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "sshd.log").read_text(encoding="utf-8"))

    def stop(self) -> None:
        """Ends sshd and every connection through it, as a network that breaks does; jobs are not its children."""
        import psutil

        if self.process is None:
            return
        # The processes that serve a connection are its children; what runs inside of one is not touched.
        servers = [
            child for child in psutil.Process(self.process.pid).children(recursive=True) if "sshd" in child.name()
        ]
        self.process.kill()
        self.process.wait()
        for server in servers:
            server.kill()
        self.process = None
