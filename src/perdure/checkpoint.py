"""Weights on disk: a safetensors file, and beside it a JSON file with everything needed to rebuild the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from perdure.arrays import FORMAT_VERSION, load_info
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
    info = load_info(path)
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"weights: {path} is not a complete safetensors file ({error})") from error
    return tensors, info
