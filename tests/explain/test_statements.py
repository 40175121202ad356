"""Every statement is true of the stored rows; the checker shares nothing with what has written them, and finds lies."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from perdure.explain.sources import open_source
from perdure.explain.text import facts


def loaded(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = loaded("statement_check")


@pytest.mark.parametrize("name", ["traced", "promised"])
def test_every_statement_on_every_decision_is_true(request: pytest.FixtureRequest, name: str) -> None:
    folder: Path = request.getfixturevalue(name)
    source, stored = open_source(folder), check.Stored(folder)
    num = 0
    for place, story in enumerate(source.stories):
        text = " ".join(fact.text for fact in facts(source, story, again=False))
        told, wrong = check.false_statements(text, stored.facts(place))
        assert not wrong, wrong
        num += told
    assert num > 5 * len(source.stories) > 250


def test_the_checker_imports_nothing_of_the_package() -> None:
    assert "perdure" not in re.sub(r'""".*?"""', "", Path(check.__file__).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("pattern", "lie"),
    [
        (r"called persistent", "called transient"),
        (r"at age \d+", "at age 63"),
        (r"born on frame \d+", "born on frame 77"),
        (r"associated on \d+ of", "associated on 0 of"),
        (r"and missed on frames? [^.]+\.", "and missed on frame 99."),
        (r"frame (\d+) moved it most", "frame 98 moved it most"),
        (r"by [+-]\d+\.\d\d nats \(", "by +9.99 nats ("),
        (r"alone give [+-]\d+\.\d\d", "alone give +8.88"),
        (r"(at least) [+-]\d+\.\d\d", "at least +7.77"),
        (r"stricter by more than \d+\.\d\d", "stricter by more than 0.00"),
        (r"was [\d.]+ %", "was 12.3 %"),
        (r"leaning that way|confident|hardly more than a guess", "nearly certain"),
        (r"No error rate is guaranteed: .*", "Everything is guaranteed."),
    ],
)
def test_a_lie_is_found(traced: Path, pattern: str, lie: str) -> None:
    source, stored = open_source(traced), check.Stored(traced)
    for place, story in enumerate(source.stories):
        text = " ".join(fact.text for fact in facts(source, story, again=False))
        if story.label == "persistent" and re.search(pattern, text) and story.misses:
            _, wrong = check.false_statements(re.sub(pattern, lie, text, count=1), stored.facts(place))
            assert wrong, f"not found: {lie}"
            return
    pytest.fail(f"nothing says {pattern}")
