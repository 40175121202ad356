"""Loops over numbers that numba compiles where it is installed (extra `fast`); evidence is the same.

Compiled code takes longer to load than a gate needs for its first hundreds of frames. So the work is done without it
at first, and it is loaded beside that, in a thread, once so much time was spent that it pays.
"""

from __future__ import annotations

import atexit
import importlib.util
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

logger = logging.getLogger(__name__)

PAYS_AFTER_S = 0.5
"""Seconds of work without compiled code after which it is loaded: about what loading takes."""


_is_ending = threading.Event()


class Compiled:
    """A loop that will be compiled.

    Args:
        loop: of plain numbers and arrays.
        signature: types of its arguments, as numba writes them.
    """

    every: tuple[Compiled, ...] = ()
    """All loops; they are loaded together."""
    spent_s = 0.0
    """Seconds of work without compiled code so far, of all gates of the process."""
    _lock = threading.Lock()
    _is_asked = False

    def __init__(self, loop: Callable[..., None], signature: str) -> None:
        self.loop, self.signature = loop, signature
        self.run: Callable[..., None] | None = None
        """The compiled loop, None as long as there is none."""
        Compiled.every += (self,)

    @contextmanager
    def without(self) -> Iterator[None]:
        """Counts the time of what is done in its place."""
        start = time.perf_counter()
        yield
        Compiled.spent_s += time.perf_counter() - start
        if Compiled.spent_s > PAYS_AFTER_S and not Compiled._is_asked:
            Compiled._is_asked = True
            thread = threading.Thread(target=load_all, name="perdure compiled loops", daemon=True)
            thread.start()
            # A compiler that is cut off in the middle can take the exit code: the loop at hand is waited for, no more.
            atexit.register(thread.join)
            atexit.register(_is_ending.set)  # called first: what was registered last is


def load_all() -> bool:
    """Compiles all loops, or loads them if that was done before; returns whether numba could do it."""
    with Compiled._lock:
        if importlib.util.find_spec("numba") is None:
            return False
        try:
            with _streams_left_alone() as numba:
                for one in Compiled.every:
                    if _is_ending.is_set():
                        return False
                    if one.run is None:
                        one.run = numba.njit(one.signature, cache=True, nogil=True)(inspect.unwrap(one.loop))
        except Exception as error:  # noqa: BLE001 # whatever an installation of numba fails with, all goes on without
            logger.warning("numba: could not compile (%s); going on without it", " ".join(str(error).split()))
            return False
    return True


@contextmanager
def _streams_left_alone() -> Iterator[Any]:
    """Imports numba without letting it exchange `sys.stdout` and `sys.stderr`; gives the module.

    With colorama installed numba puts other streams there, and the former ones back, for each message that it builds,
    shown or not: beside a thread that redirects them just then, what the program prints would end anywhere.
    """
    word = "NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING"
    before = os.environ.get(word)
    os.environ[word] = "1"  # read while it is imported
    try:
        import numba
    finally:
        if before is None:
            del os.environ[word]
        else:
            os.environ[word] = before
    errors: Any = numba.core.errors
    shell = getattr(errors, "ColorShell", None)  # there if the program had imported numba before
    if shell is not None:
        errors.ColorShell = nullcontext
    try:
        yield numba
    finally:
        if shell is not None:
            errors.ColorShell = shell


def compiled(signature: str) -> Callable[[Callable[..., None]], Compiled]:
    """Returns what makes a loop with these types of arguments one that will be compiled."""

    def made(loop: Callable[..., Any]) -> Compiled:
        return Compiled(loop, signature)

    return made
