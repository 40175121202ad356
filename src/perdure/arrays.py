"""Named arrays on disk: a safetensors file, and beside it a JSON file with everything else. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from perdure.files import read_json, sealed, unsealed, write_bytes, write_json

FORMAT_VERSION = 1
ARRAYS_SEAL = "arrays_sha256"
"""Key of the digest of the safetensors file."""


def save_arrays(path: Path, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> None:
    """Writes `path` (.safetensors) and the JSON file of the same name atomically, arrays first."""
    write_pair(path, save({name: np.array(value, order="C") for name, value in arrays.items()}), info)


def write_pair(path: Path, data: bytes, info: dict[str, Any]) -> None:
    """Writes the bytes of arrays and the JSON file beside them, which knows both its own digest and theirs."""
    write_bytes(path, data)
    values = {"format_version": FORMAT_VERSION, **info, ARRAYS_SEAL: _digest(data)}
    write_json(path.with_suffix(".json"), sealed(json.loads(json.dumps(values, allow_nan=False))))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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
    info = unsealed(read_json(info_path), info_path)
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
    data = path.read_bytes()
    try:
        arrays = dict(load(data))
    except SafetensorError as error:
        raise ValueError(f"weights: {path} is not a complete safetensors file ({error})") from error
    if info.pop(ARRAYS_SEAL, None) not in (None, _digest(data)):
        raise ValueError(f"weights: {path} is not of the {path.stem}.json beside it; copy both files of one run")
    return arrays, info


def find_weights(path: Path | str) -> Path:
    """Returns the weights file of a run folder, or the file itself.

    Raises:
        FileNotFoundError: there are no weights.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "final_model.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"weights: {path} does not exist; give a finished run folder or a .safetensors file, or the name of "
            "weights in the package (detections, pixels)"
        )
    return path
