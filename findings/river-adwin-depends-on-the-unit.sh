#!/usr/bin/env bash
# Guess:  ADWIN puts the variance of its window into the bound, so a jump of two standard deviations is found equally
#         fast whether latencies are given in microseconds, milliseconds or seconds.
# Really: the bound has a second term, 2/(3 m) ln(2/delta'), that holds for data of range 1 and is added as it is. Data
#         that are small against 1 never exceed it: the same jump is found after 24 samples, late, or never, by unit
#         alone. (Large data are judged by the variance alone, without that safety margin.)
# Seen:   river/drift/adwin.py, class ADWIN -> river._river_rust.drift.AdaptiveWindowing; the bound is the one in
#         section 3 of Bifet and Gavalda, "Learning from time-changing data with adaptive windowing" (2007), which
#         assumes values in [0, 1]. The docstring gives no range. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check river==0.26.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import river
from river import drift

CHANGE = 1000
rng = np.random.default_rng(0)
milliseconds = np.r_[rng.normal(20, 1, CHANGE), rng.normal(22, 1, CHANGE)]  # a jump of two standard deviations

print("river", river.__version__)
delays = {}
for unit, factor in (("microseconds", 1e3), ("milliseconds", 1.0), ("hundredths of a second", 0.1), ("seconds", 1e-3)):
    detector, delay = drift.ADWIN(), None
    for index, value in enumerate((milliseconds * factor).tolist()):
        detector.update(value)
        if detector.drift_detected and delay is None:
            delay = index + 1 - CHANGE
    delays[unit] = delay
    print(f"{unit:23s} alarm {'never' if delay is None else f'{delay} samples after the change'}")
assert delays["microseconds"] == delays["milliseconds"] == 24, delays
assert delays["hundredths of a second"] is not None and delays["hundredths of a second"] > 24, delays
assert delays["seconds"] is None, delays
PY
