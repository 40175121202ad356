"""Reads what a run has stored and hands out its numbers together with where they come from.

Every number that a report shows is a `Fact`: looked up here by file and key, never passed by hand. A missing file
is an error that names the stage that writes it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from perdure.config import read_toml_dict
from perdure.files import read_json_lines
from perdure.metrics.decisions import DecisionRecord, read_decisions
from perdure.report.numbers import format_value

STORED_FILES = {
    "evaluation": ("evaluation/evaluation_metrics.json", "perdure evaluate"),
    "decisions": ("evaluation/decisions.jsonl", "perdure evaluate"),
    "frontier": ("evaluation/frontier.json", "perdure evaluate"),
    "efficiency": ("efficiency_metrics.json", "perdure evaluate"),
    "attention": ("visualizations/attention_analysis.json", "perdure visualize"),
    "training": ("metrics.jsonl", "perdure train"),
    "config": ("config.toml", "perdure run"),
    "run": ("run.json", "perdure run"),
    "evidence": ("visualizations/evidence_analysis.json", "perdure visualize"),
}
"""Short name -> (path inside the run folder, command that writes it)."""

_PLACE = re.compile(r"\{(\w+):([\w.-]+)(?:\|(\w+))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One stored number as it is shown.

    Args:
        text: the number in the format asked for.
        value: the number as stored.
        source: short name of the file, a key of `STORED_FILES`.
        key: dotted path inside the file; a number is an index, in a JSON-lines file that of the line.
        is_count: whether the number is how many entries are as `key` says, rather than an entry itself.
    """

    text: str
    value: Any
    source: str
    key: str
    is_count: bool = False

    @property
    def file(self) -> str:
        """Path of the file inside the run folder."""
        return STORED_FILES[self.source][0]

    @property
    def place(self) -> str:
        """File and key, for people."""
        if self.is_count:
            return f"{self.file}: number of {self.key}"
        if not self.file.endswith(".jsonl"):
            return f"{self.file}: {self.key}"
        line, _, rest = self.key.partition(".")
        return f"{self.file}: line {int(line) + 1}, {rest}"


Sentence = tuple[str | Fact, ...]
"""Words and facts in reading order."""


def plain_text(sentence: Sentence) -> str:
    """Returns a sentence as it reads."""
    return "".join(part if isinstance(part, str) else part.text for part in sentence)


class StoredRun:
    """The files of one run folder, each read when it is first needed.

    Args:
        path: the run folder.

    Raises:
        FileNotFoundError: there is no such folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f"run folder {self.path}: does not exist; make one with 'perdure run --out DIR'")
        self._content: dict[str, Any] = {}

    def content(self, source: str) -> Any:
        """Returns a stored file as dictionaries, lists and plain values.

        Raises:
            FileNotFoundError: the file is missing; the stage that writes it is named.
            ValueError: the file is not what its suffix says.
        """
        if source not in self._content:
            self._content[source] = _read(self.file(source))
        return self._content[source]

    def file(self, source: str) -> Path:
        """Returns the path of a stored file, which exists."""
        name, command = STORED_FILES[source]
        return self.require(name, command)

    def require(self, name: str, command: str) -> Path:
        """Returns the path of a file inside the run folder.

        Raises:
            FileNotFoundError: it does not exist; `command` writes it.
        """
        path = self.path / name
        if not path.is_file():
            raise FileNotFoundError(f"{path}: does not exist; run '{command} {self.path}' first")
        return path

    @cached_property
    def records(self) -> list[DecisionRecord]:
        """All decisions of the run."""
        return read_decisions(self.file("decisions"))

    def value(self, source: str, key: str) -> Any:
        """Returns the stored value at a dotted path.

        Raises:
            ValueError: the file has no such key.
        """
        value = self.content(source)
        for part in key.split("."):
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                name, command = STORED_FILES[source]
                raise ValueError(
                    f"{self.path / name}: has no '{key}'; it was written by another version: run '{command}' again"
                ) from error
        return value

    def has(self, source: str, key: str) -> bool:
        """Returns whether a value is stored at a dotted path, and is not null."""
        try:
            return self.value(source, key) is not None
        except ValueError:
            return False

    def fact(self, source: str, key: str, style: str = "plain", *, beside: Any = None) -> Fact:
        """Returns a stored number as it is to be shown.

        Args:
            source: short name of the file.
            key: dotted path inside it.
            style: see `perdure.report.numbers.format_value`.
            beside: number that it is compared with: digits are added until the two can be told apart.
        """
        value = self.value(source, key)
        return Fact(text=format_value(value, style, beside=beside), value=value, source=source, key=key)

    def counted(self, number: int, source: str, what: str) -> Fact:
        """Returns how many entries of a stored file are as `what` says."""
        return Fact(text=f"{number:,}", value=number, source=source, key=what, is_count=True)

    def say(self, text: str) -> Sentence:
        """Returns a sentence whose places `{source:key|style}` are filled from the stored files.

        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> _ = (folder / "run.json").write_text('{"num_tracks": 1200}')
        >>> plain_text(StoredRun(folder).say("All {run:num_tracks} tracks."))
        'All 1,200 tracks.'
        """
        parts: list[str | Fact] = []
        end = 0
        for place in _PLACE.finditer(text):
            parts += [text[end : place.start()], self.fact(place[1], place[2], place[3] or "plain")]
            end = place.end()
        parts.append(text[end:])
        return tuple(part for part in parts if part != "")


def _read(path: Path) -> Any:
    if path.suffix == ".jsonl":
        return read_json_lines(path)
    if path.suffix == ".toml":
        return read_toml_dict(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: got text that is not JSON ({error.msg}, line {error.lineno})") from error
