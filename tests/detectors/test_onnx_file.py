"""What is read from an ONNX file, made here byte by byte, and from one that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.detectors.onnx_file import OnnxInfo


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_info(name: str, shape: tuple[int | str, ...]) -> bytes:
    sizes = b"".join(field(1, field(1, one) if isinstance(one, int) else field(2, one.encode())) for one in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, sizes)))


def model() -> bytes:
    weights = field(1, 4) + field(8, b"weight") + field(9, bytes(range(200)))
    graph = field(5, weights) + field(11, value_info("weight", (4,)))
    graph += field(11, value_info("images", (1, 3, "height", 640))) + field(12, value_info("out", (1, 84, 8400)))
    names = field(1, b"names") + field(2, b"{0: 'boat', 1: 'gull'}")
    return field(1, 9) + field(2, b"tests") + field(14, names) + field(7, graph)


def test_inputs_without_weights_and_names_of_classes_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(model())
    info = OnnxInfo.read(tmp_path / "a.onnx")
    assert info == OnnxInfo(inputs={"images": (1, 3, None, 640)}, class_names={0: "boat", 1: "gull"})


def test_what_is_no_onnx_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no file; expected a network in ONNX format"):
        OnnxInfo.read(tmp_path / "none.onnx")
    for data in (b"", b"PK\x03\x04 a zip", model()[:-3], b"\xff" * 40):
        (tmp_path / "a.onnx").write_bytes(data)
        with pytest.raises(ValueError, match="is no ONNX file, or is cut off"):
            OnnxInfo.read(tmp_path / "a.onnx")


@given(st.integers(0, len(model()) - 1), st.integers(0, 255))
def test_a_wrong_byte_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    data = bytearray(model())
    data[place] = byte
    path.write_bytes(bytes(data))
    try:
        assert isinstance(OnnxInfo.read(path), OnnxInfo)
    except ValueError as error:
        assert "is no ONNX file" in str(error)
