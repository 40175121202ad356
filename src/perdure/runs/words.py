"""Durations and sizes in words."""

from __future__ import annotations


def duration_words(seconds: float) -> str:
    """Returns a duration with the two largest units that matter.

    >>> [duration_words(value) for value in (0.04, 8.26, 61.0, 3600.0, 5400.0, 2e5)]
    ['0.0 s', '8.3 s', '1 min 1 s', '1 h 0 min', '1 h 30 min', '2 d 7 h']
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // small} {small_name}"
    return f"{whole} s"


def clock_words(seconds: float | None) -> str:
    """Returns a duration as h:mm:ss, for columns; dashes if it is not known.

    >>> clock_words(75.0), clock_words(3675.0), clock_words(None)
    ('1:15', '1:01:15', '-:--')
    """
    if seconds is None:
        return "-:--"
    whole = max(0, round(seconds))
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return minutes if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def bytes_words(size: int) -> str:
    """Returns a size with a decimal prefix.

    >>> bytes_words(512), bytes_words(3_270_000_000)
    ('512 B', '3.3 GB')
    """
    for factor, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{size / factor:.1f} {name}"
    return f"{size:.0f} B"
