"""Decides for every track in a video, in as few frames as possible, whether it stays or vanishes.

Names of the public interface are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from perdure.extras import named_extras

if TYPE_CHECKING:
    from perdure.gate.gate import PersistenceGate as PersistenceGate
    from perdure.gate.multi_stream import MultiStreamGate as MultiStreamGate
    from perdure.live.watch import watch as watch
    from perdure.tokenizer.model import Tokenizer as Tokenizer
    from perdure.training.load import load as load
    from perdure.types import Clip as Clip
    from perdure.types import Decision as Decision
    from perdure.types import Detections as Detections

__version__ = "0.1.0"
__all__ = [
    "Clip",
    "Decision",
    "Detections",
    "MultiStreamGate",
    "PersistenceGate",
    "Tokenizer",
    "__version__",
    "load",
    "watch",
]

_PLACES = {
    "Clip": ("perdure.types", "Clip"),
    "Decision": ("perdure.types", "Decision"),
    "Detections": ("perdure.types", "Detections"),
    "MultiStreamGate": ("perdure.gate.multi_stream", "MultiStreamGate"),
    "PersistenceGate": ("perdure.gate.gate", "PersistenceGate"),
    "Tokenizer": ("perdure.tokenizer.model", "Tokenizer"),
    "load": ("perdure.training.load", "load"),
    "watch": ("perdure.live.watch", "watch"),
}

_FOLDERS = {"integrations": ("supervision",)}
"""Folders that are used by their names, `perdure.integrations.supervision`, and the modules in them."""


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        for module in _FOLDERS[name]:
            import_module(f"perdure.{name}.{module}")
        return sys.modules[f"perdure.{name}"]
    if name not in _PLACES:
        raise AttributeError(f"module 'perdure' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    with named_extras():
        return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FOLDERS})
