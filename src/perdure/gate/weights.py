"""What the gate needs of a model, and the file that every kind of model is stored in.

A safetensors file holds the tensors, a JSON file beside it everything else; loading needs nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from perdure.arrays import load_arrays, save_arrays
from perdure.calibration.rates import DEFAULT_RATES, Rates
from perdure.calibration.scores import CalibrationScores
from perdure.config import fingerprint, from_dict, to_dict
from perdure.evidence.lifetime import LifetimeModel
from perdure.files import understood
from perdure.gate.operation import Operation
from perdure.gate.streams import TrackStreams

PIXELS, DETECTIONS, TOKENS = "pixels", "detections", "detections and tokens"
"""Kinds of models; a file that names none is of pixels."""
NO_TRACKS = np.zeros(0, dtype=np.int64)
"""Keys of the tracks that weights were trained on where nobody knows them."""
_TRAINED_ON = "trained_on"
LEAST_LIMIT = 1024
"""Sizes up to this one may stand in settings whatever the tensors are."""


@runtime_checkable
class GateModel(Protocol):
    """A trained model."""

    operation: Operation
    calibration: CalibrationScores | None
    rates: Rates
    trained_on: Int[np.ndarray, " trained"]

    @property
    def lifetime(self) -> LifetimeModel:
        """Fitted law of hits and misses."""

    @property
    def uses_pixels(self) -> bool:
        """Whether frames must be given."""

    def fingerprint(self) -> str:
        """Returns a short hash of all that makes the model; the state of a stream fits only the model it is from."""

    def init_streams(self) -> TrackStreams:
        """Returns the state of a stream before its first frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model of any kind as it is stored.

    Args:
        kind: which reads it.
        operation: how tracks and crops are made, and when a decision is forced.
        calibration: scores of tracks that were left out of training; None before calibration.
        rates: error rates that it is meant for.
        tensors: by name.
        settings: all else that this kind needs, ready for JSON.
        trained_on: keys of the tracks that it was trained on (`TrackTable.key`), which prove nothing about it.
    """

    kind: str
    operation: Operation
    calibration: CalibrationScores | None
    rates: Rates
    tensors: dict[str, np.ndarray]
    settings: dict[str, Any]
    trained_on: Int[np.ndarray, " trained"] = field(default_factory=NO_TRACKS.copy)

    def save(self, path: Path) -> None:
        """Writes both files atomically."""
        head = {
            "kind": self.kind,
            "operation": to_dict(self.operation),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "rates": to_dict(self.rates),
        }
        known = {_TRAINED_ON: np.unique(self.trained_on)} if len(self.trained_on) else {}
        save_arrays(path, self.tensors | known, head | self.settings)

    @classmethod
    def load(cls, path: Path, *kinds: str) -> Weights:
        """Returns what is stored at a path.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version, or of none of these kinds.
        """
        tensors, info = load_arrays(path)
        trained_on = tensors.pop(_TRAINED_ON, NO_TRACKS)
        where, kind = str(path.with_suffix(".json")), info.pop("kind", PIXELS)
        missing = [name for name in ("operation", "calibration") if name not in info]
        if missing:
            raise ValueError(f"weights: {where} has no '{missing[0]}', so it is no model; give final_model.safetensors")
        if kind not in kinds:
            raise ValueError(f"weights: {where} is no model of {' or '.join(kinds)}, but of {kind}")
        calibration, rates = info.pop("calibration"), info.pop("rates", None)
        with understood(where, "weights"):
            return cls(
                kind=kind,
                operation=from_dict(Operation, info.pop("operation"), where=where),
                calibration=None if calibration is None else CalibrationScores.from_dict(calibration),
                rates=DEFAULT_RATES if rates is None else from_dict(Rates, rates, where=where),
                tensors=tensors,
                settings=info,
                trained_on=trained_on.astype(np.int64).ravel(),
            )


def made_with(operation: Operation) -> str:
    """Returns a short hash of what evidence depends on in an operation: links and windows, not when it is forced."""
    values = to_dict(operation)
    return fingerprint({name: values[name] for name in ("crop", "tracker", "reopen_hits", "reopen_window")})


def check_sizes(settings: dict[str, Any], tensors: dict[str, np.ndarray], where: str) -> None:
    """Refuses sizes that stored tensors cannot have, before anything of such a size is made.

    Args:
        settings: of a network, as they are stored.
        tensors: that it is to be filled with.
        where: file of the settings, for messages.

    Raises:
        ValueError: a whole number is larger than any that tensors of these sizes could come from.
    """
    largest = max([LEAST_LIMIT, len(tensors), *(side for value in tensors.values() for side in value.shape)])

    def check(value: Any, key: str) -> None:
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, part in parts:
            check(part, f"{key}.{name}" if key else str(name))
        if isinstance(value, int) and value > largest:
            raise ValueError(f"weights: {where}: {key}: got {value}, expected at most {largest} with these tensors")

    check(settings, "")
