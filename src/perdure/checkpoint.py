"""Weights on disk: a safetensors file, and beside it a JSON file with everything needed to rebuild the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from perdure.arrays import load_arrays, write_pair


def save_checkpoint(path: Path, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
    """Writes `path` (.safetensors) and the JSON file of the same name atomically, weights first."""
    write_pair(path, save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}), info)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Returns tensors and information of a checkpoint.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged or of another version.
    """
    return load_arrays(path, load)


def module_arrays(module: nn.Module) -> dict[str, np.ndarray]:
    """Returns the weights of a module by name."""
    return {name: value.detach().cpu().contiguous().numpy() for name, value in module.state_dict().items()}


def load_module(module: nn.Module, weights: Mapping[str, np.ndarray | Tensor], path: Path) -> None:
    """Lets a module take over weights.

    Raises:
        ValueError: a name or a shape does not fit, or a number is not finite; the file is named.
    """
    for name, value in weights.items():
        if not np.isfinite(np.asarray(value)).all():
            raise ValueError(f"weights: {path} holds numbers in '{name}' that are not finite, so it decides nothing")
    try:
        module.load_state_dict(
            {name: value if isinstance(value, Tensor) else torch.tensor(value) for name, value in weights.items()}
        )
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ValueError(f"weights: {path} does not fit its configuration: {first}") from error
