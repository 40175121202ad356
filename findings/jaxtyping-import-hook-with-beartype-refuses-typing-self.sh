#!/usr/bin/env bash
# Guess:  install_import_hook(package, "beartype.beartype") checks a module whatever its annotations are; beartype knows
#         typing.Self, and its own import hook imports such a module.
# Really: a single method that is annotated -> Self stops the import of the module with
#         BeartypeDecorHintPep673Exception. The hook of jaxtyping hands methods, not classes, to beartype, which allows
#         Self only where it decorates the class, because a method by itself does not know its class. beartype's own
#         hook decorates classes and works. Naming the class in a string ("Window") instead of Self works with both;
#         test suites that turn the hook on by pytest --jaxtyping-packages meet this at collection.
# Seen:   jaxtyping 0.3.11, jaxtyping/_import_hook.py, JaxtypingTransformer.visit_FunctionDef; beartype 0.23.1,
#         beartype/_check/convert/_reduce/_pep/redpep673.py, reduce_hint_pep673. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check jaxtyping==0.3.11 beartype==0.23.1
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import importlib
import sys
from importlib.metadata import version
from pathlib import Path

from beartype.claw import beartype_package
from beartype.roar import BeartypeDecorHintPep673Exception
from jaxtyping import install_import_hook

sys.path.insert(0, ".")
MODULE = """
from typing import Self

class Window:
    def __init__(self, frames: int) -> None:
        self.frames = frames

    def longer(self) -> {annotation}:
        return type(self)(self.frames + 1)
"""


def imported(name, annotation, hook):
    Path(f"{name}.py").write_text(MODULE.format(annotation=annotation))
    importlib.invalidate_caches()
    try:
        if hook == "jaxtyping":
            with install_import_hook(name, "beartype.beartype"):
                module = importlib.import_module(name)
        else:
            beartype_package(name)
            module = importlib.import_module(name)
    except BeartypeDecorHintPep673Exception as error:
        return type(error).__name__
    return f"works, {module.Window(1).longer().frames} frames"


print({name: version(name) for name in ("jaxtyping", "beartype")})
seen = {}
for hook in ("jaxtyping", "beartype.claw"):
    for kind, annotation in (("Self", "Self"), ("string", '"Window"')):
        seen[hook, kind] = imported(f"module_{hook[:4]}_{kind}", annotation, hook)
        print(f"import hook of {hook:13s} -> {annotation:8s} {seen[hook, kind]}")
assert seen.pop(("jaxtyping", "Self")) == "BeartypeDecorHintPep673Exception", seen
assert set(seen.values()) == {"works, 2 frames"}, seen
PY
