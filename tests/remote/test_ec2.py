"""Machines are hired with a limit on what they cost, and given back; a run survives that one is taken away.

Amazon is moto's server on loopback; the machine behind an instance is a real sshd on loopback.
"""

from __future__ import annotations

import base64
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from perdure.cli import main
from perdure.publish.git import Git
from perdure.recipes.recipes import recipe
from perdure.remote.ec2 import TAG, Ec2, Ec2Config, HostKey, Machine, user_data, write_ssh_config
from perdure.remote.hired import HiredRun
from perdure.remote.remote_run import RemoteRun
from perdure.runs.preflight import NotReadyError
from remote.test_host_job import Notice
from remote.test_remote_run import BRANCH, User, content, stages_on, user

pytest.importorskip("boto3", reason="the extra ec2 is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto is not installed")
__all__ = ["user"]


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ec2]:
    """Amazon's interface on loopback, with an empty account."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    request = urllib.request.Request(f"http://127.0.0.1:{server.get_host_and_port()[1]}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).close()  # noqa: S310 - our own server
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield Ec2.connect("eu-central-1")
    server.stop()


def config(amazon: Ec2, **changes: Any) -> Ec2Config:
    return Ec2Config(image=amazon.client.describe_images()["Images"][0]["ImageId"], **changes)


def test_a_machine_is_tagged_limited_and_given_back(amazon: Ec2) -> None:
    key = HostKey.make()
    hire = config(amazon, max_hours=2.5)
    machine = amazon.hire("g5.xlarge", hire, run="tiny", user_data=user_data(key, hire))
    machine = amazon.wait(machine)
    assert (machine.run, machine.state, machine.kind, machine.is_spot) == ("tiny", "running", "g5.xlarge", False)
    assert machine.address

    def attribute(name: str) -> Any:
        return amazon.client.describe_instance_attribute(InstanceId=machine.instance_id, Attribute=name)

    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    text = base64.b64decode(attribute("userData")["UserData"]["Value"]).decode()
    assert text.startswith("#cloud-config\n") and '  - [shutdown, -h, "+150"]' in text
    assert f"ed25519_public: {key.public}" in text and "BEGIN OPENSSH PRIVATE KEY" in text
    assert [found.instance_id for found in amazon.machines()] == [machine.instance_id]
    with pytest.raises(
        NotReadyError, match=f"ec2: {machine.instance_id} .tiny. hired already, allowed are 1; end them"
    ):
        amazon.hire("g5.xlarge", hire, run="other", user_data="")
    amazon.end(machine.instance_id)
    assert amazon.machines() == [] and amazon.machine(machine.instance_id).state == "terminated"


def test_forgotten_machines_are_listed_and_given_back(
    amazon: Ec2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = amazon.wait(amazon.hire("g5.xlarge", config(amazon), run="tiny", user_data=""))
    assert main(["remote", "list", "--ec2", "--region", "eu-central-1"]) == 0
    assert f"hired: {machine.instance_id} g5.xlarge running for tiny, since 20" in capsys.readouterr().out
    assert main(["remote", "down", "box", "--now"]) == 2
    assert main(["remote", "down", machine.instance_id, "--now", "--region", "eu-central-1"]) == 0
    assert amazon.machines() == []


def test_other_machines_of_the_account_are_no_business_of_ours(amazon: Ec2) -> None:
    image = config(amazon).image
    amazon.client.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    assert amazon.machines() == []


class Refusing:
    """Amazon without capacity for what is asked at the spot price, or for anything."""

    def __init__(self, client: Any, *, always: bool = False) -> None:
        self.client, self.always, self.asked = client, always, []  # type: ignore[var-annotated]

    def run_instances(self, **request: Any) -> Any:
        self.asked.append("InstanceMarketOptions" in request)
        if self.always or self.asked[-1]:
            error = RuntimeError("no capacity")
            error.response = {"Error": {"Code": "InsufficientInstanceCapacity"}}  # type: ignore[attr-defined]
            raise error
        return self.client.run_instances(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def test_without_spot_capacity_the_full_price_is_paid(amazon: Ec2) -> None:
    hire = config(amazon, spot=True, max_price_usd=0.5, max_machines=2)
    assert amazon.hire("g5.xlarge", hire, run="a", user_data="").is_spot
    refusing = Refusing(amazon.client)
    assert not Ec2(refusing).hire("g5.xlarge", hire, run="b", user_data="").is_spot
    assert refusing.asked == [True, False]
    with pytest.raises(NotReadyError, match="ec2: no capacity"):
        Ec2(Refusing(amazon.client, always=True)).hire(
            "g5.xlarge", config(amazon, max_machines=9), run="c", user_data=""
        )


@pytest.mark.parametrize("field", ["max_hours", "max_machines", "disk_gb"])
def test_limits_must_be_limits(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: got 0, expected above 0"):
        Ec2Config(**{field: 0})


def test_the_configuration_trusts_the_key_that_was_made_here_alone(tmp_path: Path) -> None:
    key = HostKey.make()
    machine = Machine(
        instance_id="i-1", run="a", state="running", address="203.0.113.7", kind="x", launched="", is_spot=False
    )
    text = write_ssh_config(machine, key, Ec2Config(identity="key.pem"), tmp_path).read_text(encoding="utf-8")
    assert "HostName 203.0.113.7" in text and "IdentityFile key.pem" in text
    assert (tmp_path / "i-1.known_hosts").read_text(encoding="utf-8") == f"203.0.113.7 {key.public}\n"


@pytest.mark.slow
@pytest.mark.integration
def test_a_run_goes_on_when_its_machine_is_taken_away(
    amazon: Ec2, user: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The notice comes while training waits; the second machine has another disk, and the run ends there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Notice)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.chdir(user.checkout)
    user.gate.touch()
    hosts: list[Path] = []
    said: list[str] = []

    def reach(machine: Machine, key: HostKey) -> tuple[str, Path]:
        if hosts:  # nothing of the first machine is left
            hosts[-1].rename(tmp_path / "gone")
            Notice.is_given = False
            user.gate.unlink()
        hosts.append(user.home)
        return "testbox", user.box.config

    def show(data: bytes) -> None:
        said.append(data.decode())
        if "waiting" in "".join(said):
            Notice.is_given = True

    work = HiredRun(
        run=RemoteRun(
            name="tiny-ec2",
            host="ec2",
            root=str(user.home),
            branch=BRANCH,
            out="runs/tiny-ec2",
            python=sys.executable,
        ),
        kind="g5.xlarge",
        config=recipe("tiny"),
        ec2=amazon,
        hire=config(amazon, spot=True),
        git=Git(user.checkout),
        show=show,
        note=said.append,
        sync_s=1.0,
        reach=reach,
        notice_url=f"http://127.0.0.1:{server.server_port}/latest/meta-data/spot/instance-action",
        patience=0.05,
    )
    try:
        run, state = work.follow()
    finally:
        Notice.is_given = False
        server.shutdown()
        server.server_close()
    text = "".join(said)
    assert (state.state, state.code, len(hosts)) == ("ended", 0, 2), text
    assert "testbox was taken away; the run goes on on another machine" in text
    assert "train      0/1          0 %" in text and "kept, nothing has changed" in text, "the data set came along"
    assert stages_on(user.checkout) == ["data", "train", "evaluate"]
    local = user.checkout / "runs" / "tiny-ec2"
    assert content(local) == content(user.home / "tiny-ec2" / "runs" / "tiny-ec2")
    assert amazon.machines() == [], "every machine was given back"
    states = amazon.client.describe_instances(Filters=[{"Name": "tag-key", "Values": [TAG]}])["Reservations"]
    assert len(states) == 2
    assert run.instance_id == states[-1]["Instances"][0]["InstanceId"]
