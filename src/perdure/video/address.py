"""Addresses of sources as they may be shown: without the passwords that cameras are asked with."""

from __future__ import annotations

import re
from pathlib import Path

HIDDEN = "..."
"""Stands for what is not shown."""
_SIGNS = re.compile(r"@|%40|%3a|\?|;|&|=|#|:", flags=re.IGNORECASE)
"""What separates passwords from the rest, in user information, path, query and fragment."""


def shown_address(source: Path | str) -> str:
    """Returns a source as it may stand on screen, in files and in errors.

    Passwords stand before an `@` (and may themselves hold `@`, `/` and `?`), in queries, and in paths such as
    `user=admin&password=...`. So of an address no more is shown than scheme, host, port, and a path of plain names;
    where it is not sure what is the host, nothing but the scheme. Paths of files that exist are shown as they are.

    >>> shown_address("rtsp://admin:p@S3cret@10.0.0.5:554/main")
    'rtsp://10.0.0.5:554/main'
    >>> shown_address("rtmp://10.0.0.5/bcs/c?user=admin&password=S3cret")
    'rtmp://10.0.0.5/bcs/c?...'
    >>> shown_address("http://10.0.0.5/?next=me@home"), shown_address("street.mp4")
    ('http://...', 'street.mp4')
    """
    text = str(source)
    match = re.match(r"([a-z][a-z0-9+.-]*):/+", text, flags=re.IGNORECASE)
    if match is None:
        is_path = not re.search(r":.*(@|%40)", text) or _exists(text)
        return text if is_path else HIDDEN + re.split(r"@|%40", text)[-1]
    scheme, rest = match.group(), text[match.end() :]
    *before, rest = re.split(r"@|%40", rest)
    if any(sign in part for part in before for sign in "?#&="):  # the @ may belong to the query, and the rest to it too
        return scheme + HIDDEN
    host, slash, path = rest.partition("/")
    end = re.search(r"[?#;&=]", host)
    if end is not None:
        return scheme + host[: end.start()] + "?" + HIDDEN
    sign = _SIGNS.search(path)
    return scheme + host + slash + (path if sign is None else f"{path[: sign.start()]}?{HIDDEN}")


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # too long for a name
        return False
