"""Decisions that go to a webhook or a broker: all of them, in order, and never at the cost of the stream."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perdure.live.delivery import Delivery

ROWS = [{"track_id": index, "label": "persistent"} for index in range(20)]
QUICK = (0.01,)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert not {thread.name for thread in set(threading.enumerate()) - before if "Thread-" not in thread.name}


class Hook:
    """A webhook on loopback that answers with the codes it is given, then with 200."""

    def __init__(self, codes: list[int]) -> None:
        self.codes, self.rows, self.headers = codes, list[dict[str, object]](), list[dict[str, str]]()
        self.address = ""


@contextmanager
def webhook(*codes: int) -> Iterator[Hook]:
    hook = Hook(list(codes))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = hook.codes.pop(0) if hook.codes else 200
            if code == 200:
                hook.rows.append(json.loads(body))
                hook.headers.append(dict(self.headers))
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hook.address = f"http://127.0.0.1:{server.server_address[1]}/seen"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


def sent(address: str, rows: list[dict[str, object]], *, grace_s: float = 10.0) -> Delivery:
    with Delivery(address, pauses_s=QUICK, grace_s=grace_s) as delivery:
        for row in rows:
            delivery.put(row)
    return delivery


def test_a_webhook_gets_every_decision_in_order() -> None:
    with webhook() as hook:
        delivery = sent(hook.address, ROWS)
    assert (hook.rows, delivery.problems) == (ROWS, ())
    assert {headers["Content-Type"] for headers in hook.headers} == {"application/json"}


@pytest.mark.parametrize("code", [500, 503, 429])
def test_a_webhook_that_fails_for_a_while_gets_all_of_them_later(code: int) -> None:
    with webhook(code, 200, code, code) as hook:
        delivery = sent(hook.address, ROWS)
    assert (hook.rows, delivery.problems) == (ROWS, ())


@pytest.mark.parametrize("code", [302, 400, 404])
def test_what_a_webhook_refuses_is_said_and_does_not_hold_up_the_rest(code: int) -> None:
    with webhook(200, code) as hook:
        delivery = sent(hook.address, ROWS)
    assert hook.rows == [ROWS[0], *ROWS[2:]]
    (line,) = delivery.problems
    assert line.startswith("send: 1 decision(s) were not delivered") and f"answer {code}" in line


def test_a_webhook_that_is_not_there_is_said_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    delivery = sent(f"http://me:secret@127.0.0.1:{port}/seen", ROWS, grace_s=0.3)
    (line,) = delivery.problems
    assert line.startswith("send: 20 decision(s)") and "refused" in line and "secret" not in line


def test_the_password_of_a_webhook_goes_into_a_header_alone() -> None:
    with webhook() as hook:
        sent(hook.address.replace("127", "me:p%40ss@127"), ROWS[:1])
    assert base64.b64decode(hook.headers[0]["Authorization"].removeprefix("Basic ")) == b"me:p@ss"


@pytest.mark.parametrize(
    "address",
    ["ftp://host/x", "http://", "mqtt://host", "mqtt://host/a/#", "host", "http://host:99999/x", "mqtt://h/+"],
)
def test_addresses_that_lead_nowhere_are_one_line(address: str) -> None:
    pytest.importorskip("paho.mqtt.client")
    with pytest.raises(ValueError, match=r"^send: got .*, expected "):
        Delivery(address)


class Broker:
    """As much of an MQTT 3.1.1 broker as one publisher needs (OASIS MQTT 3.1.1, sections 3.1 to 3.4)."""

    def __init__(self, *, num_cuts: int = 0) -> None:
        self.published = list[tuple[str, dict[str, object]]]()
        self.login = b""
        self._num_cuts = num_cuts
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as packets:
                self._serve(connection, packets)

    def _serve(self, connection: socket.socket, packets: object) -> None:
        read = packets.read  # type: ignore[attr-defined]
        while head := read(1):
            length, shift = 0, 0
            while True:
                byte = read(1)[0]
                length, shift = length | (byte & 127) << shift, shift + 7
                if byte < 128:
                    break
            body = read(length)
            if head[0] >> 4 == 1:
                self.login = body
                connection.sendall(b"\x20\x02\x00\x00")
            elif head[0] >> 4 == 3:
                (size,) = struct.unpack(">H", body[:2])
                if self._num_cuts:  # the line breaks before the answer
                    self._num_cuts -= 1
                    return
                self.published.append((body[2 : 2 + size].decode(), json.loads(body[4 + size :])))
                connection.sendall(b"\x40\x02" + body[2 + size : 4 + size])

    def close(self) -> None:
        self._server.close()


@pytest.mark.parametrize("num_cuts", [0, 1])
def test_a_broker_gets_every_decision_at_least_once(num_cuts: int) -> None:
    pytest.importorskip("paho.mqtt.client")
    broker = Broker(num_cuts=num_cuts)
    delivery = sent(f"mqtt://me:p%40ss@127.0.0.1:{broker.port}/street/north", ROWS)
    broker.close()
    assert delivery.problems == ()
    assert {topic for topic, _ in broker.published} == {"street/north"}
    assert [
        row for index, (_, row) in enumerate(broker.published) if row not in [r for _, r in broker.published[:index]]
    ] == ROWS
    assert b"me" in broker.login and b"p@ss" in broker.login


def test_a_broker_that_is_not_there_is_said() -> None:
    pytest.importorskip("paho.mqtt.client")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (line,) = sent(f"mqtt://127.0.0.1:{port}/street", ROWS[:2], grace_s=0.3).problems
    assert line.startswith("send: 2 decision(s)") and "refused" in line
