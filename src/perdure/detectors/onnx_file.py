"""What an ONNX file says of its inputs and its classes, read without the onnx package.

An ONNX file is one protocol buffer; the field numbers are those of onnx.proto (ModelProto, GraphProto, ValueInfoProto).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_GRAPH, _METADATA = 7, 14
_INITIALIZER, _INPUT = 5, 11
_MAX_NAMES = 1_000_000
"""Characters of the names of classes that are read."""
_MAX_BYTES = 2 << 30
"""Largest file: a protocol buffer holds no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxInfo:
    """Inputs and classes of a network.

    Args:
        inputs: shape by name, weights left out; a size that is free is None.
        class_names: by number, as Ultralytics writes them into its exports; empty where the file says nothing.
    """

    inputs: dict[str, tuple[int | None, ...]]
    class_names: dict[int, str]

    @classmethod
    def read(cls, path: Path) -> OnnxInfo:
        """Returns what a file says.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no ONNX file.
        """
        if not path.is_file():
            raise FileNotFoundError(f"detector: {path} is no file; expected a network in ONNX format")
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(
                f"detector: {path} has {path.stat().st_size} bytes, expected an ONNX file of at most 2 GiB"
            )
        try:
            model = _fields(path.read_bytes())
            graph = _fields(model[_GRAPH][0])
            return cls(inputs=_inputs(graph), class_names=_class_names(model))
        except (IndexError, KeyError, ValueError, OverflowError):
            raise ValueError(f"detector: {path} is no ONNX file, or is cut off; export the network again") from None


def _inputs(graph: dict[int, list[bytes]]) -> dict[str, tuple[int | None, ...]]:
    """Returns what has to be fed: older exporters list the weights among the inputs as well."""
    weights = {_text(_fields(one, only=8)[8][0]) for one in graph.get(_INITIALIZER, []) if _fields(one, only=8)}
    found = {}
    for one in graph[_INPUT]:
        value = _fields(one)
        name = _text(value[1][0])
        if name not in weights:
            shape = _fields(_fields(_fields(value[2][0])[1][0]).get(2, [b""])[0])
            found[name] = tuple(_size(dimension) for dimension in shape.get(1, []))
    return found


def _size(dimension: bytes) -> int | None:
    sizes = _fields(dimension).get(1)
    size = int.from_bytes(sizes[0], "little") if sizes else 0
    return size if 0 < size < 1 << 31 else None


def _class_names(model: dict[int, list[bytes]]) -> dict[int, str]:
    for one in model.get(_METADATA, []):
        entry = _fields(one)
        if _text(entry[1][0]) == "names":
            return _named(_text(entry[2][0]))
    return {}


def _named(text: str) -> dict[int, str]:
    try:
        return {int(number): str(name) for number, name in dict(ast.literal_eval(text[:_MAX_NAMES])).items()}
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("names of classes are no table") from None


def _text(data: bytes) -> str:
    return data.decode("utf-8")


def _fields(data: bytes, *, only: int | None = None) -> dict[int, list[bytes]]:
    """Returns the values of a message by number of field; whole numbers as 8 bytes, lowest first."""
    found: dict[int, list[bytes]] = {}
    for number, value in _walk(data):
        if only is None or number == only:
            found.setdefault(number, []).append(value)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    view, place = memoryview(data), 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value.to_bytes(8, "little")
            continue
        if kind == 2:
            length, place = _varint(data, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown kind of field")
        if place + length > len(data):
            raise ValueError("cut off")
        yield tag >> 3, bytes(view[place : place + length])
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("number too long")
