"""Configuration: what is written is read back; every mistake is named with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.config import fingerprint, from_dict, read_toml_dict, to_dict, write_toml


@dataclass(frozen=True, kw_only=True, slots=True)
class PartConfig:
    width: int = 3
    mode: Literal["fast", "exact"] = "fast"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width: got {self.width}, expected at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeConfig:
    name: str
    rate_hz: float = 30.0
    is_on: bool = False
    channels: tuple[int, ...] = (8, 16)
    scale: tuple[float, float] = (0.0, 1.0)
    limit: float | None = None
    folder: Path | None = None
    part: PartConfig = field(default_factory=PartConfig)


configs = st.builds(
    WholeConfig,
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    rate_hz=st.floats(allow_nan=False),
    is_on=st.booleans(),
    channels=st.lists(st.integers(-(2**31), 2**31), max_size=5).map(tuple),
    scale=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    limit=st.none() | st.floats(allow_nan=False),
    folder=st.none() | st.just(Path("runs/cpu")),
    part=st.builds(PartConfig, width=st.integers(1, 99), mode=st.sampled_from(["fast", "exact"])),
)


@given(configs)
def test_a_file_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, config: WholeConfig) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    write_toml(path, config)
    assert from_dict(WholeConfig, read_toml_dict(path), where="here") == config


@given(configs, configs)
def test_equal_configurations_and_only_they_have_equal_fingerprints(one: WholeConfig, other: WholeConfig) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (to_dict(one) == to_dict(other))


def test_none_is_left_out_and_left_out_is_the_default() -> None:
    values = to_dict(WholeConfig(name="x"))
    assert "limit" not in values
    assert from_dict(WholeConfig, {"name": "x"}, where="here") == WholeConfig(name="x")


def test_whole_numbers_are_taken_where_a_float_is_expected() -> None:
    config = from_dict(WholeConfig, {"name": "x", "rate_hz": 25, "limit": 2}, where="here")
    assert isinstance(config.rate_hz, float)
    assert isinstance(config.limit, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "nmae": 1}, "here: got unknown key 'nmae', expected one of name, rate_hz"),
        ({"name": "x", "part": {"with": 1}}, "here: got unknown key 'part.with', expected one of width, mode"),
        ({"name": 3}, "here: name: got 3, expected str"),
        ({"name": "x", "rate_hz": "fast"}, "here: rate_hz: got 'fast', expected float"),
        ({"name": "x", "rate_hz": True}, "here: rate_hz: got True, expected float"),
        ({"name": "x", "is_on": 1}, "here: is_on: got 1, expected bool"),
        ({"name": "x", "channels": 8}, "here: channels: got 8, expected a list"),
        ({"name": "x", "channels": [8, "a"]}, "here: channels: got 'a', expected int"),
        ({"name": "x", "channels": [8, 1.5]}, "here: channels: got 1.5, expected int"),
        ({"name": "x", "scale": [1.0]}, "here: scale: got 1 values, expected 2"),
        ({"name": "x", "part": 4}, "here: part: got 4, expected a section"),
        ({"name": "x", "part": {"mode": "slow"}}, "here: part.mode: got 'slow', expected one of fast, exact"),
        ({"name": "x", "part": {"width": 0}}, "here: part.width: got 0, expected at least 1"),
        ({"name": "x", "part": {"width": True}}, "here: part.width: got True, expected int"),
        ({}, "here: section '' is incomplete"),
    ],
)
def test_a_mistake_is_named_with_its_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        from_dict(WholeConfig, values, where="here")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config: .*none.toml does not exist"):
        read_toml_dict(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"config: .*config.toml is not TOML"):
        read_toml_dict(path)
