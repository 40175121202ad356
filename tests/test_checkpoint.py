"""Weights on disk: what was written is read back, and every way in which it can be broken has its message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from perdure.arrays import FORMAT_VERSION, load_info
from perdure.checkpoint import load_checkpoint, save_checkpoint
from perdure.tokenizer.config import QuantizerConfig, TokenizerConfig
from perdure.tokenizer.model import Tokenizer

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(7)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, TENSORS, {"name": "small", "sizes": [1, 2]})
    return path


def test_tensors_and_information_come_back(path: Path) -> None:
    tensors, info = load_checkpoint(path)
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype
    assert info == {"format_version": FORMAT_VERSION, "name": "small", "sizes": [1, 2]}


def test_a_whole_tokenizer_answers_the_same_after_a_round_trip(tmp_path: Path) -> None:
    config = TokenizerConfig(crop_px=16, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6))
    torch.manual_seed(0)
    first, second = Tokenizer(config), Tokenizer(config)
    crops = 2 * torch.rand(2, 3, 3, 16, 16) - 1
    assert not torch.equal(first.encode(crops)[0], second.encode(crops)[0])
    save_checkpoint(tmp_path / "tokenizer.safetensors", dict(first.state_dict()), {})
    second.load_state_dict(load_checkpoint(tmp_path / "tokenizer.safetensors")[0])
    assert torch.equal(first.encode(crops)[0], second.encode(crops)[0])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).T,
        torch.ones(2, requires_grad=True),
        torch.zeros(0, 5),
        torch.ones(2).bfloat16(),
    ],
    ids=["transposed", "with gradient", "empty", "bfloat16"],
)
def test_any_tensor_can_be_stored(tmp_path: Path, tensor: Tensor) -> None:
    save_checkpoint(tmp_path / "one.safetensors", {"one": tensor}, {})
    stored = load_checkpoint(tmp_path / "one.safetensors")[0]["one"]
    assert torch.equal(stored, tensor)
    assert stored.dtype == tensor.dtype


def test_saving_over_an_old_checkpoint_replaces_both_files(path: Path) -> None:
    save_checkpoint(path, {"weight": torch.zeros(1)}, {"name": "new"})
    tensors, info = load_checkpoint(path)
    assert tensors["weight"].tolist() == [0]
    assert info["name"] == "new"
    assert sorted(item.name for item in path.parent.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    with pytest.raises(FileNotFoundError, match=rf"weights: .*model\{suffix} does not exist; give a run folder"):
        load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 4, 60])
def test_half_a_weights_file_is_an_error(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"model\.safetensors is not a complete safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b'{"format_version": 1', b"\xff\xfe\x00"])
def test_half_an_information_file_is_an_error(path: Path, content: bytes) -> None:
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.json: got text that is not JSON"):
        load_info(path)


@pytest.mark.parametrize("version", [0, 99, None])
def test_another_version_is_an_error(path: Path, version: int | None) -> None:
    path.with_suffix(".json").write_text(json.dumps({"format_version": version}), encoding="utf-8")
    with pytest.raises(ValueError, match=f"has format version {version}, expected {FORMAT_VERSION}; train again"):
        load_info(path)
