"""Which extra of the package brings what is missing, in one line instead of a trace.

An installation without extras runs weights that read detections alone; all else is loaded when it is used.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

EXTRAS = {
    "PIL": "video", "av": "video", "scipy": "video", "cv2": "watch", "jinja2": "pixels", "markdown_it": "pixels",
    "matplotlib": "pixels", "torch": "pixels", "sklearn": "tracks", "supervision": "supervision",
    "onnxruntime": "detector", "xllamacpp": "llm", "paho": "mqtt", "starlette": "monitor", "trackeval": "eval",
    "trackio": "trackio", "uvicorn": "monitor",
}  # fmt: skip
"""The extra that brings each module."""
NEEDS_POSIX = (
    "runs, here and on hosts, need the locks and signals of Linux or macOS; on Windows make them in WSL "
    "(watch, confirm, adapt, eval and calibrate --data work there as they are)"
)


def missing_extra(error: ImportError) -> str | None:
    """Returns how to install what an error misses, None where no extra brings it.

    >>> missing_extra(ModuleNotFoundError("No module named 'torch'", name="torch"))
    "this needs torch, which is not installed; pip install 'perdure[pixels]'"
    """
    module = (error.name or "").partition(".")[0]
    if module == "fcntl":
        return NEEDS_POSIX
    if module not in EXTRAS:
        return None
    line = f"this needs {module}, which is not installed; pip install 'perdure[{EXTRAS[module]}]'"
    if module == "trackeval":  # it asks for the OpenCV with windows, which a server without libGL cannot load
        return f"{line}, or without another OpenCV: pip install --no-deps trackeval"
    # Either of OpenCV's packages will do, and the headless one takes the windows from an application that has them.
    return f"{line}, or beside an application that shows windows: opencv-python" if module == "cv2" else line


def require(module: str) -> None:
    """Loads a module, so that what is missing is said before hours of work.

    Raises:
        ValueError: it is not installed, or it is and cannot be loaded, which another installation would not mend.
    """
    top = module.partition(".")[0]
    if importlib.util.find_spec(top) is None:
        raise ValueError(missing_extra(ModuleNotFoundError(name=top)))
    try:
        importlib.import_module(module)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{top} is installed but cannot be loaded ({reason}); mend that installation") from error


@contextmanager
def named_extras() -> Iterator[None]:
    """Lets a missing module be named with the extra that brings it.

    Raises:
        ModuleNotFoundError: it is missing, in one line.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        line = missing_extra(error)
        if line is None or str(error) == line:
            raise
        raise ModuleNotFoundError(line, name=error.name) from error
