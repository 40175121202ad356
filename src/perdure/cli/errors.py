"""Errors as one line and an exit code. 0: done. 1: the work failed or was stopped. 2: the input was wrong."""

from __future__ import annotations

from perdure.remote.transport import ConnectionLostError
from perdure.runs.lock import RunBusyError
from perdure.runs.preflight import NotReadyError
from perdure.runs.stage import one_line

DONE, FAILED, WRONG_INPUT = 0, 1, 2


class UsageError(ValueError):
    """The command line is not understood."""


class WorkFailedError(Exception):
    """The work failed or was stopped; the text says how to go on."""


def exit_code(error: BaseException) -> int:
    """Returns 2 if the input was wrong, 1 if the work failed or was stopped.

    >>> exit_code(ValueError("width: got 0")), exit_code(FileNotFoundError("no such run"))
    (2, 2)
    >>> exit_code(RuntimeError("a worker was killed")), exit_code(OSError(28, "No space left on device"))
    (1, 1)
    """
    is_input = isinstance(error, ValueError | FileNotFoundError | NotADirectoryError | IsADirectoryError | RunBusyError)
    return WRONG_INPUT if is_input else FAILED


def explained(error: BaseException) -> str:
    """Returns an error as one line.

    >>> explained(KeyboardInterrupt())
    'interrupted'
    >>> explained(ZeroDivisionError("division by zero"))
    'unexpected ZeroDivisionError: division by zero; --debug shows the trace'
    """
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, WorkFailedError | NotReadyError | RunBusyError | ConnectionLostError):
        return str(error)
    if isinstance(error, ValueError | OSError | RuntimeError):
        return one_line(error)
    return f"unexpected {one_line(error)}; --debug shows the trace"
