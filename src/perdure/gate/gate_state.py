"""The state of a gate on disk: all that is remembered of a stream, so that another process goes on from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from perdure.arrays import load_arrays, save_arrays
from perdure.gate.results import GateCost

KIND = "gate state"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """What is stored of one stream.

    Args:
        model: fingerprint of the weights.
        parts: arrays by part (`tracker`, `memory`, `streams`, `drift`, and `match` of a gate that stands for a rule).
        cost: what has been spent.
        drift: latest messages about drift.
    """

    model: str
    parts: dict[str, dict[str, np.ndarray]]
    cost: GateCost
    drift: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Writes the state atomically."""
        arrays = {f"{part}.{name}": value for part, values in self.parts.items() for name, value in values.items()}
        info = {"kind": KIND, "model": self.model, "cost": asdict(self.cost), "drift": list(self.drift)}
        save_arrays(path, arrays, info)

    @classmethod
    def load(cls, path: Path, *, model: str, has_match: bool) -> GateState:
        """Returns the stored state.

        Args:
            path: file of `save`.
            model: fingerprint of the gate that is to go on.
            has_match: whether that gate stands for a rule.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, not the state of a gate, or that of a gate with another model or another way to
                decide.
        """
        arrays, info = load_arrays(path)
        if info.get("kind") != KIND:
            raise ValueError(f"state: {path} is not the state of a gate; give a file written by save_state")
        if info["model"] != model:
            raise ValueError(f"state: {path} was stored by a gate with another model; load the weights it ran with")
        parts: dict[str, dict[str, np.ndarray]] = {"match": {}}
        for key, value in arrays.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = value
        if bool(parts["match"]) != has_match:
            stored, own = ("like a rule" if flag else "by promise" for flag in (bool(parts["match"]), has_match))
            raise ValueError(f"state: {path} is of a gate that decides {stored}, this one {own}; load both alike")
        return cls(model=model, parts=parts, cost=GateCost(**info["cost"]), drift=tuple(info["drift"]))
