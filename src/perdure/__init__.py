"""Decides for every track in a video, in as few frames as possible, whether it stays or vanishes.

Names of the public interface are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.engine.gate import PersistenceGate as PersistenceGate
    from perdure.engine.load import load_gate as load
    from perdure.tokenizer.model import Tokenizer as Tokenizer
    from perdure.types import Clip as Clip
    from perdure.types import Decision as Decision
    from perdure.types import Detections as Detections

__version__ = "0.1.0"
__all__ = ["Clip", "Decision", "Detections", "PersistenceGate", "Tokenizer", "__version__", "load", "watch"]

_PLACES = {
    "Clip": ("perdure.types", "Clip"),
    "Decision": ("perdure.types", "Decision"),
    "Detections": ("perdure.types", "Detections"),
    "PersistenceGate": ("perdure.engine.gate", "PersistenceGate"),
    "Tokenizer": ("perdure.tokenizer.model", "Tokenizer"),
    "load": ("perdure.engine.load", "load_gate"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'perdure' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _CallableFolder(ModuleType):
    """The folder `perdure/watch`, which can be called like the function that it is named after."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("perdure.watch.watch").watch(*args, **kwargs)


class _Package(ModuleType):
    """This package: whatever loads its folder `watch` first, `perdure.watch(...)` works."""

    @property
    def watch(self) -> ModuleType:
        return import_module("perdure.watch")

    @watch.setter
    def watch(self, folder: ModuleType) -> None:
        """The import system stores a folder here once it has loaded it."""
        folder.__class__ = _CallableFolder


sys.modules[__name__].__class__ = _Package
