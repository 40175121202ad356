"""Signals that ask for the end wait for the end of a frame, so that all outputs hold the same frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class WholeFrames:
    """Puts off what the process does on a signal until a frame is done; use it in a `with` block.

    Between frames, as while waiting for a silent camera, a signal is answered at once, and a second one always is. What
    answers it is what answered it before; a signal that is ignored or ends the process by default stays so. Outside of
    the main thread, where no signal arrives, nothing changes.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._is_busy = False
        self._waiting: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> WholeFrames:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Wraps the work on one frame; raises what a signal has asked for meanwhile, once the frame is done."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
        if self._waiting is not None:
            (number, where), self._waiting = self._waiting, None
            self._handlers[number](number, where)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._is_busy and self._waiting is None:
            self._waiting = number, frame
        else:
            self._handlers[number](number, frame)
