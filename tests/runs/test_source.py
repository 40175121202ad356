"""The fingerprint of code follows what the code does, through imports, and not how it is written."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import perdure.runs.source as source
from perdure.runs.source import source_fingerprint

STAGE = '''
"""A stage."""

def run(context):
    """Works."""
    from perdure.alpha import work
    return work(context)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of three modules in place of perdure: alpha imports beta.work, and nobody imports gamma."""
    root = tmp_path / "perdure"
    (root / "beta").mkdir(parents=True)
    (root / "runs").mkdir()
    for name in ("__init__.py", "beta/__init__.py", "runs/__init__.py"):
        (root / name).write_text("", encoding="utf-8")
    (root / "alpha.py").write_text("from perdure.beta import work\nimport perdure.runs.frame\n", encoding="utf-8")
    (root / "beta" / "work.py").write_text("def work(x):\n    return 1\n", encoding="utf-8")
    (root / "beta" / "page.html").write_text("<p>", encoding="utf-8")
    (root / "gamma.py").write_text("x = 1\n", encoding="utf-8")
    (root / "runs" / "frame.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(source, "PACKAGE", root)
    source._module.cache_clear()
    yield root
    source._module.cache_clear()


def fingerprint(tmp_path: Path, text: str = STAGE, *modules: str) -> str:
    path = tmp_path / f"stage_{abs(hash(text))}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run: Callable[[object], None] = module.run
    source._module.cache_clear()
    return source_fingerprint(run, modules)


@pytest.mark.parametrize(
    ("name", "text", "is_same"),
    [
        ("beta/work.py", "def work(x):\n    return 2\n", False),
        ("beta/work.py", '"""Words."""\n# why\ndef work(x):\n    """Words."""\n\n    return (1)\n', True),
        ("beta/page.html", "<b>", False),
        ("alpha.py", "import perdure.beta.work\nimport perdure.gamma\n", False),
        ("gamma.py", "x = 2\n", True),
        ("runs/frame.py", "x = 2\n", True),
    ],
)
def test_only_code_that_is_used_counts(tmp_path: Path, package: Path, name: str, text: str, is_same: bool) -> None:
    before = fingerprint(tmp_path)
    (package / name).write_text(text, encoding="utf-8")
    assert (fingerprint(tmp_path) == before) is is_same


def test_the_source_of_the_function_counts(tmp_path: Path, package: Path) -> None:
    same = STAGE.replace('"""Works."""', '"""Works well."""  # or so')
    assert fingerprint(tmp_path, same) == fingerprint(tmp_path)
    assert fingerprint(tmp_path, STAGE.replace("(context)\n", "(None)\n")) != fingerprint(tmp_path)


def test_named_modules_and_packages_count(tmp_path: Path, package: Path) -> None:
    before = fingerprint(tmp_path, STAGE, "perdure.gamma", "perdure.beta")
    (package / "gamma.py").write_text("x = 2\n", encoding="utf-8")
    assert fingerprint(tmp_path, STAGE, "perdure.gamma", "perdure.beta") != before
    with pytest.raises(ValueError, match=r"code: got 'perdure\.delta', expected a module or package of perdure"):
        fingerprint(tmp_path, STAGE, "perdure.delta")


def test_a_function_without_source_is_refused() -> None:
    with pytest.raises(ValueError, match="has no source; define it in a file"):
        source_fingerprint(eval("lambda context: None"))  # noqa: S307


def test_real_code_reaches_what_it_imports_late() -> None:
    names = source._closure({"perdure.gate.load"})
    assert {"perdure.gate.gate", "perdure.tracking.tracker", "perdure.types"} <= names
    assert not any(name.startswith("perdure.report") for name in names)
