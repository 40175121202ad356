"""Decisions as they fall, to a webhook or an MQTT broker, without ever making the gate wait.

A thread of its own delivers in order, and tries again while the other side cannot be reached. What cannot be delivered
is counted: no decision is lost by that, since all of them are in decisions.jsonl.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from perdure.extras import named_extras
from perdure.video.address import shown_address

QUEUE_LENGTH = 10_000
"""Decisions that may wait; at a decision of 200 bytes that is 2 MB."""
TIMEOUT_S = 5.0
"""An answer that takes longer is none."""
PAUSES_S = (0.2, 1.0, 5.0, 30.0)
"""Waits between tries; the last one is repeated."""
GRACE_S = 10.0
"""After the stream has ended, what waits is delivered for so long at most."""
SCHEMES = ("http", "https", "mqtt", "mqtts")


class RefusedError(Exception):
    """The other side does not want this message; to send it again would change nothing."""


class Transport(Protocol):
    """One way to hand a message over."""

    def send(self, payload: bytes) -> None:
        """Hands one message over and waits until it has arrived.

        Raises:
            OSError: it may arrive if it is sent again.
            RefusedError: it never will.
        """

    def close(self) -> None:
        """Ends the connection."""


class Delivery:
    """Delivers rows of decisions.jsonl in order; use it in a `with` block.

    A row arrives at least once: twice where an answer was lost on its way. `track_id`, `frame_index` and `reason` name
    it.

    Args:
        address: `http(s)://[user:password@]host[:port]/path`, which gets a POST with one JSON object each; or
            `mqtt(s)://[user:password@]host[:port]/topic`, where each is published with quality of service 1.
        pauses_s: waits between tries; the last one is repeated.
        grace_s: how long what still waits is delivered after the block.

    Raises:
        ValueError: the address is none of these.
        ModuleNotFoundError: MQTT needs the extra `mqtt`.
    """

    def __init__(self, address: str, *, pauses_s: tuple[float, ...] = PAUSES_S, grace_s: float = GRACE_S) -> None:
        self._shown, self._transport = shown_address(address), _transport(address)
        self._pauses_s, self._grace_s = pauses_s, grace_s
        self._waiting = deque[bytes]()
        self._changed = threading.Condition()
        self._ending, self._given_up, self._reason = threading.Event(), threading.Event(), ""
        self._num_taken, self._num_arrived = 0, 0
        self._thread = threading.Thread(target=self._deliver, name="delivery", daemon=True)

    def __enter__(self) -> Delivery:
        self._thread.start()
        return self

    def put(self, row: Mapping[str, Any]) -> None:
        """Takes in one row and returns at once; where too many wait, the new one is not delivered."""
        with self._changed:
            self._num_taken += 1
            if len(self._waiting) < QUEUE_LENGTH:
                self._waiting.append(json.dumps(row, allow_nan=False).encode())
                self._changed.notify()

    def _deliver(self) -> None:
        """Sends what waits, the oldest first, until the end; runs in the thread."""
        num_failed = 0
        while not self._given_up.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
                if not self._waiting:
                    return
                payload = self._waiting[0]
            try:
                self._transport.send(payload)
            except RefusedError as error:
                self._reason = str(error)
            except OSError as error:
                self._reason = _one_line(error)
                # The end cuts a long wait short, but not to nothing.
                if self._ending.wait(self._pauses_s[min(num_failed, len(self._pauses_s) - 1)]):
                    self._given_up.wait(self._pauses_s[0])
                num_failed += 1
                continue
            else:
                self._num_arrived += 1
            num_failed = 0
            self._waiting.popleft()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ending.set()
            self._changed.notify()
        self._thread.join(self._grace_s)
        self._given_up.set()
        self._thread.join(TIMEOUT_S)
        self._transport.close()

    @property
    def problems(self) -> tuple[str, ...]:
        """A line on what was not delivered, and why; empty if all was. Ask after the block."""
        num = self._num_taken - self._num_arrived
        if num == 0:
            return ()
        why = f" ({self._reason})" if self._reason else ""
        return (f"send: {num} decision(s) were not delivered to {self._shown}{why}; all are in decisions.jsonl",)


def _one_line(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return " ".join(str(reason or error).split()) or type(error).__name__


def _transport(address: str) -> Transport:
    """Returns the way to an address.

    Raises:
        ValueError: there is none.
    """
    expected = "expected http(s)://HOST/PATH or mqtt(s)://HOST/TOPIC"
    try:
        url = urlsplit(address)
        is_sound = url.scheme in SCHEMES and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError as error:
        raise ValueError(f"send: got {shown_address(address)}, {expected} ({error})") from None
    if not is_sound:
        raise ValueError(f"send: got {shown_address(address)}, {expected}")
    if url.scheme.startswith("http"):
        return _Webhook(url)
    topic = unquote(address.partition("://")[2].partition("/")[2])
    if not topic or any(sign in topic for sign in "+#\0"):
        raise ValueError(f"send: got {shown_address(address)}, expected a topic after the host, without + and #")
    return _Broker(url, topic)


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what was a POST would arrive as an empty GET, maybe somewhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Returns nothing, so that the answer counts as an error."""


