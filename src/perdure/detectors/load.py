"""A detector by its name on a command line: an ONNX file, or a function of the user."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from perdure.detectors.network import OnnxDetector
from perdure.types import NO_CLASS, Detections


class FunctionDetector:
    """A function of the user as a detector.

    Args:
        function: from a frame (uint8 RGB) to `Detections`, to anything with `xyxy`, `confidence` and `class_id` as
            `supervision.Detections` has, or to rows of x_min, y_min, x_max, y_max, score and, if there are any, class.
        name: that errors are told with.
    """

    def __init__(self, function: Callable[[np.ndarray], Any], *, name: str) -> None:
        self._function, self._name = function, name

    def detect(self, frame: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """Returns what the function finds in one frame.

        Raises:
            ValueError: it gives something else.
        """
        found = self._function(frame)
        if isinstance(found, Detections):
            return found
        if hasattr(found, "xyxy"):
            return Detections.from_supervision(found)
        rows = np.asarray(found, dtype=np.float64)
        if rows.size == 0:
            return Detections.empty()
        if rows.ndim != 2 or rows.shape[1] not in (5, 6):
            raise ValueError(
                f"detector: {self._name} gave an array of shape {rows.shape}, expected rows of "
                "x_min, y_min, x_max, y_max, score[, class]"
            )
        classes = rows[:, 5].astype(np.int64) if rows.shape[1] == 6 else np.full(len(rows), NO_CLASS)
        return Detections(xyxy_px=rows[:, :4], score=rows[:, 4], class_id=classes)


def load_detector(
    name: str, *, min_score: float = 0.1, classes: Sequence[str] = (), tiles: int = 1
) -> OnnxDetector | FunctionDetector:
    """Returns the detector of a name.

    Args:
        name: path of an ONNX file, or `module:function`; modules are found as Python finds them, and in this folder.
        min_score: boxes of an ONNX file below it are left out.
        classes: names or numbers of classes of an ONNX file to keep; all by default.
        tiles: parts a side that frames are cut into for an ONNX file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such module or function, or the network is of no family that is known.
    """
    module, colon, function = name.rpartition(":")
    if not name.lower().endswith(".onnx") and colon and module.replace(".", "").isidentifier():
        return FunctionDetector(_function(module, function), name=name)
    if not name.lower().endswith(".onnx"):
        raise ValueError(f"detector: got '{name}', expected FILE.onnx or module:function")
    return OnnxDetector(Path(name), min_score=min_score, classes=classes, tiles=tiles)


def _function(module: str, function: str) -> Callable[[np.ndarray], Any]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ValueError(f"detector: there is no module '{module}' in this folder or installed") from error
    finally:
        sys.path.remove(here)
    found = getattr(loaded, function, None)
    if not callable(found):
        raise ValueError(f"detector: module '{module}' has no function '{function}'")
    return found
