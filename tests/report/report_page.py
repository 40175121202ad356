"""Reads a rendered report back: its numbers with their claimed sources, its words without them, what it loads."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

UNSEEN = {"style", "title", "pre", "script"}


@dataclass
class ShownNumber:
    """A number on the page.

    Args:
        text: as people see it.
        value: as the page claims that it is stored.
        file: claimed file.
        key: claimed key.
        is_count: whether it counts entries.
    """

    text: str
    value: Any
    file: str
    key: str
    is_count: bool


@dataclass
class Page(HTMLParser):
    """What is on a page; `data` is what its scripts read."""

    numbers: list[ShownNumber] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._number: ShownNumber | None = None
        self._hidden = 0
        self._is_in_cell = False
        self._data_name = self._data_text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.addresses += [values[name] for name in ("src", "href", "action", "poster") if name in values]
        self._hidden += tag in UNSEEN
        if tag == "script":
            self._data_name, self._data_text = values.get("id", ""), ""
        if tag == "data":
            stored = json.loads(values["value"])
            file, key = values["data-source"], values["data-key"]
            self._number = ShownNumber("", stored, file, key, "data-count" in values)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in UNSEEN
        if tag == "script" and self._data_name.startswith("data-"):
            self.data[self._data_name.removeprefix("data-")] = json.loads(self._data_text)
            self._data_name = ""
        self._is_in_cell &= tag not in ("td", "th")
        if tag == "data" and self._number is not None:
            self.numbers.append(self._number)
            self._number = None

    def handle_data(self, data: str) -> None:
        if self._data_name.startswith("data-"):
            self._data_text += data
        if self._hidden:
            return
        if self._is_in_cell:
            self.rows[-1][-1] += data
        if self._number is not None:
            self._number.text += data
        else:
            self.words.append(data)


def read_page(path: Path) -> Page:
    """Returns the content of an HTML report."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def stored_value(run_path: Path, file: str, key: str) -> Any:
    """Looks a value up without any code of the report."""
    text = (run_path / file).read_text(encoding="utf-8")
    value: Any
    if file.endswith(".jsonl"):
        value = [json.loads(line) for line in text.splitlines()]
    elif file.endswith(".toml"):
        value = tomllib.loads(text)
    else:
        value = json.loads(text)
    for part in key.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def read_number(text: str) -> tuple[float, float]:
    """Returns a written number and half a unit of its last digit."""
    scales = {"%": 0.01, "ms": 1e-3, "us": 1e-6, "kFLOP": 1e3, "MFLOP": 1e6, "GFLOP": 1e9, "TFLOP": 1e12}
    digits, _, unit = text.replace(",", "").partition(" ")
    scale = scales.get(unit, 1.0)
    decimals = len(digits.partition(".")[2])
    return float(digits) * scale, 0.5000001 * 10**-decimals * scale
