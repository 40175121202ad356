#!/usr/bin/env bash
# Guess:  compiling a loop with numba prints nothing and touches nothing of the program around it; in a thread of its
#         own it can run beside anything.
# Really: where colorama is installed, numba builds the text of each of its errors inside colorama's `reinit` and
#         `deinit`, which put another object, then the former one, into `sys.stdout` and `sys.stderr`: hundreds of
#         times in one compilation that succeeds without a word, as errors are how it tries things. A thread that uses
#         `contextlib.redirect_stdout` meanwhile loses its redirection, or keeps it for ever: what it prints afterwards
#         ends in a buffer that nobody reads. Without colorama, or with NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING set
#         before the import, the streams are left alone.
# Seen:   numba 0.68.1 with colorama 0.4.6, numba/core/errors.py, ColorShell. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile numba==0.68.1 colorama==0.4.6 numpy==2.4.6
cat > "$dir/count.py" <<'PY'
import sys
import types


class Watched(types.ModuleType):
    def __setattr__(self, name, value):
        if name == "stdout":
            exchanged.append(value)
        super().__setattr__(name, value)


exchanged = []
sys.__class__ = Watched
import numba

at_import = len(exchanged)


@numba.njit("float64(float64[:, :], int64)")
def total(values, rows):
    kept = 0.0
    for row in range(rows):
        for column in range(values.shape[1]):
            if values[row, column] > 0.5 and row != column:
                kept += values[row, column] ** 2
    return kept


print(f"numba {numba.__version__}: sys.stdout set {at_import} times at import, {len(exchanged) - at_import} times while"
      " one loop was compiled")
assert (len(exchanged) > at_import + 10) == (sys.argv[1] == "exchanged"), len(exchanged)
PY
NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING=1 "$dir/venv/bin/python" "$dir/count.py" alone
"$dir/venv/bin/python" "$dir/count.py" exchanged
"$dir/venv/bin/pip" uninstall -q -y colorama
"$dir/venv/bin/python" "$dir/count.py" alone
echo "still so: with colorama beside it, numba exchanges sys.stdout while it compiles"
