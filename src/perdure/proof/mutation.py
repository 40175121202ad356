"""One deliberate fault: a text in a module that is replaced by another before the module is loaded.

The source is changed, not the loaded function, so that whoever imports the module gets the broken version. A text that
does not occur exactly once is an error: a table of faults that no longer fits the code proves nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

import perdure

PACKAGE = Path(perdure.__file__).parent


@dataclass(frozen=True, slots=True)
class Mutation:
    """A fault.

    Args:
        name: unique among all.
        module: dotted name inside of perdure, `metrics.decisions`.
        old: text of one line that occurs exactly once in the module.
        new: what stands in its place.
        what: what is wrong then.
    """

    name: str
    module: str
    old: str
    new: str
    what: str

    @property
    def file(self) -> Path:
        """The source file."""
        return PACKAGE.joinpath(*self.module.split(".")).with_suffix(".py")

    def source(self) -> str:
        """Returns the broken source.

        Raises:
            ValueError: the text does not occur exactly once.
        """
        text = self.file.read_text(encoding="utf-8")
        num = text.count(self.old)
        if num != 1:
            raise ValueError(
                f"mutation {self.name}: got {num} places of '{self.old}' in {self.module}, expected 1; the code has "
                "changed, so change the table of mutations too"
            )
        return text.replace(self.old, self.new)


class _BrokenLoader(SourceFileLoader):
    """Loads the broken source, and leaves no compiled file behind."""

    def __init__(self, name: str, mutation: Mutation) -> None:
        super().__init__(name, str(mutation.file))
        self._source = mutation.source()

    def exec_module(self, module: ModuleType) -> None:
        """Runs the broken source as the module."""
        exec(compile(self._source, self.path, "exec"), module.__dict__)  # noqa: S102 - our own source


class BrokenModule(MetaPathFinder):
    """Makes one module load with its fault; goes first in `sys.meta_path`.

    Raises:
        ValueError: the fault does not fit the code, or the module is loaded already.
    """

    def __init__(self, mutation: Mutation) -> None:
        self._name = f"{perdure.__name__}.{mutation.module}"
        if self._name in sys.modules:
            raise ValueError(f"mutation {mutation.name}: {self._name} is loaded already")
        self._loader: Loader = _BrokenLoader(self._name, mutation)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns where the broken module comes from, None for all others."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == self._name else None
        if spec is not None:
            spec.loader = self._loader
        return spec
