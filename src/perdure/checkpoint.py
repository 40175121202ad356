"""Weights on disk: a safetensors file, and beside it a JSON file with everything needed to rebuild the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from perdure.arrays import FORMAT_VERSION, load_arrays
from perdure.files import write_bytes, write_json


def save_checkpoint(path: Path, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
    """Writes `path` (.safetensors) and the JSON file of the same name atomically, weights first."""
    write_bytes(path, save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}))
    write_json(path.with_suffix(".json"), {"format_version": FORMAT_VERSION, **info})


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
    """Lets a module take over weights; a name or shape that does not fit is a ValueError that names the file."""
    try:
        module.load_state_dict(
            {name: value if isinstance(value, Tensor) else torch.tensor(value) for name, value in weights.items()}
        )
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ValueError(f"weights: {path} does not fit its configuration: {first}") from error
