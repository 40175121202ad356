"""Language models behind an OpenAI-compatible endpoint: one POST by the standard library, in bounded time and size."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perdure.explain.language_model import MOST_BYTES, ModelFailed

KEY = "PERDURE_API_KEY"
"""Environment variable with the key of the endpoint, if it wants one."""
_UNSURE = (400, 404, 415, 422, 500, 501)
"""Answers of servers that do not know a schema, and may know plain JSON."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Sends the key and the facts to nobody else."""

    def redirect_request(self, *_: Any) -> None:
        """Follows none: the answer then counts as an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model on a server.

    Args:
        url: up to `/chat/completions`, such as http://127.0.0.1:8080/v1.
        model: as the server calls it.
        timeout_s: for the whole answer, however it trickles in.

    Raises:
        ValueError: the address is no http or https one, or the time not above 0.
    """

    url: str
    model: str
    timeout_s: float = 20.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(f"endpoint: got {self.url!r}, expected an address such as http://127.0.0.1:8080/v1")
        if not self.timeout_s > 0:
            raise ValueError(f"endpoint: got a timeout of {self.timeout_s} s, expected above 0")

    @property
    def name(self) -> str:
        """The model and where it is."""
        return f"{self.model} at {urlsplit(self.url).netloc}"

    def complete(self, task: str, data: dict[str, Any], schema: dict[str, Any]) -> str:
        """Returns the JSON of the model; see `Chat.complete`."""
        return within(self.timeout_s, lambda: self._completed(task, data, schema))

    def _completed(self, task: str, data: dict[str, Any], schema: dict[str, Any]) -> str:
        strict = {"name": "answer", "strict": True, "schema": schema}
        forms: tuple[dict[str, Any], ...] = (
            {"response_format": {"type": "json_schema", "json_schema": strict}},
            {"response_format": {"type": "json_object"}},
            {},
        )
        for form in forms:
            try:
                return self._posted({"messages": messages(task, data, schema), **form})
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in _UNSURE or form is forms[-1]:
                    raise ModelFailed(f"it answered with status {error.code}") from error
            except OSError as error:
                raise ModelFailed("it cannot be reached") from error
        raise ModelFailed("it did not answer")

    def _posted(self, values: dict[str, Any]) -> str:
        body = json.dumps({"model": self.model, "temperature": 0, "max_tokens": 800, "stream": False, **values})
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        address = f"{self.url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(address, body.encode(), headers)  # noqa: S310 - the scheme is checked
        opener = urllib.request.build_opener(_NoRedirects)
        with opener.open(request, timeout=self.timeout_s) as response:
            text = response.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ModelFailed("it answered with too much")
        return content_of(text)


def messages(task: str, data: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, str]]:
    """Returns a task and its data as messages; the schema stands there too, for servers that do not know of any."""
    system = f"{task}\nReturn one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
    return [{"role": "system", "content": system}, {"role": "user", "content": json.dumps(data)}]


def content_of(answer: bytes | dict[str, Any]) -> str:
    """Returns what a model said, from the answer of a chat.

    Raises:
        ModelFailed: it is none.
    """
    try:
        values = json.loads(answer) if isinstance(answer, bytes) else answer
        content = values["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError) as error:
        raise ModelFailed("it returned no answer of a chat") from error
    if not isinstance(content, str):
        raise ModelFailed("it returned no text")
    return content


def within(timeout_s: float, work: Any) -> str:
    """Returns what a function returns, or gives up on it: a server that trickles would hold a socket for ever.

    Raises:
        ModelFailed: it took too long, or raised something.
    """
    done: list[str | BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            done.append(error)

    thread = threading.Thread(target=run, name="perdure-model", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not done:
        raise ModelFailed(f"it took longer than {timeout_s:g} s")
    if isinstance(done[0], ModelFailed):
        raise done[0]
    if isinstance(done[0], BaseException):
        raise ModelFailed(f"it failed ({type(done[0]).__name__})") from done[0]
    return done[0]
