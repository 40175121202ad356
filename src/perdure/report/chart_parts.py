"""Parts of charts: lines through stored rows, and stored values in lines of their own, each with its file and key."""

from __future__ import annotations

from typing import Any

from perdure.report.numbers import format_value
from perdure.report.stored_run import STORED_FILES, StoredRun

Spec = dict[str, Any]
"""Plain data of a chart or of a part of one."""


def line(run: StoredRun, source: str, key: str, fields: tuple[str, str], **look: Any) -> Spec:
    """Returns a line through stored rows, in order of their first field; rows that lack one of the fields are left out.

    Args:
        run: that has stored them.
        source: short name of the file.
        key: of the rows; empty for a file of rows.
        fields: names of both coordinates in a row.
        look: `name`, `look`, and where needed `line`, `where` (fields that rows must have) and `least` (of the second).
    """
    where, least = look.get("where", {}), look.get("least")
    rows = [row for row in run.value(source, key) or [] if all(row.get(name) == value for name, value in where.items())]
    points = [[row[field] for field in fields] for row in rows if all(row.get(field) is not None for field in fields)]
    kept = [point for point in points if least is None or point[1] >= least]
    return {"file": STORED_FILES[source][0], "key": key, "fields": list(fields), **look, "points": sorted(kept)}


def row(run: StoredRun, source: str, key: str, name: str, *, style: str = "two", **look: Any) -> Spec:
    """Returns a stored value in a line of its own.

    Args:
        run: that has stored it.
        source: short name of the file.
        key: of the value.
        name: what stands beside it.
        style: of its number.
        look: `look`, and where there is one `interval`, the key of its interval.
    """
    interval = look.pop("interval", None)
    value = run.value(source, key)
    ends = run.value(source, interval) if interval and run.has(source, interval) else None
    return {
        "name": name,
        "file": STORED_FILES[source][0],
        "key": key,
        "value": value,
        "text": format_value(value, style),
        "interval": ends,
        "interval_key": interval if ends else None,
        **look,
    }


def rows_chart(title: str, rows: list[Spec], label: str, start: float, *, style: str = "two") -> Spec:
    """Returns a chart of one panel of rows on a common scale that starts at `start`."""
    axis = {"label": label, "from": start, "style": style}
    return {"kind": "rows", "title": title, "x": axis, "panels": [{"title": "", "rows": rows}]}
