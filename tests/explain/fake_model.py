"""An OpenAI-compatible server on loopback that answers as it is told to, well or badly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Say = Callable[[dict[str, Any]], Any]
"""From the request to what the model says, or to one of the markers below."""
FAIL, SLOW, HUGE, CUT, ELSEWHERE, TRICKLE = "FAIL", "SLOW", "HUGE", "CUT", "ELSEWHERE", "TRICKLE"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)  # type: ignore[attr-defined]
        said = self.server.say(asked)  # type: ignore[attr-defined]
        status = said if isinstance(said, int) else 500 if said == FAIL else 302 if said == ELSEWHERE else 200
        if said == SLOW:
            time.sleep(3)
        text = said if isinstance(said, str) else json.dumps(said)
        body = json.dumps({"choices": [{"message": {"content": "x" * 200_000 if said == HUGE else text}}]}).encode()
        self.send_response(status)
        if said == ELSEWHERE:
            self.send_header("Location", "http://127.0.0.1:9/other")
        self.end_headers()
        try:
            for start in range(0, len(body), 8) if said == TRICKLE else [0]:
                self.wfile.write(body[start : start + 8] if said == TRICKLE else body[:20] if said == CUT else body)
                self.wfile.flush()
                time.sleep(0.2 if said == TRICKLE else 0)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""


@contextmanager
def served(say: Say) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yields the address of a server, and what it was asked so far."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.say, server.asked, server.daemon_threads = say, [], True  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
