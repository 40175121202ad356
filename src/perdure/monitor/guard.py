"""Who may look: this machine alone, or those who know a token."""

from __future__ import annotations

import contextlib
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "::1", "localhost")
COOKIE = "perdure-token"
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
