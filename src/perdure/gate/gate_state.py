"""The state of a gate on disk: all that is remembered of a stream, so that another process goes on from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from perdure.arrays import load_arrays, save_arrays
from perdure.gate.results import GateCost

KIND = "gate state"
Parts = dict[str, dict[str, np.ndarray]]
"""Arrays by part: `tracker`, `memory`, `history`, `streams`, `drift`, `pace`, and `match` of a gate whose bounds
move on the stream."""


_HOW = {
    frozenset(): "by promise",
    frozenset({"bound", "counts"}): "like a rule",
    frozenset({"bounds", "fates"}): "by the fates of tracks",
}
"""How a gate decides, by what is stored of what moves its bounds."""


def save_gate_state(path: Path, parts: Parts, *, model: str, cost: GateCost, drift: tuple[str, ...]) -> None:
    """Writes a state atomically.

    Args:
        path: of the .safetensors file.
        parts: of one stream.
        model: fingerprint of the weights.
        cost: what has been spent.
        drift: latest messages about drift.
    """
    arrays = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    save_arrays(path, arrays, {"kind": KIND, "model": model, "cost": asdict(cost), "drift": list(drift)})


def load_gate_state(path: Path, *, model: str, match: dict[str, np.ndarray]) -> tuple[Parts, GateCost, tuple[str, ...]]:
    """Returns the parts of a stored state, what had been spent, and the latest messages about drift.

    Args:
        path: of the .safetensors file.
        model: fingerprint of the gate that is to go on.
        match: what moves the bounds of that gate, as it would be stored; empty where they stand.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, not the state of a gate, or that of a gate with another model or another way to
            decide.
    """
    info: dict[str, Any]
    arrays, info = load_arrays(path)
    if info.get("kind") != KIND:
        raise ValueError(f"state: {path} is not the state of a gate; give a file written by save_state")
    if info["model"] != model:
        raise ValueError(f"state: {path} was stored by a gate with another model; load the weights it ran with")
    parts = _by_part(arrays)
    stored, own = (_HOW[frozenset(found)] for found in (parts["match"], match))
    if stored != own:
        raise ValueError(f"state: {path} is of a gate that decides {stored}, this one {own}; load both alike")
    return parts, GateCost(**info["cost"]), tuple(info["drift"])


def parts_of(path: Path) -> Parts:
    """Returns the parts of a stored state, whatever gate it is of.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    return _by_part(load_arrays(path)[0])


def _by_part(arrays: dict[str, np.ndarray]) -> Parts:
    parts: Parts = {"match": {}, "history": {}}  # states of before have no history
    for key, value in arrays.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts
