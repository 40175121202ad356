"""From a run folder, a weights file, or the weights in the package to a gate that is ready to run."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from perdure.engine.gate import PersistenceGate
from perdure.engine.model import PersistenceModel, find_weights
from perdure.stopping.calibration import calibrate

SHIPPED_WEIGHTS = "default.safetensors"
"""File in `perdure/weights` that is used when no weights are named."""


def load_model(path: Path | str | None = None) -> PersistenceModel:
    """Returns the model of a run folder or weights file; None means the weights in the package.

    Raises:
        FileNotFoundError: there are no weights there.
        ValueError: they are damaged or of another version.
    """
    if path is not None:
        return PersistenceModel.load(find_weights(path))
    with as_file(files("perdure") / "weights") as folder:
        return PersistenceModel.load(find_weights(folder / SHIPPED_WEIGHTS))


def load_gate(
    path: Path | str | None = None,
    *,
    max_false_confirm: float | None = 0.02,
    max_miss: float | None = 0.02,
    horizon: int | None = None,
    on_timeout: Literal["persistent", "transient"] | None = None,
    image_size: tuple[int, int] | None = None,
) -> PersistenceGate:
    """Returns a gate whose bounds keep both error rates below the given ones (with probability 95 % over calibration).

    Args:
        path: run folder or .safetensors file; None means the weights in the package.
        max_false_confirm: largest share of transient tracks that may be called persistent; None confirms nothing early.
        max_miss: largest share of persistent tracks that may be called transient; None rejects nothing early.
        horizon: age in frames at which a decision is forced; None takes that of training.
        on_timeout: what a forced decision says; None takes that of training.
        image_size: width and height in pixels, for gates that never see a frame.

    Raises:
        FileNotFoundError: there are no weights there.
        ValueError: weights are damaged, not calibrated, or calibrated on too few tracks for these rates.
    """
    model = load_model(path)
    operation = model.operation
    if horizon is not None:
        operation = replace(operation, horizon=horizon)
    if on_timeout is not None:
        operation = replace(operation, on_timeout=on_timeout)
    model.operation = operation
    if model.calibration is None:
        raise ValueError(f"weights: {path} are not calibrated; finish the run that made them (perdure run --resume)")
    rule = calibrate(
        model.calibration,
        max_false_confirm=max_false_confirm,
        max_miss=max_miss,
        horizon=operation.horizon,
        on_timeout=operation.on_timeout,
    )
    return PersistenceGate(model, rule, image_size=image_size)
