"""Configuration as frozen dataclasses: to and from plain dictionaries and TOML files.

None means "left out". Where a section may be of several kinds it is the one that has most of its keys. Unknown keys and
values of a wrong type are errors that name the key and the place.
Knows nothing of what the settings mean; every owner validates its own in `__post_init__`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from perdure.files import write_text

ConfigT = TypeVar("ConfigT")


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a configuration as nested dictionaries of plain values; fields that are None are left out."""
    result: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        if value is not None:
            result[item.name] = _plain(value)
    return result


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_dict(cls: type[ConfigT], values: dict[str, Any], *, where: str, section: str = "") -> ConfigT:
    """Returns a configuration from nested dictionaries; what is left out takes its default.

    Args:
        cls: a dataclass.
        values: as written by `to_dict`.
        where: file or option that the values come from, for messages.
        section: dotted path of `values` inside `where`, for messages.

    Raises:
        ValueError: an unknown key, a value of a wrong type, or one that the owner refuses.
    """
    hints = typing.get_type_hints(cls)
    names = [item.name for item in fields(cls) if item.init]  # type: ignore[arg-type]
    arguments = {}
    for name, value in values.items():
        key = f"{section}{name}"
        if name not in names:
            raise ValueError(f"{where}: got unknown key '{key}', expected one of {', '.join(names)}")
        arguments[name] = _converted(hints[name], value, where=where, key=key)
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ValueError(f"{where}: {section}{error}") from error
    except TypeError as error:
        raise ValueError(f"{where}: section '{section.rstrip('.')}' is incomplete ({error})") from error


def _converted(hint: Any, value: Any, *, where: str, key: str) -> Any:
    """Returns a value as the annotated type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) > 1 and isinstance(value, dict):
            inner.sort(key=lambda one: len({item.name for item in fields(one)} & set(value)), reverse=True)
        return None if value is None else _converted(inner[0], value, where=where, key=key)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ValueError(f"{where}: {key}: got {value!r}, expected a section")
        return from_dict(hint, value, where=where, section=f"{key}.")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where}: {key}: got {value!r}, expected a list")
        item_types = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(item_types) != len(value):
            raise ValueError(f"{where}: {key}: got {len(value)} values, expected {len(item_types)}")
        pairs = zip(item_types, value, strict=True)
        return tuple(_converted(item, part, where=where, key=key) for item, part in pairs)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(f"{where}: {key}: got {value!r}, expected one of {', '.join(map(str, arguments))}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is not bool and isinstance(value, bool))):
        raise ValueError(f"{where}: {key}: got {value!r}, expected {hint.__name__}")
    return value


def write_toml(path: Path, config: Any) -> None:
    """Writes a configuration atomically as TOML."""
    write_text(path, tomli_w.dumps(to_dict(config)))


def read_toml_dict(path: Path) -> dict[str, Any]:
    """Returns a TOML file as nested dictionaries.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not TOML.
    """
    if not path.is_file():
        raise FileNotFoundError(f"config: {path} does not exist")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {path} is not TOML ({error})") from error


def fingerprint(*parts: Any) -> str:
    """Returns a short hash of plain values and configurations: equal exactly if they are equal.

    >>> fingerprint({"a": 1}) == fingerprint({"a": 1}), fingerprint({"a": 1}) == fingerprint({"a": 2})
    (True, False)
    """
    plain = [_plain(part) for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
