"""The faults that the tests of the evaluation must notice: a table beside those tests, in a checkout or an sdist.

A fault is a text in a module that is replaced by another. A text that does not occur exactly once is an error: a table
that no longer fits the code proves nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import perdure

PACKAGE = Path(perdure.__file__).parent
ROOT = PACKAGE.parents[1]
"""Top of the checkout, where perdure runs from one."""
SUITE = ROOT / "tests" / "proof"
TABLE = SUITE / "faults.tsv"
COLUMNS = ("name", "module", "what", "old", "new", "tests")
TOOLS = ("pytest", "hypothesis", "scipy")
"""What the tests need beside perdure itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A deliberate fault.

    Args:
        name: unique among all.
        module: dotted name inside of perdure, `metrics.decisions`.
        what: what is wrong then.
        old: text that occurs exactly once in the module.
        new: what stands in its place.
        tests: those that notice it, `metrics/test_image.py::test_psnr`, with a space in between; one set of parameters
            of a test stands in brackets, as pytest writes it.
    """

    name: str
    module: str
    what: str
    old: str
    new: str
    tests: str

    @property
    def file(self) -> Path:
        """The source file."""
        return PACKAGE.joinpath(*self.module.split(".")).with_suffix(".py")

    @property
    def test_names(self) -> tuple[str, ...]:
        """The tests as JUnit names them, without parameters: `tests.metrics.test_image.test_psnr`."""
        names = (test.partition("[") for test in self.tests.split())
        return tuple(f"tests.{name}".replace(".py::", ".").replace("/", ".") for name, _, _ in names)

    def source(self) -> str:
        """Returns the broken source.

        Raises:
            ValueError: the text does not occur exactly once.
        """
        text = self.file.read_text(encoding="utf-8")
        num = text.count(self.old)
        if num != 1:
            raise ValueError(
                f"fault {self.name}: got {num} places of '{self.old}' in {self.module}, expected 1; the code has "
                f"changed, so change {TABLE.name} too"
            )
        return text.replace(self.old, self.new)


def read_faults(path: Path = TABLE) -> tuple[Fault, ...]:
    """Returns the faults of a table: a line of names of columns, then one fault a line, cells parted by tabs.

    Raises:
        FileNotFoundError: there is no table.
        ValueError: a line has other cells.
    """
    head, *lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    if tuple(head) != COLUMNS:
        raise ValueError(f"{path}: got the columns {head}, expected {list(COLUMNS)}")
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(COLUMNS) or not all(cells):
            raise ValueError(f"{path} line {number}: got {len(cells)} cells, expected {len(COLUMNS)} with text")
    return tuple(Fault(*cells) for cells in lines)


def what_is_missing() -> str | None:
    """Returns in a line why nothing can be proven here, None if it can."""
    if not TABLE.is_file():
        return f"the tests of perdure are not installed with it ({PACKAGE}); a proof needs a checkout or an sdist"
    absent = [name for name in TOOLS if find_spec(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}; a proof needs: pip install --editable '.[proof]' in {ROOT}"
    return None


def suite_digest() -> str:
    """Returns a word that changes when the table or a test file of one of its folders does."""
    if not TABLE.is_file():
        return "missing"
    folders = {(ROOT / "tests" / test).parent for fault in read_faults() for test in fault.tests.split()}
    files = [TABLE, *SUITE.glob("*.py"), *(path for folder in sorted(folders) for path in sorted(folder.glob("*.py")))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
