"""Weights on disk: a safetensors file, and beside it a JSON file with everything needed to rebuild the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from perdure.files import write_bytes, write_json

FORMAT_VERSION = 1


def save_checkpoint(path: Path, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
    """Writes `path` (.safetensors) and the JSON file of the same name atomically, weights first."""
    write_bytes(path, save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}))
    write_json(path.with_suffix(".json"), {"format_version": FORMAT_VERSION, **info})


def load_info(path: Path) -> dict[str, Any]:
    """Returns the JSON part of a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged or was written by another version.
    """
    info_path = path.with_suffix(".json")
    if not path.is_file() or not info_path.is_file():
        missing = path if not path.is_file() else info_path
        raise FileNotFoundError(f"weights: {missing} does not exist; give a run folder or a .safetensors file")
    try:
        info = json.loads(info_path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"weights: {info_path} is not JSON ({error})") from error
    version = info.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"weights: {info_path} has format version {version}, expected {FORMAT_VERSION}; train again")
    return dict(info)


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
