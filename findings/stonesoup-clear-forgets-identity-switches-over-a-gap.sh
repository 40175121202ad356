#!/usr/bin/env bash
# Guess:  MOTA of a truth that track A covers, then no track for one step, then track B: one miss and one identity switch,
#         as other evaluations of CLEAR MOT count and as its paper has it (the last known match decides).
# Really: Stone Soup compares matches of neighbouring time stamps only. A switch without a gap counts, the same switch
#         across a single missed step is free: the step costs a miss and saves the switch. Trackers that lose an object and
#         start anew, which is what switches are about, score better here than by py-motmetrics or trackeval.
# Seen:   stonesoup 1.9.1, stonesoup/metricgenerator/clearmotmetrics.py, ClearMotMetrics._compute_mota_and_motp; against
#         motmetrics 1.4.0. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile stonesoup==1.9.1 motmetrics==1.4.0 numpy==2.4.6 scipy==1.17.1 pandas==3.0.6
"$dir/venv/bin/python" -W ignore - <<'PY'
from datetime import datetime, timedelta
from importlib.metadata import version

import motmetrics
import numpy as np
from stonesoup.dataassociator.tracktotrack import TrackToTruth
from stonesoup.measures import Euclidean
from stonesoup.metricgenerator.clearmotmetrics import ClearMotMetrics
from stonesoup.metricgenerator.manager import MultiManager
from stonesoup.types.groundtruth import GroundTruthPath, GroundTruthState
from stonesoup.types.state import State
from stonesoup.types.track import Track

STEPS, START = 20, datetime(2026, 1, 1)


def at(step):
    return START + timedelta(seconds=step)


def both(first_ends, second_starts):
    """MOTA by Stone Soup and by py-motmetrics: track A on steps [0, first_ends), track B from second_starts on."""
    covered = (range(first_ends), range(second_starts, STEPS))
    truth = GroundTruthPath([GroundTruthState([float(t)], timestamp=at(t)) for t in range(STEPS)])
    tracks = {Track([State([float(t)], timestamp=at(t)) for t in steps]) for steps in covered}
    clear = ClearMotMetrics(tracks_key="tracks", truths_key="truths", distance_measure=Euclidean())
    manager = MultiManager([clear], associator=TrackToTruth(association_threshold=1.0, measure=Euclidean()))
    manager.add_data({"truths": {truth}, "tracks": tracks})
    metrics = manager.generate_metrics()[clear.generator_name]
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for t in range(STEPS):
        ids = [i for i, steps in enumerate(covered) if t in steps]
        accumulator.update([0], ids, np.zeros((1, len(ids))))
    other = motmetrics.metrics.create().compute(accumulator, metrics=["mota"])["mota"].iloc[0]
    return round(float(metrics["MOTA"].value), 6), round(float(other), 6)


print({name: version(name) for name in ("stonesoup", "motmetrics")})
seen = {gap: both(10, 10 + gap) for gap in (0, 1, 2)}
for gap, (ours, other) in seen.items():
    print(f"switch over a gap of {gap}: MOTA Stone Soup {ours}, py-motmetrics {other}")
assert seen == {0: (0.95, 0.95), 1: (0.95, 0.9), 2: (0.9, 0.85)}, seen
print("still so: a switch without a gap and one with a missed step cost the same, one twentieth")
PY
