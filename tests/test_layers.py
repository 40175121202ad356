"""Who may import whom, and the rules of the house that ruff does not know."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "perdure"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 60
NAMELESS = {"utils", "helpers", "common", "misc"}


def run_import_linter(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the contracts of pyproject.toml on the package in a folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run([sys.executable, "-c", command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Returns a folder with a copy of the package's code and the contracts."""
    shutil.copytree(PACKAGE, tmp_path / "perdure", ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept(copied: Path) -> None:
    result = run_import_linter(copied)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("world/made_up.py", "import perdure.gate.model", "perdure.world is not allowed to import perdure.gate"),
        ("metrics/made_up.py", "from perdure import tracking", "perdure.metrics is not allowed to import perdure.tr"),
        ("types.py", "from perdure.world import config", "perdure.types is not allowed to import perdure.world"),
        ("geometry.py", "import perdure.types", "perdure.geometry is not allowed to import perdure.types"),
        ("evidence/made_up.py", "from perdure.extractors import base", "is not allowed to import perdure.extractors"),
        ("made_up/__init__.py", "", "perdure.made_up"),
        ("runs/made_up.py", "from perdure.recipes import recipes", "perdure.runs is not allowed to import perdure.rec"),
        ("tracks/made_up.py", "import perdure.bench.confirmation", "perdure.tracks is not allowed to import perdure.b"),
        ("training/made_up.py", "import perdure.evaluation.decide", "is not allowed to import perdure.evaluation"),
        ("gate/made_up.py", "def late():\n    import perdure.training.windows", "not allowed to import perdure.train"),
        ("stopping/rules.py", "if TYPE_CHECKING:\n    import perdure.calibration.exact", "is not allowed to import"),
        ("gate/network.py", "def late():\n    import perdure.gate.model", "circle"),
        ("stopping/made_up.py", "import torch", "perdure.stopping is not allowed to import torch"),
        ("stopping/made_up.py", "import perdure.checkpoint", "perdure.stopping is not allowed to import safetensors"),
        ("training/config.py", "import torch.nn", "perdure.training.config is not allowed to import torch"),
        ("gate/made_up.py", "import cv2", "perdure is not allowed to import cv2"),
        ("evaluation/made_up.py", "import matplotlib.pyplot", "perdure is not allowed to import matplotlib"),
        ("training/made_up.py", "import subprocess", "perdure is not allowed to import subprocess"),
        ("gate/made_up.py", "import supervision", "perdure is not allowed to import supervision"),
        ("gate/made_up.py", "def late():\n    import pytest", "perdure is not allowed to import pytest"),
    ],
)
def test_a_forbidden_import_is_found(copied: Path, module: str, line: str, complaint: str) -> None:
    path = copied / "perdure" / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = run_import_linter(copied)
    assert result.returncode == 1, result.stdout + result.stderr
    assert complaint in " ".join(result.stdout.split())


@pytest.mark.parametrize("module", ["video/made_up.py", "drawing/made_up.py"])
def test_opencv_is_allowed_in_video_and_drawing(copied: Path, module: str) -> None:
    (copied / "perdure" / module).write_text("import cv2\n", encoding="utf-8")
    assert run_import_linter(copied).returncode == 0


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_every_folder_of_code_is_a_package_that_holds_a_docstring_only() -> None:
    """A folder without __init__.py is no package, and the import contracts do not see it."""
    folders = {path.parent for path in MODULES} - {PACKAGE}
    for folder in sorted(folders):
        path = folder / "__init__.py"
        assert path.is_file(), f"{name_of(folder)} has no __init__.py"
        body = tree_of(path).body
        if folder.name == "cli":
            # The entry point of the installed command is `perdure.cli:main`.
            body = [node for node in body if not isinstance(node, ast.ImportFrom)]
        assert len(body) == 1, f"{name_of(path)} holds code"
        assert ast.get_docstring(tree_of(path)), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nobody_imports_a_private_name_of_another_module(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("perdure"):
            private = [item.name for item in node.names if item.name.startswith("_")]
            assert not private, f"{name_of(path)} line {node.lineno}: imports {private[0]} from {node.module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_are_short_and_have_a_name(path: Path) -> None:
    assert path.stem not in NAMELESS, f"{name_of(path)}: name the thing"
    text = path.read_text(encoding="utf-8")
    assert text.isascii(), f"{name_of(path)}: got a character that is not ASCII"
    assert text.count("\n") <= MAX_FILE_LINES, f"{name_of(path)}: got {text.count(chr(10))} lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{name_of(path)} {node.name}: got {length} lines"