class _Webhook:
    """POST of one JSON object each."""

    def __init__(self, url: SplitResult) -> None:
        host = url.netloc.rpartition("@")[2]
        self._url = url._replace(netloc=host).geturl()
        self._headers = {"Content-Type": "application/json", "User-Agent": "perdure"}
        if url.username is not None:
            words = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(words.encode()).decode()
        self._opener = urllib.request.build_opener(_StaysHere)

    def send(self, payload: bytes) -> None:
        """Posts one message."""
        request = urllib.request.Request(self._url, payload, self._headers, method="POST")  # noqa: S310 - http(s) alone comes here
        try:
            self._opener.open(request, timeout=TIMEOUT_S).close()
        except urllib.error.HTTPError as error:
            error.close()
            answer = f"answer {error.code} {error.reason}".strip()
            # 408 and 429 ask for another try, as do all faults of the server; the rest will not change its mind.
            if error.code in (408, 429) or error.code >= 500:
                raise OSError(answer) from None
            raise RefusedError(answer) from None
        except http.client.HTTPException as error:  # no sound answer; it is no OSError
            raise OSError(f"no HTTP answer ({type(error).__name__})") from None

    def close(self) -> None:
        """Does nothing: there is one connection a message."""


class _Broker:
    """Messages of quality of service 1 on a topic; the connection is made by the first one and kept."""

    def __init__(self, url: SplitResult, topic: str) -> None:
        with named_extras():
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion

        is_safe = url.scheme == "mqtts"
        self._host, self._port = url.hostname or "", url.port or (8883 if is_safe else 1883)
        self._topic, self._is_connected, self._refusal = topic, threading.Event(), ""
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect_timeout = TIMEOUT_S
        self._client.on_connect = self._heard
        self._client.on_disconnect = lambda *_: self._is_connected.clear()
        self._is_started = False
        if is_safe:
            self._client.tls_set()
        if url.username is not None:
            self._client.username_pw_set(unquote(url.username), None if url.password is None else unquote(url.password))

    def _heard(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._refusal = f"broker: {reason}" if reason.is_failure else ""
        if not reason.is_failure:
            self._is_connected.set()

    def send(self, payload: bytes) -> None:
        """Publishes one message and waits for the answer of the broker."""
        if not self._is_started:
            self._client.connect(self._host, self._port)
            self._client.loop_start()  # from here on its thread connects again by itself
            self._is_started = True
        if not self._is_connected.wait(TIMEOUT_S):
            raise OSError(self._refusal or "no connection to the broker")
        message = self._client.publish(self._topic, payload, qos=1)
        try:
            message.wait_for_publish(TIMEOUT_S)
        except (RuntimeError, ValueError) as error:
            raise OSError(_one_line(OSError(str(error)))) from None
        if not message.is_published():
            raise OSError("the broker did not confirm the message")

    def close(self) -> None:
        """Ends connection and thread."""
        self._client.disconnect()
        self._client.loop_stop()
