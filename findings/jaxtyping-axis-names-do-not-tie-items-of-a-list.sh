#!/usr/bin/env bash
# Guess:  list[Float[np.ndarray, "n"]] asks for arrays of one common length n, as the same name does in two arguments,
#         or at least finds a wrong item now and then.
# Really: arrays of lengths 3 and 5 in one list pass in every call, since beartype looks at ONE random item per check:
#         there is never a second one to compare n with. Add "-> None" and half of the calls are refused, since the
#         arguments are then checked once more together with the return value, n is still bound, and another item may be
#         drawn. Of a dict only the first value is looked at: a longer array or even a matrix in second place passes in
#         every call, with or without. A matrix among 50 vectors of a list is found in one call of 51.
# Seen:   jaxtyping 0.3.11, jaxtyping/_decorator.py, jaxtyped (two rounds of checks that share bound names), with
#         beartype 0.23.1, whose default strategy O1 checks containers in constant time. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check jaxtyping==0.3.11 beartype==0.23.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from beartype import beartype
from jaxtyping import Float, TypeCheckError, jaxtyped

CALLS = 500
vector, longer, matrix = np.zeros(3), np.zeros(5), np.zeros((3, 3))


@jaxtyped(typechecker=beartype)
def two(first: Float[np.ndarray, "n"], second: Float[np.ndarray, "n"]): ...


@jaxtyped(typechecker=beartype)
def listed(items: list[Float[np.ndarray, "n"]]): ...


@jaxtyped(typechecker=beartype)
def listed_none(items: list[Float[np.ndarray, "n"]]) -> None: ...


@jaxtyped(typechecker=beartype)
def named_none(items: dict[str, Float[np.ndarray, "n"]]) -> None: ...


def refused(function, *arguments):
    """Share of calls that are refused."""
    count = 0
    for _ in range(CALLS):
        try:
            function(*arguments)
        except TypeCheckError:
            count += 1
    return count / CALLS


print({name: version(name) for name in ("jaxtyping", "beartype")})
shares = {
    "two arguments, lengths 3 and 5": refused(two, vector, longer),
    "list, lengths 3 and 5": refused(listed, [vector, longer]),
    "list, lengths 3 and 5, -> None": refused(listed_none, [vector, longer]),
    "dict, lengths 3 and 5, -> None": refused(named_none, {"a": vector, "b": longer}),
    "dict, vector and matrix, -> None": refused(named_none, {"a": vector, "b": matrix}),
    "list, 50 vectors and a matrix": refused(listed, [vector] * 50 + [matrix]),
}
for name, share in shares.items():
    print(f"{name:33s} refused in {share:6.1%} of {CALLS} calls")
arguments, items, items_none, lengths, ranks, rare = shares.values()
assert (arguments, items, lengths, ranks) == (1.0, 0.0, 0.0, 0.0), shares
assert 0.3 < items_none < 0.7 and 0.0 < rare < 0.1, shares
PY
