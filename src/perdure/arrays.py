"""Named arrays on disk: a safetensors file, and beside it a JSON file with everything else. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from perdure.files import write_bytes, write_json

FORMAT_VERSION = 1


def save_arrays(path: Path, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> None:
    """Writes `path` (.safetensors) and the JSON file of the same name atomically, arrays first."""
    write_bytes(path, save({name: np.array(value, order="C") for name, value in arrays.items()}))
    write_json(path.with_suffix(".json"), {"format_version": FORMAT_VERSION, **info})


def load_info(path: Path) -> dict[str, Any]:
    """Returns the JSON part.

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


def load_arrays(path: Path, load: Callable[[bytes], Any] = load) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns arrays and information.

    Args:
        path: of the .safetensors file.
        load: of safetensors; decides what kind of arrays they are.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged or of another version.
    """
    info = load_info(path)
    try:
        return dict(load(path.read_bytes())), info
    except SafetensorError as error:
        raise ValueError(f"weights: {path} is not a complete safetensors file ({error})") from error


def find_weights(path: Path | str) -> Path:
    """Returns the weights file of a run folder, or the file itself.

    Raises:
        FileNotFoundError: there are no weights.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "final_model.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"weights: {path} does not exist; give a finished run folder or a .safetensors file")
    return path
