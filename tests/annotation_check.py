"""The run-time check of annotations that the test suite uses: beartype as far as the language lets it.

jaxtyping 0.3 asks for the check of a signature, and asks anew whenever a function within a function is made; compiling
one takes beartype milliseconds, so they are kept. Two places where beartype alone is stricter than PEP 484 and mypy: an
int may stand for a float, and a protocol that is not made for `isinstance` is left to mypy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_with_tower = beartype(conf=BeartypeConf(is_pep484_tower=True))
_kept: dict[Any, Callable[..., Any]] = {}


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that checks its annotations, or the function as it is where they cannot be checked.

    Args:
        function: does nothing but have a signature, as jaxtyping makes it.
    """
    signature = inspect.signature(function)
    parameters = tuple((one.name, one.kind, one.default, one.annotation) for one in signature.parameters.values())
    key = (function.__module__, function.__qualname__, parameters, signature.return_annotation)
    try:
        return _kept.setdefault(key, _kept.get(key) or _checked(function))
    except TypeError:  # a default that has no hash, as a list
        return _checked(function)


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return _with_tower(function)
    except BeartypeDecorHintPep3119Exception:
        return function
