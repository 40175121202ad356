#!/usr/bin/env bash
# Guess:  FHDDM is fed like its neighbours in river.drift.binary (its documentation says "1 indicates error"), so it
#         alarms when the share of ones jumps from 10 % to 60 %.
# Really: it stays silent. It remembers the highest mean of its window and alarms when the mean drops below that, so
#         ones have to be CORRECT answers. Fed with errors, as documented, it misses a model that breaks and alarms when
#         the model gets better. HDDMA, fed with the same bits, behaves as documented.
# Seen:   river/drift/binary/fhddm.py, FHDDM.update: `_u_max - u > _epsilon`; documented in the class docstring; added
#         in online-ml/river#1474. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check river==0.26.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import river
from river.drift import binary

CHANGE, RUNS = 1000, 30


def share_of_alarms(detector_class, before, after):
    """Share of streams in which the detector alarms after the change and not before it."""
    alarms = 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        rates = np.r_[np.full(CHANGE, before), np.full(CHANGE, after)]
        detector, first = detector_class(), None
        for index, error in enumerate((rng.random(2 * CHANGE) < rates).astype(int).tolist()):
            detector.update(error)
            if detector.drift_detected and first is None:
                first = index
        alarms += first is not None and first >= CHANGE
    return alarms / RUNS


print("river", river.__version__, "(1 = error, as the docstring says)")
shares = {}
for name in ("FHDDM", "HDDMA"):
    worse = share_of_alarms(getattr(binary, name), 0.1, 0.6)
    better = share_of_alarms(getattr(binary, name), 0.6, 0.1)
    shares[name] = (worse, better)
    print(f"{name:5s} errors 10 % -> 60 %: alarm in {worse:4.0%} of streams   60 % -> 10 %: {better:4.0%}")
assert shares["FHDDM"][0] <= 0.1 and shares["FHDDM"][1] >= 0.9, shares
assert shares["HDDMA"] == (1.0, 0.0), shares
PY
