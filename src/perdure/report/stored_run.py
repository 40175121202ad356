"""Reads what a run has stored and hands out its numbers together with where they come from.

Every number that a report shows is a `Fact`: looked up here by file and key, never passed by hand. Templates name it by
its `Place`. A missing file is an error that names the stage that writes it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, total_ordering
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
    "scores": ("evaluation/scores.json", "perdure evaluate"),
    "gallery": ("visualizations/gallery.json", "perdure visualize"),
}
"""Short name -> (path inside the run folder, command that writes it)."""


def command_line(command: str, folder: Path) -> str:
    """Returns the line that runs a command on a run folder.

    >>> command_line("perdure evaluate", Path("runs/my run")), command_line("perdure run", Path("runs/cpu"))
    ("perdure evaluate 'runs/my run'", 'perdure run --resume --out runs/cpu')
    """
    place = shlex.quote(str(folder))
    return f"{command} --resume --out {place}" if command == "perdure run" else f"{command} {place}"


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
            raise FileNotFoundError(f"{path}: does not exist; run '{command_line(command, self.path)}' first")
        return path

    @cached_property
    def records(self) -> list[DecisionRecord]:
        """All decisions of the run."""
        return read_decisions(self.file("decisions"))

    def value(self, source: str, key: str) -> Any:
        """Returns the stored value at a dotted path; the empty one stands for the whole file.

        Raises:
            ValueError: the file has no such key.
        """
        value = self.content(source)
        for part in filter(None, key.split(".")):
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                name, command = STORED_FILES[source]
                raise ValueError(
                    f"{self.path / name}: has no '{key}'; it was written by another version: run"
                    f" '{command_line(command, self.path)}' again"
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


@total_ordering
class Place:
    """A place in a stored file, as a template names it: `evaluation.miss_rate`, `decisions[3].evidence`.

    Naming a place reads nothing; the file is read once the place is printed, compared or walked over. All names but
    those of Python itself are keys, so a key is never mistaken for a method.

    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "run.json").write_text('{"stages": [{"name": "train"}]}')
    >>> fact_at(Place(StoredRun(folder), "run").stages[0].name).place
    'run.json: stages.0.name'
    """

    __slots__ = ("_key", "_run", "_source")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, run: StoredRun, source: str, key: str = "") -> None:
        self._run, self._source, self._key = run, source, key

    def __getattr__(self, name: str) -> Place:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str | int) -> Place:
        return Place(self._run, self._source, f"{self._key}.{name}" if self._key else str(name))

    def __iter__(self) -> Iterator[Place]:
        content = value_at(self)
        return (self[name] for name in (content if isinstance(content, dict) else range(len(content))))

    def __eq__(self, other: object) -> bool:
        return bool(value_at(self) == value_at(other))

    def __lt__(self, other: object) -> bool:
        return bool(value_at(self) < value_at(other))


def value_at(place: object) -> Any:
    """Returns what is stored at a place; what is no place stands for itself."""
    if not isinstance(place, Place):
        return place
    return place._run.value(place._source, place._key)


def is_measured(place: Place) -> bool:
    """Returns whether a value is stored at a place, and is not null."""
    return place._run.has(place._source, place._key)


def fact_at(place: Place, style: str = "plain", *, beside: Any = None) -> Fact:
    """Returns the stored number at a place as it is to be shown, see `StoredRun.fact`."""
    return place._run.fact(place._source, place._key, style, beside=beside)


def _read(path: Path) -> Any:
    if path.suffix == ".jsonl":
        return read_json_lines(path)
    if path.suffix == ".toml":
        return read_toml_dict(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: got text that is not JSON ({error.msg}, line {error.lineno})") from error
