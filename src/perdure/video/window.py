"""A window of OpenCV that shows frames while they are made, where there is a display; OpenCV is loaded only then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

import numpy as np
from jaxtyping import UInt8

END_KEYS = (ord("q"), ord("Q"), 27)
"""Keys that end the watching: q and Esc."""
TRIAL_S = 20.0
"""Seconds after which a window that has not opened on trial never will."""


class Window:
    """Shows frames; all calls come from one thread, the main one, since no window system promises more.

    q, Esc and closing it ask for the end.

    Args:
        opencv: the module `cv2`, built with windows.
        title: of the window.
    """

    def __init__(self, opencv: Any, title: str) -> None:
        self._opencv, self._title = opencv, title
        self._is_open, self._was_visible = False, False

    def show(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Shows a frame (RGB) in the place of the one before; the first one opens the window, which may be resized."""
        if not self._is_open:
            cv = self._opencv
            # Without the tool bar of Qt, which takes room from the picture so that it is shown smaller than it is.
            cv.namedWindow(self._title, cv.WINDOW_NORMAL | cv.WINDOW_KEEPRATIO | cv.WINDOW_GUI_NORMAL)
            cv.resizeWindow(self._title, frame.shape[1], frame.shape[0])
            self._is_open = True
        self._opencv.imshow(self._title, np.ascontiguousarray(frame[:, :, ::-1]))

    def is_ended(self) -> bool:
        """Handles what was typed and clicked since the last call; returns whether somebody asked for the end."""
        if not self._is_open:
            return False
        key = self._opencv.waitKey(1)
        is_visible = self._opencv.getWindowProperty(self._title, self._opencv.WND_PROP_VISIBLE) >= 1
        # Some window systems never say that a window is visible; there only the keys end the watching.
        is_closed = self._was_visible and not is_visible
        self._was_visible = self._was_visible or is_visible
        return is_closed or (key >= 0 and key & 0xFF in END_KEYS)

    def close(self) -> None:
        """Takes the window off the screen; one that the user has closed is gone already."""
        if self._is_open:
            with suppress(self._opencv.error):
                self._opencv.destroyWindow(self._title)
        self._is_open = False


def open_window(
    title: str,
    *,
    opencv: Any = None,
    environment: Mapping[str, str] = os.environ,
    platform: str | None = None,
    opens: Callable[[], bool] | None = None,
) -> Window:
    """Returns a window, which appears with its first frame.

    Args:
        title: of the window.
        opencv: the module `cv2`; loaded if left out.
        environment: variables that name the display.
        platform: `sys.platform` if left out.
        opens: tries whether a window opens; by default in a process of its own.

    Raises:
        ValueError: there is no display, it opens no window, or the OpenCV that is installed has no windows.
    """
    has_displays = (platform or sys.platform).startswith(("linux", "freebsd"))
    names = [name for name in ("DISPLAY", "WAYLAND_DISPLAY") if environment.get(name)]
    otherwise = "or leave --show out and play annotated.mp4 afterwards"
    if has_displays and not names:
        raise ValueError(
            "show: got no display (DISPLAY and WAYLAND_DISPLAY are empty), expected a desktop; run it on one or "
            f"through ssh -X, {otherwise}"
        )
    if opencv is None:
        import cv2 as opencv
    if not opencv.currentUIFramework():
        raise ValueError(
            f"show: got OpenCV {opencv.__version__} without windows, expected one with them; pip uninstall "
            f"opencv-python-headless, then pip install opencv-python, {otherwise}"
        )
    if has_displays and not (opens or _opens_on_trial)():
        display = ", ".join(f"{name}={environment[name]}" for name in names)
        raise ValueError(f"show: got a display ({display}) that opens no window; name one that does, {otherwise}")
    return Window(opencv, title)


def _opens_on_trial() -> bool:
    """Returns whether a window opens, tried in another process: where none does, Qt kills the process that asks."""
    process = get_context("spawn").Process(target=_open_and_leave, daemon=True)
    process.start()
    process.join(TRIAL_S)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def _open_and_leave() -> None:
    """Opens a window and leaves; what the window system has to say about it is not shown."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    import cv2

    cv2.namedWindow("perdure", cv2.WINDOW_NORMAL)
