"""SIGTERM, SIGHUP and Ctrl-C as a wish to stop: heard at once, however busy the work thread is, and enforced.

What a stage stores it stores atomically, so that even the hardest stop loses only time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import psutil

from perdure.extras import NEEDS_POSIX
from perdure.runs.stage import Stopped

_QUIET_HELPER = "ignore:resource_tracker:UserWarning"
"""Option that worker processes are started with."""
_HELPER = "from multiprocessing.resource_tracker import"
"""What the command line of that helper holds."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
KILL_AFTER_S, RAISE_AFTER_S, EXIT_AFTER_S = 3.0, 5.0, 8.0
"""Seconds after the first signal: worker processes are killed; the work thread is interrupted; this process ends.

Workers come first: a work thread that waits for them then unwinds by itself, not in the middle of something."""
REPEAT_S = 0.1
"""The interruption is sent again until it arrives: one that comes just before a long wait does not end the wait."""


class StopSwitch:
    """Hears signals while it is entered, in the main thread only.

    On the first signal the flag is set and the work may go on to its next safe point. If it does not get there in
    time, or on a second signal, its worker processes are killed and `Stopped` is raised in it wherever it is. Workers
    never see a Ctrl-C of the terminal, so that they can finish what they write.

    Args:
        on_request: told the name of the first signal, from another thread.
        on_exit: called before the process is ended from outside of the work thread.
        patience: factor on the three times.
    """

    def __init__(
        self,
        on_request: Callable[[str], None] = lambda name: None,
        *,
        on_exit: Callable[[], None] = lambda: None,
        patience: float = 1.0,
    ) -> None:
        self.on_request, self.on_exit = on_request, on_exit
        self._times_s = [patience * seconds for seconds in (KILL_AFTER_S, RAISE_AFTER_S, EXIT_AFTER_S)]
        self._asked = threading.Event()
        self._num_heard = 0
        self._is_left = self._has_raised = False
        self._undo = contextlib.ExitStack()

    def is_set(self) -> bool:
        """Returns whether the run should stop."""
        return self._asked.is_set()

    def request(self) -> None:
        """Asks the run to stop, as a signal does, but without a deadline."""
        self._asked.set()

    def __enter__(self) -> StopSwitch:
        if sys.platform == "win32":
            raise RuntimeError(NEEDS_POSIX)
        self._work_thread = threading.get_ident()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        # The listener starts before Ctrl-C is blocked here, so that there is a thread that can receive it; worker
        # processes inherit the mask of the thread that starts them.
        self._thread.start()
        # A process that had to be ended leaves semaphores to Python's own helper, which frees them without a word.
        sys.warnoptions.append(_QUIET_HELPER)
        self._undo.callback(sys.warnoptions.remove, _QUIET_HELPER)
        for number in SIGNALS:
            # What `nohup` started goes on when its terminal is closed; a shell's `&` ignores Ctrl-C, which we do not.
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                self._undo.callback(signal.signal, number, signal.signal(number, _heard))
        self._undo.callback(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, self._raise))
        old = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._undo.callback(signal.set_wakeup_fd, old)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._undo.callback(signal.pthread_sigmask, signal.SIG_SETMASK, mask)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_left = True
        self._undo.close()
        self._writer.close()
        self._thread.join()
        self._reader.close()
        if self._num_heard:
            # Workers that a stage was stopped in the middle of would keep this process from ending.
            _kill_children()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not (self._is_left or self._has_raised):
            self._has_raised = True
            raise Stopped("stopped on request, before the next safe point")

    def _listen(self) -> None:
        """Reads the numbers of signals as they come in, and keeps the deadlines."""
        actions = [_kill_children, self._interrupt, self._end]
        first_s, num_done = 0.0, 0
        while num_done < len(actions):
            wait_s = first_s + self._times_s[num_done] - time.monotonic()
            is_repeated = num_done > 1 and not self._has_raised
            wait_s = max(1e-3, min(wait_s, REPEAT_S) if is_repeated else wait_s)
            self._reader.settimeout(wait_s if self._num_heard else None)
            try:
                data = self._reader.recv(1)
            except TimeoutError:
                if is_repeated:
                    self._interrupt()
                if time.monotonic() - first_s >= self._times_s[num_done]:
                    actions[num_done]()
                    num_done += 1
                continue
            if not data:
                return
            if data[0] in SIGNALS:
                self._num_heard += 1
                if self._num_heard == 1:
                    first_s = time.monotonic()
                    self._asked.set()
                    self.on_request(signal.Signals(data[0]).name)
                elif num_done < 2 and data[0] == signal.SIGINT:
                    _kill_children()
                    self._interrupt()
                    num_done = 2

    def _interrupt(self) -> None:
        signal.pthread_kill(self._work_thread, signal.SIGUSR1)

    def _end(self) -> None:
        self.on_exit()
        _kill_children()
        os._exit(1)


def _heard(number: int, frame: FrameType | None) -> None:
    """Does nothing: the listener has the number from the wake-up socket already."""
    del number, frame


def _kill_children() -> None:
    """Ends the worker processes of this process, so that a work thread that waits for them wakes up."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            # Python's own helper ends by itself; killed, it is started again and complains.
            if not any(_HELPER in word for word in child.cmdline()):
                child.kill()
