#!/usr/bin/env bash
# Guess:  NPFocus takes any number of quantiles.
# Really: with exactly four it raises ValueError at the first sample, because side="both" has as many letters as there
#         are quantiles and is then taken for a list of four sides "b", "o", "t", "h". With side="right" five quantiles
#         fail and four work. The message asks for a side that was given.
# Seen:   changepoint_online/focus.py, NPFocus.__init__: `if len(side) != len(quantiles)`. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check changepoint-online==1.2.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

from changepoint_online import NPFocus

print("changepoint-online", version("changepoint-online"))
outcome = {}
for side in ("both", "left", "right"):
    for count in (2, 3, 4, 5, 6):
        detector = NPFocus([index / 10 for index in range(count)], side=side)
        try:
            detector.update(0.05)
            outcome[side, count] = "works"
        except ValueError as error:
            outcome[side, count] = f"ValueError: {error}"
        print(f"side={side!r:8s} {count} quantiles: {outcome[side, count]}")
failing = {key for key, value in outcome.items() if value != "works"}
assert failing == {("both", 4), ("left", 4), ("right", 5)}, failing
PY
