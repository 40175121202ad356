"""The server: a page, its events and pictures; it only reads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path, PurePosixPath

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from perdure.live.outputs import NEWEST_PICTURE
from perdure.monitor.feeds import Feed, RunsFeed, WatchFeed
from perdure.monitor.guard import LOOPBACK, Guard
from perdure.monitor.inside import opened_inside
from perdure.monitor.site import Site

RUNS_PERIOD_S, WATCH_PERIOD_S = 1.0, 0.25
"""Seconds between two looks for something new."""
MOST_FEEDS = 200
"""Browsers that are told what is new; more are asked to come back."""
MOST_PICTURE_BYTES = 20 << 20
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".css": "text/css; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}  # fmt: skip


class _Answers:
    """Answers to whoever the guard lets through.

    Args:
        site: what is shown.
        is_ending: whether the server is about to end: events do then.
    """

    def __init__(self, site: Site, is_ending: Callable[[], bool]) -> None:
        self._site, self._is_ending, self._num_feeds = site, is_ending, 0
        self._page = {item.name: item.read_bytes() for item in files("perdure.monitor").joinpath("page").iterdir()}

    def page(self, request: Request) -> Response:
        """Gives a file of the page."""
        name = request.path_params.get("name", "index.html")
        return _content(self._page[name], name) if name in self._page else _not_found()

    def places(self, request: Request) -> Response:
        """Says which views there are."""
        places = self._site.places
        return JSONResponse({"has_runs": places.runs is not None, "is_watched": places.watched is not None})

    def picture(self, request: Request) -> Response:
        """Gives a picture of a run that its detail lists."""
        run, path = (request.query_params.get(name, "") for name in ("run", "path"))
        return _file_inside(self._site.picture(run, path), path)

    def watched_picture(self, request: Request) -> Response:
        """Gives the newest picture of the watched stream."""
        return _file_inside(self._site.places.watched, NEWEST_PICTURE)

    async def events(self, request: Request) -> Response:
        """Tells what is new of runs until the browser leaves."""
        names, last_id = request.query_params.getlist("run"), request.headers.get("last-event-id", "")
        return self._stream(request, RunsFeed(self._site, names, last_id=last_id), RUNS_PERIOD_S)

    async def watched_events(self, request: Request) -> Response:
        """Tells what is new of the watched stream until the browser leaves."""
        folder, last_id = self._site.places.watched, request.headers.get("last-event-id", "")
        if folder is None:
            return _not_found()
        return self._stream(request, WatchFeed(self._site, folder, last_id=last_id), WATCH_PERIOD_S)

    def _stream(self, request: Request, feed: Feed, period_s: float) -> Response:
        if self._num_feeds >= MOST_FEEDS:
            return PlainTextResponse("too many are looking on\n", 503, headers={"retry-after": "10"})
        texts = self._told(request, feed, period_s)
        return StreamingResponse(texts, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _told(self, request: Request, feed: Feed, period_s: float) -> AsyncIterator[str]:
        self._num_feeds += 1
        try:
            yield "retry: 1500\n\n"
            while not self._is_ending() and not await request.is_disconnected():
                text, is_busy = await asyncio.to_thread(feed.next)
                if text:
                    yield text
                await asyncio.sleep(0.01 if is_busy else period_s)
        finally:
            self._num_feeds -= 1


def _not_found() -> Response:
    return PlainTextResponse("not found\n", 404)


def _content(content: bytes, name: str) -> Response:
    return Response(content, media_type=_TYPES[PurePosixPath(name).suffix.lower()])


def _file_inside(folder: Path | None, name: str) -> Response:
    if folder is None:
        return _not_found()
    try:
        with opened_inside(folder, name) as file:
            return _content(file.read(MOST_PICTURE_BYTES), name)
    except FileNotFoundError:
        return _not_found()


def application(site: Site, *, token: str | None = None, is_ending: Callable[[], bool] = lambda: False) -> Guard:
    """Returns the application for a server.

    Args:
        site: what is shown.
        token: that has to be known; None for a server on loopback.
        is_ending: whether the server is about to end: events do then.
    """
    answers = _Answers(site, is_ending)
    routes = [
        Route("/", answers.page),
        Route("/page/{name}", answers.page),
        Route("/places", answers.places),
        Route("/events", answers.events),
        Route("/picture", answers.picture),
        Route("/watched/events", answers.watched_events),
        Route("/watched/picture", answers.watched_picture),
    ]
    return Guard(Starlette(routes=routes), token)


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach an address to listen on."""
    return host in LOOPBACK


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket that takes in who opens the page before it is served."""
    if not 0 <= port <= 65_535:
        raise ValueError(f"--port: got {port}, expected 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ValueError(
            f"--host, --port: {host} port {port} cannot be listened on ({error}); give another --port"
        ) from error


def serve(site: Site, *, host: str, port: int, token: str | None, on_start: Callable[[int], None]) -> None:
    """Serves until the process is asked to end.

    Args:
        site: what is shown.
        host: address to listen on.
        port: to listen on; 0 for any that is free.
        token: that has to be known; None on loopback alone.
        on_start: is told the port once the page can be opened.

    Raises:
        ValueError: the address cannot be listened on, or it is not loopback and there is no token.
    """
    if token is None and not is_loopback(host):
        raise ValueError(f"host: got {host!r} without a token, expected one: others can reach this address")
    config = uvicorn.Config(
        lambda scope: None, host=host, port=port, log_level="critical", access_log=False, timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    config.app = application(site, token=token, is_ending=lambda: server.should_exit)
    with _listening(host, port) as listening:
        on_start(listening.getsockname()[1])
        server.run(sockets=[listening])
