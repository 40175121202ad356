"""Server-Sent Events for one reader each: what is new since a position that the browser remembers for us.

The identity of an event is how far into which file it reaches. A browser that comes back names the last one it got, to
this server or to one that was started since, and goes on there.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from perdure.live.outputs import DECISIONS
from perdure.monitor.curves import MetricsReader, parsed_row
from perdure.monitor.inside import Mark, is_continued, new_lines, opened_inside
from perdure.monitor.site import Site

MOST_SELECTED = 20
"""Runs side by side."""
LAG_BYTES = 256 << 10
"""Who is farther behind than this gets all curves anew, which is shorter."""
READ_S = 0.4
"""Seconds of reading long files before what is known so far is shown."""
SHOWN_DECISIONS_BYTES = 48 << 10
"""Decisions that somebody gets who has not seen any."""


class Feed(Protocol):
    """What one browser is told."""

    def next(self) -> tuple[str, bool]:
        """Returns the text of new events, maybe none, and whether more is ready; reads files, so not in the loop."""


def event_text(kind: str, value: Any, *, identity: str | None = None) -> str:
    r"""Returns one event as it goes over the wire; JSON has no line breaks, which would end it.

    >>> event_text("rows", {"a": "x\n"}, identity="5-00000000")
    'id: 5-00000000\nevent: rows\ndata: {"a":"x\\n"}\n\n'
    """
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a file that somebody else wrote says NaN, which no browser reads
        text = json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))
    head = "" if identity is None else f"id: {identity}\n"
    return f"{head}event: {kind}\ndata: {text}\n\n"


def _finite(value: Any) -> Any:
    """Returns plain values with nothing in the place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class RunsFeed:
    """All runs in short, and the chosen ones with curves, log, load and pictures.

    Args:
        site: what is shown.
        names: of the chosen runs; others than there are, are left out.
        last_id: of the last event that the browser has got; empty for none.
    """

    def __init__(self, site: Site, names: Sequence[str], *, last_id: str = "") -> None:
        self._site, self._names = site, list(dict.fromkeys(names))[:MOST_SELECTED]
        marks = last_id.split(",") if last_id else []
        known = [Mark.parse(text) for text in marks] if len(marks) == len(self._names) else []
        self._marks = dict(zip(self._names, known, strict=False)) or dict.fromkeys(self._names)
        self._sent: dict[str, Any] = {}

    def next(self) -> tuple[str, bool]:
        """Returns the text of new events, maybe none, and whether more is ready."""
        texts, is_busy = [self._changed("runs", self._site.summaries())], False
        until_s = time.monotonic() + READ_S
        for name in self._names:
            if is_busy and time.monotonic() > until_s:
                break  # the next call goes on: those that are read by now take no time
            text, is_more = self._rows(name, until_s)
            texts.append(text)
            is_busy |= is_more
        if not is_busy:
            texts += [
                self._changed("detail", detail, key=name) for name in self._names if (detail := self._site.detail(name))
            ]
        return "".join(texts), is_busy

    def _changed(self, kind: str, value: Any, *, key: str = "") -> str:
        """Returns an event with a whole state if it is another one than was sent last."""
        if self._sent.get(kind + key) is value or self._sent.get(kind + key) == value:
            return ""
        self._sent[kind + key] = value
        return event_text(kind, value)

    @property
    def _identity(self) -> str:
        return ",".join(str(self._marks[name] or Mark()) for name in self._names)

    def _rows(self, name: str, until_s: float) -> tuple[str, bool]:
        reader, mark = self._site.reader(name), self._marks[name]
        if reader is None:
            return "", False
        found = None if mark is None else _lines_after(reader, mark)
        if found is None:
            return self._curves(name, reader, until_s)
        lines, self._marks[name] = found
        rows = [row for row in map(parsed_row, lines) if row is not None]
        return (event_text("rows", {"run": name, "rows": rows}, identity=self._identity) if rows else ""), False

    def _curves(self, name: str, reader: MetricsReader, until_s: float) -> tuple[str, bool]:
        """Returns all curves of a run, or of as much of it as is read by then."""
        is_read = reader.advance()
        while not is_read and time.monotonic() < until_s:
            is_read = reader.advance()
        mark, values = reader.snapshot()
        self._marks[name] = mark
        text = event_text("curves", {"run": name} | values, identity=self._identity)
        if not is_read:
            self._marks[name] = None
        return text, not is_read or time.monotonic() > until_s


def _lines_after(reader: MetricsReader, mark: Mark) -> tuple[list[bytes], Mark] | None:
    """Returns what a run's file has after a mark; None if it was replaced or the rest is long."""
    try:
        with opened_inside(reader.folder, reader.name) as file:
            if not is_continued(file, mark) or file.seek(0, 2) - mark.position > LAG_BYTES:
                return None
            return new_lines(file, mark, most_bytes=LAG_BYTES)
    except FileNotFoundError:
        return ([], mark) if mark == Mark() else None


class WatchFeed:
    """A watched stream: totals and tracks, and every decision once.

    Args:
        site: what is shown.
        folder: that the stream writes into.
        last_id: of the last event that the browser has got; empty for none.
    """

    def __init__(self, site: Site, folder: Path, *, last_id: str = "") -> None:
        self._site, self._folder, self._mark = site, folder, Mark.parse(last_id)

    def next(self) -> tuple[str, bool]:
        """Returns the text of new events, maybe none, and whether more is ready."""
        return self._decisions() + event_text("watched", self._site.watched()), False

    def _decisions(self) -> str:
        try:
            with opened_inside(self._folder, DECISIONS) as file:
                mark = self._mark
                is_new = mark is None or not is_continued(file, mark)
                if mark is None or is_new:
                    mark = Mark(max(0, file.seek(0, 2) - SHOWN_DECISIONS_BYTES))
                    is_cut = mark.position > 0
                else:
                    is_cut = False
                lines, self._mark = new_lines(file, mark, most_bytes=LAG_BYTES)
        except FileNotFoundError:
            return ""
        rows = [row for row in map(_decision_of, lines[is_cut:]) if row is not None]
        if not rows and not is_new:
            return ""
        return event_text("decisions", {"is_new": is_new, "rows": rows}, identity=str(self._mark))


def _decision_of(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
        names = ("track_id", "label", "frame_index", "time_s", "age", "evidence", "probability", "reason")
        return {name: row[name] for name in names}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
