"""The server: a page, its events and pictures; reads only, and only for those who may."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from http.cookies import CookieError, SimpleCookie
from importlib.resources import files
from urllib.parse import parse_qs, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.live.outputs import NEWEST_PICTURE
from perdure.monitor.feeds import Feed, RunsFeed, WatchFeed
from perdure.monitor.inside import opened_inside
from perdure.monitor.site import Site

RUNS_PERIOD_S, WATCH_PERIOD_S = 1.0, 0.25
"""Seconds between two looks for something new."""
MOST_FEEDS = 200
"""Browsers that are told what is new; more are asked to come back."""
MOST_PICTURE_BYTES = 20 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
COOKIE = "perdure-token"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".css": "text/css; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}  # fmt: skip
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Guard:
    """Lets through who may read, and nobody who would write; every answer says that the page may load from here alone.

    Args:
        app: what is guarded.
        token: that has to be known; None on loopback, where a name of another host is refused instead: a page of
            somebody else, whose name was made to point to this machine, would read along.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, sent)

    def _refusal(self, scope: Scope) -> Response | None:
        """Returns the answer to who may not read, None to everybody else."""
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("this page can only be read\n", 405)
        if self._token is None:
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            is_ours = host.strip("[]") in LOOPBACK and headers.get("sec-fetch-site") != "cross-site"
            return None if is_ours else PlainTextResponse("open this page as http://127.0.0.1:PORT\n", 403)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._is_token(*query.pop("token", [""])[:1]):
            rest = urlencode(query, doseq=True)
            answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)  # so that the token stays in no address bar
            answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            return answer
        cookies: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            cookies.load(headers.get("cookie", ""))
        given = cookies[COOKIE].value if COOKIE in cookies else headers.get("authorization", "")[len("Bearer ") :]
        return None if self._is_token(given) else PlainTextResponse("open the address with its ?token=\n", 401)

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), (self._token or "").encode())


def application(site: Site, *, token: str | None = None, is_ending: Callable[[], bool] = lambda: False) -> Guard:
    """Returns the application for a server.

    Args:
        site: what is shown.
        token: that has to be known; None for a server on loopback.
        is_ending: whether the server is about to end: events do then.
    """
    page = {item.name: item.read_bytes() for item in files("perdure.monitor").joinpath("page").iterdir()}
    num_feeds = 0

    async def told(request: Request, feed: Feed, period_s: float) -> AsyncIterator[str]:
        nonlocal num_feeds
        num_feeds += 1
        try:
            yield "retry: 1500\n\n"
            while not is_ending() and not await request.is_disconnected():
                text, is_busy = await asyncio.to_thread(feed.next)
                if text:
                    yield text
                await asyncio.sleep(0.01 if is_busy else period_s)
        finally:
            num_feeds -= 1

    def file_of_page(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in page:
            return PlainTextResponse("not found\n", 404)
        return Response(page[name], media_type=_TYPES["." + name.rpartition(".")[2]])

    def places(request: Request) -> Response:
        return JSONResponse({"has_runs": site.places.runs is not None, "is_watched": site.places.watched is not None})

    async def events(request: Request) -> Response:
        if num_feeds >= MOST_FEEDS:
            return PlainTextResponse("too many are looking on\n", 503, headers={"retry-after": "10"})
        last_id, watched = request.headers.get("last-event-id", ""), site.places.watched
        feed: Feed = RunsFeed(site, request.query_params.getlist("run"), last_id=last_id)
        period_s = RUNS_PERIOD_S
        if request.url.path == "/watched/events":
            if watched is None:
                return PlainTextResponse("nothing is watched\n", 404)
            feed, period_s = WatchFeed(site, watched, last_id=last_id), WATCH_PERIOD_S
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(told(request, feed, period_s), media_type="text/event-stream", headers=headers)

    def picture(request: Request) -> Response:
        query = request.query_params
        folder, path = site.picture(query.get("run", ""), query.get("path", "")), query.get("path", "")
        if request.url.path == "/watched/picture":
            folder, path = site.places.watched, NEWEST_PICTURE
        if folder is None:
            return PlainTextResponse("not found\n", 404)
        try:
            with opened_inside(folder, path) as file:
                content = file.read(MOST_PICTURE_BYTES)
        except FileNotFoundError:
            return PlainTextResponse("not found\n", 404)
        return Response(content, media_type=_TYPES["." + path.rpartition(".")[2].lower()])

    routes = [
        Route("/", file_of_page),
        Route("/page/{name}", file_of_page),
        Route("/places", places),
        Route("/events", events),
        Route("/picture", picture),
        Route("/watched/events", events),
        Route("/watched/picture", picture),
    ]
    return Guard(Starlette(routes=routes), token)


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach an address to listen on."""
    return host in LOOPBACK


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
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise ValueError(f"port: {host} port {port} cannot be listened on; is it in use? give another --port") from None
    with listening:
        listening.listen(2048)  # who opens the page at once waits until it is served
        on_start(listening.getsockname()[1])
        server.run(sockets=[listening])
