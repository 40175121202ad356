"""The run-time check of annotations that the test suite uses: beartype as far as the language lets it.

Two places where beartype alone is stricter than PEP 484 and mypy: an int may stand for a float, and a protocol that is
not made for `isinstance` is left to mypy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_with_tower = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that checks its annotations, or the function as it is where they cannot be checked."""
    try:
        return _with_tower(function)
    except BeartypeDecorHintPep3119Exception:
        return function
