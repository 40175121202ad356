#!/usr/bin/env bash
# Guess:  the import hook of jaxtyping decorates a module once, when it is imported; what a call costs after that is the
#         checking of its own arguments.
# Really: a function defined inside another one is decorated anew each time the outer one runs, and jaxtyping asks the
#         type checker for two new checks each time, one for the arguments and one for the return value as well. Beartype
#         compiles each from text: milliseconds for a function of two floats, hundreds of times what the same work costs
#         with the inner function at the level of the module. Nothing is kept between calls, though both checks depend
#         on the signature alone. A test suite under `--jaxtyping-packages` becomes slow where production is not.
# Seen:   jaxtyping 0.3.11, jaxtyping/_decorator.py, jaxtyped (full_fn and param_fn), with beartype 0.23.1. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check jaxtyping==0.3.11 beartype==0.23.1 numpy==2.4.6
cd "$folder"
cat > counted.py <<'PY'
from beartype import beartype

NUM = [0]


def checker(function):
    NUM[0] += 1
    return beartype(function)
PY
cat > sums.py <<'PY'
def flat(x: float, y: float) -> float:
    return _add(x, y)


def _add(a: float, b: float) -> float:
    return a + b


def nested(x: float, y: float) -> float:
    def add(a: float, b: float) -> float:
        return a + b

    return add(x, y)
PY
"$folder/venv/bin/python" - <<'PY'
import time
from importlib.metadata import version

from jaxtyping import install_import_hook

with install_import_hook("sums", "counted.checker"):
    import sums
import counted

CALLS = 200
print({name: version(name) for name in ("jaxtyping", "beartype")})
at_import = counted.NUM[0]
found = {}
for function in (sums.flat, sums.nested):
    before, start = counted.NUM[0], time.perf_counter()
    for _ in range(CALLS):
        function(1.0, 2.0)
    found[function.__name__] = counted.NUM[0] - before, time.perf_counter() - start
print(f"checks compiled at import: {at_import}")
for name, (num, seconds) in found.items():
    print(f"{CALLS} calls of {name}: {num} more checks compiled, {1e3 * seconds / CALLS:.3f} ms a call")
assert found["flat"][0] == 0, "the hook compiles nothing after the import where no function is nested"
assert found["nested"][0] == 2 * CALLS, "every call compiled the checks of the inner function twice"
assert found["nested"][1] > 20 * found["flat"][1], "and that cost far more than checking"
PY
