"""Calls that happen whole or not at all: what remembers a stream goes back to before a call that has failed.

Whatever a call raises, Ctrl-C in the middle of any line included, the next call finds what it would have found without
it. Holds as long as arrays and tensors are never written into once they are remembered, which is how all of them are
treated here: a step makes new ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import cache, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

SelfT = TypeVar("SelfT", bound="Rewindable")
P = ParamSpec("P")
StreamT = TypeVar("StreamT", bound="Stream")
ResultT = TypeVar("ResultT")


_SHARED: set[type] = set()
"""Kinds of values that need no copy; which they are is found out once, since this is done for every frame."""


class Rewindable:
    """Base of what changes during a stream."""

    __slots__ = ()

    def copied(self: SelfT) -> SelfT:
        """Returns a copy that nothing done to this one changes; arrays, tensors and values are shared."""
        kind: Any = type(self)
        copy: SelfT = object.__new__(kind)
        for name in _slots_of(kind):
            value = getattr(self, name)
            setattr(copy, name, value if type(value) in _SHARED else _copied(value))
        values = getattr(self, "__dict__", None)
        if values:
            own = {name: value if type(value) in _SHARED else _copied(value) for name, value in values.items()}
            copy.__dict__.update(own)
        return copy


@cache
def _slots_of(kind: Any) -> tuple[str, ...]:
    return tuple(name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ()))


def _copied(value: Any) -> Any:
    """Returns a copy of what can change, and anything else itself."""
    kind = type(value)
    if kind in _SHARED:
        return value
    if isinstance(value, Rewindable):
        return value.copied()
    if kind is dict:
        return {key: _copied(item) for key, item in value.items()}
    if kind is deque or kind is list:
        return value.copy()
    _SHARED.add(kind)
    return value


class Turn:
    """Lets one thread in at a time; another one is sent away at once, since frames have an order.

    Use it in a `with` block. A thread that was interrupted on its way out can come in again.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.thread: int | None = None
        """The thread that is in a call."""

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "gate: another thread is in it; frames have an order, so let one thread give them, or hold a lock"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Stream(Protocol):
    """What is called frame by frame."""

    turn: Turn

    def remembered(self) -> Callable[[], None]:
        """Returns what puts everything back to how it is now."""


def kept(holder: Any, names: tuple[str, ...]) -> Callable[[], None]:
    """Returns what puts these attributes of a holder back, all in one step that nothing can interrupt."""
    before = {name: _copied(getattr(holder, name)) for name in names}
    return lambda: holder.__dict__.update(before)


def whole(method: Callable[Concatenate[StreamT, P], ResultT]) -> Callable[Concatenate[StreamT, P], ResultT]:
    """Makes a method of a `Stream` happen whole or not at all; as part of another one it is of that one's fate.

    Raises:
        RuntimeError: another thread is in such a method.
    """

    @wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        turn: Turn = self.turn
        if turn.thread == threading.get_ident():
            return method(self, *args, **kwargs)
        put_back = None
        try:
            with turn:
                put_back = self.remembered()
                turn.thread = threading.get_ident()
                result = method(self, *args, **kwargs)
                turn.thread = None
                return result
        except BaseException:
            if put_back is not None:
                try:
                    put_back()
                finally:
                    turn.thread = None
            raise

    return call
