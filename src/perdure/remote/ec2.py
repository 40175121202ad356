"""Machines hired from Amazon for one run: launch, look, end. Needs the extra `ec2` (boto3) and the user's own account.

A hired machine ends itself: it is made so that switching it off terminates it, and it switches itself off after
`max_hours` whatever happens here. Every one carries a tag, so that none is forgotten. Network, key pair and image are
the user's own; nothing else is made in the account.
"""

from __future__ import annotations

import importlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure.runs.preflight import NotReadyError

TAG = "perdure-run"
NOTICE_URL = "http://169.254.169.254/latest/meta-data/spot/instance-action"
"""Where a machine learns that it is going to be taken away, two minutes before."""
_NO_CAPACITY = (
    "InsufficientInstanceCapacity",
    "MaxSpotInstanceCountExceeded",
    "SpotMaxPriceTooLow",
    "InsufficientCapacity",
)
_ALIVE = ["pending", "running", "stopping", "stopped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ec2Config:
    """A machine to hire; used with a host such as ec2:g5.xlarge."""

    image: str = ""
    """Image (ami-...) with cloud-init, sshd, git, rsync and Python 3.11."""
    key_name: str = ""
    """Name of your key pair there."""
    identity: str = ""
    """File of the private key; your agent's keys by default."""
    user: str = "ubuntu"
    """User that the image lets in."""
    security_group: str = ""
    """Security group that lets ssh in from here; the default one of your network if empty."""
    subnet: str = ""
    """Subnet; Amazon's choice if empty."""
    region: str = ""
    """Region; that of your own configuration if empty."""
    spot: bool = False
    """Hire at the spot price; without capacity at the full one. Taken away, the run goes on on another machine."""
    max_price_usd: float = 0.0
    """Highest spot price an hour; 0 for the full price."""
    max_hours: float = 6.0
    """The machine ends itself after this time, whatever happens here: the most that a run can cost."""
    max_machines: int = 1
    """Refuse to hire while so many are hired already."""
    disk_gb: int = 60
    """Size of its disk."""

    def __post_init__(self) -> None:
        for name in ("max_hours", "max_machines", "disk_gb"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0")
        if self.max_price_usd < 0:
            raise ValueError(f"max_price_usd: got {self.max_price_usd}, expected at least 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One hired machine.

    Args:
        instance_id: its id.
        run: name of the run that it was hired for.
        state: as Amazon says it.
        address: public address, empty before it has one.
        kind: instance type.
        launched: when, in UTC.
        is_spot: whether it may be taken away.
    """

    instance_id: str
    run: str
    state: str
    address: str
    kind: str
    launched: str
    is_spot: bool


@dataclass(frozen=True, slots=True)
class Ec2:
    """Amazon's interface, as far as one run needs it.

    Args:
        client: of boto3, for one region.
    """

    client: Any

    @classmethod
    def connect(cls, region: str = "") -> Ec2:
        """Returns the interface for a region.

        Raises:
            NotReadyError: boto3 is not installed, or no region is configured.
        """
        try:
            boto3 = importlib.import_module("boto3")
        except ImportError as error:
            raise NotReadyError("ec2: boto3 is not installed; install it with: pip install 'perdure[ec2]'") from error
        try:
            return cls(boto3.client("ec2", **({"region_name": region} if region else {})))
        except Exception as error:
            raise NotReadyError(f"ec2: {error}") from error

    def hire(self, kind: str, config: Ec2Config, *, run: str, user_data: str) -> Machine:
        """Returns a machine that is being launched; a spot one if wanted and there is capacity.

        Raises:
            NotReadyError: as many as allowed are hired already, or Amazon refuses.
        """
        hired = self.machines()
        if len(hired) >= config.max_machines:
            names = ", ".join(f"{machine.instance_id} ({machine.run})" for machine in hired)
            raise NotReadyError(
                f"ec2: {names} hired already, allowed are {config.max_machines}; end them with 'perdure remote down', "
                "or raise --ec2.max-machines"
            )
        request: dict[str, Any] = {
            "ImageId": config.image,
            "InstanceType": kind,
            "MinCount": 1,
            "MaxCount": 1,
            "UserData": user_data,
            "InstanceInitiatedShutdownBehavior": "terminate",
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": TAG, "Value": run}, {"Key": "Name", "Value": run}]}
            ],
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": config.disk_gb, "DeleteOnTermination": True}}
            ],
            "MetadataOptions": {"HttpTokens": "required"},
        }
        request |= {"KeyName": config.key_name} if config.key_name else {}
        request |= {"SecurityGroupIds": [config.security_group]} if config.security_group else {}
        request |= {"SubnetId": config.subnet} if config.subnet else {}
        price = {"MaxPrice": f"{config.max_price_usd:.4f}"} if config.max_price_usd else {}
        spot = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time", **price}}
        for more in ({"InstanceMarketOptions": spot}, {}) if config.spot else ({},):
            try:
                answer = self.client.run_instances(**request, **more)
            except Exception as error:
                if more and _code(error) in _NO_CAPACITY:
                    continue
                raise NotReadyError(f"ec2: {error}") from error
            return _machine(answer["Instances"][0])
        raise NotReadyError(f"ec2: no capacity for {kind}; another type or region may have some")

    def wait(self, machine: Machine) -> Machine:
        """Returns a machine once it runs and has an address.

        Raises:
            NotReadyError: it ended instead.
        """
        try:
            self.client.get_waiter("instance_running").wait(InstanceIds=[machine.instance_id])
        except Exception as error:
            raise NotReadyError(f"ec2: {machine.instance_id} did not come up ({error})") from error
        return self.machine(machine.instance_id)

    def machine(self, instance_id: str) -> Machine:
        """Returns a machine as it is now."""
        answer = self.client.describe_instances(InstanceIds=[instance_id])
        return _machine(answer["Reservations"][0]["Instances"][0])

    def machines(self) -> list[Machine]:
        """Returns all machines that were hired for runs and have not ended."""
        filters = [{"Name": "tag-key", "Values": [TAG]}, {"Name": "instance-state-name", "Values": _ALIVE}]
        pages = self.client.get_paginator("describe_instances").paginate(Filters=filters)
        return [
            _machine(instance)
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]

    def end(self, instance_id: str) -> None:
        """Gives a machine back, for good."""
        self.client.terminate_instances(InstanceIds=[instance_id])


def _code(error: Exception) -> str:
    response: Any = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _machine(instance: dict[str, Any]) -> Machine:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return Machine(
        instance_id=instance["InstanceId"],
        run=tags.get(TAG, ""),
        state=instance["State"]["Name"],
        address=instance.get("PublicIpAddress") or instance.get("PrivateIpAddress", ""),
        kind=instance["InstanceType"],
        launched=str(instance.get("LaunchTime", "")),
        is_spot=instance.get("InstanceLifecycle") == "spot",
    )


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key that a machine is to show, made here, so that it is known before the first connection.

    Args:
        private: as text.
        public: type and key.
    """

    private: str
    public: str

    @classmethod
    def make(cls) -> HostKey:
        """Returns a new key."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "key"
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "perdure", "-f", str(path)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - arguments as a list
            public = path.with_suffix(".pub").read_text(encoding="utf-8")
            return cls(path.read_text(encoding="utf-8"), " ".join(public.split()[:2]))


def user_data(key: HostKey, config: Ec2Config) -> str:
    """Returns what cloud-init does at the first start: show our host key, and end the machine after `max_hours`."""
    private = "".join(f"    {line}\n" for line in key.private.splitlines())
    minutes = max(1, round(60 * config.max_hours))
    return (
        "#cloud-config\n"
        "bootcmd:\n"
        f'  - [shutdown, -h, "+{minutes}"]\n'
        "ssh_deletekeys: true\n"
        f"ssh_keys:\n  ed25519_private: |\n{private}  ed25519_public: {key.public}\n"
    )


def write_ssh_config(machine: Machine, key: HostKey, config: Ec2Config, folder: Path) -> Path:
    """Returns an ssh configuration that leads to a machine by its id and trusts its key alone."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder.absolute() / machine.instance_id
    known = base.with_suffix(".known_hosts")
    known.write_text(f"{machine.address} {key.public}\n", encoding="utf-8")
    lines = [
        f"Host {machine.instance_id}",
        f"  HostName {machine.address}",
        f"  User {config.user}",
        f"  UserKnownHostsFile {known}",
        "  GlobalKnownHostsFile /dev/null",
        *([f"  IdentityFile {config.identity}", "  IdentitiesOnly yes"] if config.identity else []),
    ]
    path = base.with_suffix(".ssh_config")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
