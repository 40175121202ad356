#!/usr/bin/env bash
# Guess:  `GeometricMovingAverage()` as it comes, fed with 1 = error and 0 = right like its siblings DDM, CUSUM and Page-
#         Hinkley, tells a jump of the error rate somewhat late or early, at the worst when every answer becomes wrong.
# Really: its statistic is an average of (value - mean so far), so with errors it never reaches 1, and its default
#         threshold is 1.0: no stream of errors can alarm, not even 1,000 right answers and then 20,000 wrong ones. With
#         lambda_=0.1 the same stream alarms within a dozen errors, a jump from 10 to 40 % within a few dozen answers.
#         CUSUM, DDM and Page-Hinkley with their defaults tell that jump within 200. The statistic carries the unit of
#         the values: 40 +- 20 milliseconds without any change alarm, the same in seconds cannot.
# Seen:   frouros 0.9.0, detectors/concept_drift/streaming/change_detection/geometric_moving_average.py. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile frouros==0.9.0 numpy==2.1.3 scipy==1.14.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from frouros.detectors.concept_drift import (
    CUSUM,
    DDM,
    GeometricMovingAverage,
    GeometricMovingAverageConfig,
    PageHinkley,
)

rng = np.random.default_rng(0)
JUMP = np.concatenate([rng.random(2000) < 0.1, rng.random(4000) < 0.4]).astype(float)
ALL_WRONG = np.concatenate([np.zeros(1000), np.ones(20_000)])


def alarm(detector, values):
    """Place of the first alarm, None without one."""
    for place, value in enumerate(values):
        detector.update(value=float(value))
        if detector.status["drift"]:
            return place
    return None


print("frouros", version("frouros"), "default threshold", GeometricMovingAverage().config.lambda_)
late = {one.__name__: alarm(one(), JUMP) - 2000 for one in (CUSUM, DDM, PageHinkley)}
own = alarm(GeometricMovingAverage(), JUMP)
print("errors from 10 to 40 %: answers until the alarm", late, "GeometricMovingAverage", own)
assert all(0 < number < 300 for number in late.values()) and own is None
print("1,000 right, then 20,000 wrong:", alarm(GeometricMovingAverage(), ALL_WRONG))
assert alarm(GeometricMovingAverage(), ALL_WRONG) is None
low = [alarm(GeometricMovingAverage(GeometricMovingAverageConfig(lambda_=0.1)), values) for values in (ALL_WRONG, JUMP)]
print("with lambda_=0.1: all wrong at", low[0] - 1000, "and the jump at", low[1] - 2000)
assert low[0] - 1000 < 30 and 0 < low[1] - 2000 < 300
calm = 40 + rng.normal(0, 20, 3000)
units = [alarm(GeometricMovingAverage(), values) for values in (calm, calm / 1000)]
print("40 +- 20 ms without any change: alarm at", units[0], "and in seconds:", units[1])
assert units[0] is not None and units[1] is None
print("still so: the default threshold is out of reach of errors")
PY
