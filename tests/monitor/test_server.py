from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.types import Message

from monitor.stored_runs import stored_run
from perdure.monitor.guard import Guard
from perdure.monitor.server import application, serve
from perdure.monitor.site import Places, Site

HERE = {"host": "127.0.0.1:8399"}


def ask(
    app: Guard, path: str, *, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Returns status, headers and content of an answer."""
    path, _, query = path.partition("?")
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": pairs, "scheme": "http", "server": ("127.0.0.1", 8399), "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.png").write_bytes(b"secret")
    run = stored_run(tmp_path / "runs" / "a")
    (run.analysis / "chart.png").write_bytes(b"chart")
    (run.analysis / "linked.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "runs" / "b").symlink_to(tmp_path)
    return tmp_path / "runs"


def test_the_page_is_given_with_all_it_loads_and_may_load_nothing_from_elsewhere(folder: Path) -> None:
    app = application(Site(Places(runs=folder)))
    status, headers, content = ask(app, "/", headers=HERE)
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not re.search(r"https?:|unsafe|\*", headers["content-security-policy"])
    parts = set(re.findall(rb'(?:src|href)="(/page/[^"]+)"', content))
    assert len(parts) == 9
    for part in parts:
        assert ask(app, part.decode(), headers=HERE)[0] == 200, part


def test_what_is_shown_goes_into_the_page_as_text() -> None:
    """A name, a line of a log or a title that holds HTML must be no HTML."""
    from importlib.resources import files

    for item in files("perdure.monitor").joinpath("page").iterdir():
        if item.name.endswith(".js") and item.name != "uplot.js":
            assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://(?!www\.w3\.org/2000/svg)",
                                 item.read_text(encoding="utf-8")), item.name  # fmt: skip


@pytest.mark.parametrize(
    ("run", "path"),
    [("a", "../../secret.png"), ("a", "analysis/linked.png"), ("a", "analysis/../run.json"), ("a", "run.json"),
     ("a", "config.toml"), ("b", "secret.png"), ("..", "secret.png"), ("", ""), ("a", "/etc/passwd"), ("a", "a\0")],
)  # fmt: skip
def test_nothing_but_pictures_of_runs_can_be_had(folder: Path, run: str, path: str) -> None:
    app = application(Site(Places(runs=folder)))
    status, _, content = ask(app, f"/picture?run={quote(run)}&path={quote(path)}", headers=HERE)
    assert (status, content) == (404, b"not found\n")


@pytest.mark.parametrize(
    "path",
    ["/page/../server.py", "/page/%2e%2e", "/page/__init__.py", "/etc/passwd", "/watched/picture", "/watched/events"],
)
def test_other_paths_are_not_found(folder: Path, path: str) -> None:
    assert ask(application(Site(Places(runs=folder))), path, headers=HERE)[0] == 404


def test_a_picture_of_a_run_can_be_had(folder: Path) -> None:
    status, headers, content = ask(
        application(Site(Places(runs=folder))), "/picture?run=a&path=analysis/chart.png", headers=HERE
    )
    assert (status, headers["content-type"], content) == (200, "image/png", b"chart")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(folder: Path, method: str) -> None:
    assert ask(application(Site(Places(runs=folder))), "/places", headers=HERE, method=method)[0] == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "localhost:1"}, 200), ({"host": "[::1]:1"}, 200), ({"host": "evil.example:8399"}, 403), ({}, 403),
     ({"host": "127.0.0.1.evil.example"}, 403), (HERE | {"sec-fetch-site": "cross-site"}, 403)],
)  # fmt: skip
def test_on_loopback_the_name_must_be_of_this_machine(folder: Path, headers: dict[str, str], status: int) -> None:
    """A page of somebody else whose name points to 127.0.0.1 would have read along."""
    assert ask(application(Site(Places(runs=folder))), "/places", headers=headers)[0] == status


def test_elsewhere_a_token_must_be_known(folder: Path) -> None:
    app = application(Site(Places(runs=folder)), token="right")  # noqa: S106
    for path, headers in (
        ("/", {}), ("/places", HERE), ("/picture?run=a&path=analysis/chart.png", {}), ("/?token=wrong", {}),
        ("/?token=", {}), ("/", {"cookie": "perdure-token=wrong"}), ("/", {"cookie": "perdure-token="}),
        ("/", {"authorization": "Bearer wrong"}), ("/", {"cookie": "\x01=;;"}),
    ):  # fmt: skip
        assert ask(app, path, headers=headers)[0] == 401, (path, headers)
    status, headers, _ = ask(app, "/?token=right")
    assert (status, headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= set(headers["set-cookie"].split("; "))
    assert ask(app, "/places", headers={"cookie": headers["set-cookie"].split(";")[0]})[0] == 200
    assert ask(app, "/places", headers={"authorization": "Bearer right"})[0] == 200


def test_an_address_that_others_reach_needs_a_token(folder: Path) -> None:
    with pytest.raises(ValueError, match="without a token"):
        serve(Site(Places(runs=folder)), host="0.0.0.0", port=0, token=None, on_start=print)  # noqa: S104


async def fifty_clients(port: int) -> list[bytes]:
    async def first_events() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /events?run=a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        found = b""
        while b"event: detail" not in found:
            found += await asyncio.wait_for(reader.read(1 << 16), 30)
        writer.close()
        return found

    return await asyncio.gather(*(first_events() for _ in range(50)))


@pytest.mark.integration
def test_fifty_look_on_and_a_signal_ends_it(folder: Path) -> None:
    command = [sys.executable, "-m", "perdure", "monitor", str(folder), "--port", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().split(":")[2].split("/")[0])
        answers = asyncio.run(fifty_clients(port))
        assert all(answer.count(b"event: curves") == 1 for answer in answers)
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=20)
    assert (server.returncode, errors) == (0, "")
