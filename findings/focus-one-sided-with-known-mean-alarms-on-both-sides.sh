#!/usr/bin/env bash
# Guess:  Focus(Gaussian(loc=0), side="right") looks for a rise above the known mean 0 and ignores a fall.
# Really: with a known mean it alarms on the fall as well. The one-sided search drops all candidates but the oldest one
#         (a change right at the start), which keeps its freely fitted mean on the wrong side. With an unknown mean the
#         same call is one-sided, so telling the detector more makes it ignore the side.
# Seen:   changepoint_online/focus.py: Focus.update, Focus._prune (never removes the first piece), GaussianClass.eval
#         and UnivariateCompFunc.argmax (not limited to the side of theta0). 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check changepoint-online==1.2.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from changepoint_online import Focus, Gaussian

rng = np.random.default_rng(0)
falling = np.r_[rng.normal(0, 1, 200), rng.normal(-1.5, 1, 100)]


def highest(values, **known):
    """Highest statistic (a log-likelihood ratio) of a detector that is asked for rises only."""
    detector = Focus(Gaussian(**known), side="right")
    statistics = []
    for value in values.tolist():
        detector.update(value)
        statistics.append(detector.statistic())
    return max(statistics)


print("changepoint-online", version("changepoint-online"))
unknown, known = highest(falling), highest(falling, loc=0.0)
quiet = max(highest(np.random.default_rng(seed).normal(0, 1, 300), loc=0.0) for seed in range(1, 51))
print(f"mean falls by 1.5, side='right': {unknown:.1f} without a known mean, {known:.1f} with the known mean 0")
print(f"highest of 50 streams of 300 values without a change, known mean 0: {quiet:.1f}")
assert unknown < quiet and known > 3 * quiet, (unknown, known, quiet)
PY
