"""Fingerprints of source code: of a function and everything of this package that it imports, directly or not.

Comments, docstrings and layout do not count, so that only a change of what the code does makes a stage run again.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import perdure

PACKAGE = Path(perdure.__file__).parent
_NAME = perdure.__name__
_FRAMES = tuple(f"{_NAME}.{room}" for room in ("runs", "recipes", "publish"))
"""Left out: the frame decides when a stage runs, not what comes out."""


def source_fingerprint(function: Callable[..., Any], modules: Iterable[str] = ()) -> str:
    """Returns a hash of a function's source and of everything of perdure that it uses, directly or not.

    What it uses: what it imports inside; functions and constants of its own module that it names; the modules of
    whatever else it names; the modules and packages given; and all that these import.

    Raises:
        ValueError: there is no such module, or the function has no source.
    """
    texts, names = _own_code(function)
    for module in modules:
        found = _modules_in(module)
        if not found:
            raise ValueError(f"code: got '{module}', expected a module or package of {_NAME}")
        names |= found
    digest = hashlib.sha256("\n".join(texts[name] for name in sorted(texts)).encode())
    for name in sorted(_closure(names)):
        digest.update(f"{name} {_module(name)[0]}\n".encode())
    return digest.hexdigest()[:16]


def _own_code(function: Callable[..., Any]) -> tuple[dict[str, str], set[str]]:
    """Returns the code of a function and of what it uses of its own module, by name, and other modules it uses."""
    texts: dict[str, str] = {}
    modules: set[str] = set()
    waiting = [inspect.unwrap(function)]
    while waiting:
        current = waiting.pop()
        tree = _parsed(_source_of(current))
        texts[current.__name__] = ast.unparse(tree)
        modules |= _imported(tree)
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in named & set(current.__globals__):
            value = current.__globals__[name]
            place = getattr(value, "__module__", None)
            if name in texts or inspect.ismodule(value):
                continue
            if inspect.isfunction(value) and place == current.__module__:
                waiting.append(value)
            elif _is_plain(value):
                texts[name] = f"{name} = {value!r}"
            elif isinstance(place, str) and place.startswith(f"{_NAME}.") and _file_of(place):
                modules.add(place)
    return texts, modules


def _is_plain(value: Any) -> bool:
    """Returns whether a constant is written the same way in every process."""
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, str | int | float)


def _source_of(function: Callable[..., Any]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise ValueError(f"stage function {function!r}: has no source; define it in a file") from error


def _parsed(source: str) -> ast.Module:
    """Returns the syntax tree without strings that stand alone: docstrings of modules, functions and fields."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [item for item in body if not _is_text(item)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(tree: ast.AST) -> set[str]:
    """Returns the modules of this package that are imported anywhere in a tree, also late inside of functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith(f"{_NAME}.") and _file_of(name) is not None}


def _closure(names: set[str]) -> set[str]:
    """Returns the modules named and all that they import, without the frame."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        is_frame = any(f"{name}.".startswith(f"{frame}.") for frame in _FRAMES)
        if name not in found and not is_frame:
            found.add(name)
            waiting += _module(name)[1]
    return found


def _modules_in(name: str) -> set[str]:
    """Returns a module, or all modules of a package."""
    path = _file_of(name)
    if path is None or name == _NAME:
        return set()
    if path.name != "__init__.py":
        return {name}
    inside = [item.relative_to(path.parent).with_suffix("") for item in path.parent.rglob("*.py")]
    return {".".join((name, *item.parts)).removesuffix(".__init__") for item in inside}


def _file_of(name: str) -> Path | None:
    place = PACKAGE.parent.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Returns the hash of a module, with the data files of its package, and what it imports."""
    path = _file_of(name)
    if path is None:
        raise ValueError(f"code: {name} does not exist")
    tree = _parsed(path.read_text(encoding="utf-8"))
    digest = hashlib.sha256(ast.unparse(tree).encode())
    if path.parent != PACKAGE:
        for file in sorted(path.parent.rglob("*")):
            if file.is_file() and file.suffix not in (".py", ".pyc", ".pyi"):
                digest.update(file.relative_to(path.parent).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest(), tuple(sorted(_imported(tree)))
