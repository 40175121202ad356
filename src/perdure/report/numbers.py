"""How numbers are written: rounded honestly, never so far that they say something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

NOT_MEASURED = "not measured"
_MOST_DIGITS = 9
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def format_value(value: Any, style: str = "plain", *, beside: Any = None) -> str:
    """Returns a stored value as text.

    Args:
        value: number, text, truth value or None.
        style: `plain` (text as it is, whole numbers in groups of three, others with two decimals), `percent`,
            `probability`, `two`, `three` or `four` decimals, `signed` (two decimals), `flops` or `seconds` (both with
            a prefix).
        beside: number that the value is compared with; decimals are added until the two look different, so that
            0.7996 beside a target of 0.80 is not written as 80.0 %.

    Raises:
        ValueError: the style is unknown.

    >>> format_value(0.985, "percent"), format_value(0.7996, "percent", beside=0.8), format_value(None)
    ('98.5 %', '79.96 %', 'not measured')
    >>> format_value(0.99996, "percent"), format_value(1.0, "percent"), format_value(44.7e6, "flops")
    ('99.996 %', '100.0 %', '44.7 MFLOP')
    """
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if style == "plain":
        style = "count" if isinstance(value, int) else "two"
    if style not in STYLES:
        raise ValueError(f"style: got '{style}', expected one of plain, {', '.join(STYLES)}")
    write, decimals = STYLES[style]
    number = float(value)
    if isinstance(beside, int | float) and beside != value:
        while decimals < _MOST_DIGITS and write(number, decimals) == write(float(beside), decimals):
            decimals += 1
    return write(number, decimals)


def _percent(value: float, decimals: int) -> str:
    """Never rounds to 0 or 100 percent what is neither."""
    return f"{100 * value:.{_until_visible(100 * value, decimals, ends=(0.0, 100.0))}f} %"


def _probability(value: float, decimals: int) -> str:
    """Never rounds to 0 or 1 what is neither."""
    return f"{value:.{_until_visible(value, decimals, ends=(0.0, 1.0))}f}"


def _until_visible(value: float, decimals: int, *, ends: tuple[float, float]) -> int:
    """Returns how many decimals it takes to tell a value from both ends of its range, up to a limit."""
    while decimals < _MOST_DIGITS and value not in ends and round(value, decimals) in ends:
        decimals += 1
    return decimals


def _count(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}"


def _decimals(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _signed(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}"


def _flops(value: float, decimals: int) -> str:
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.{decimals}f} {prefix}FLOP"
    return f"{value:.0f} FLOP"


def _seconds(value: float, decimals: int) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f} s"
    if abs(value) < 1e-3:
        return f"{value * 1e6:.{decimals}f} us"
    return f"{value * 1e3:.{decimals}f} ms" if abs(value) < 1 else f"{value:.{decimals}f} s"


STYLES: dict[str, tuple[Callable[[float, int], str], int]] = {
    "percent": (_percent, 1),
    "count": (_count, 0),
    "probability": (_probability, 3),
    "two": (_decimals, 2),
    "three": (_decimals, 3),
    "four": (_decimals, 4),
    "signed": (_signed, 2),
    "flops": (_flops, 1),
    "seconds": (_seconds, 1),
}
