#!/usr/bin/env bash
# Guess:  rows with track id -1 (how trackers and detectors mark "no track yet") are dropped, refused, or scored as a
#         track of their own.
# Really: ids are renumbered by a table as long as the highest id, and -1 indexes its end: those rows become part of the
#         track with the highest id. An object tracked only from frame 4 on scores as tracked from frame 1; if the
#         highest id belongs to another object, it gets an identity switch it never had. Two -1 rows in one frame raise.
#         trackers writes such rows in its own MOT output, and its own evaluation drops them.
# Seen:   trackeval 1.3.0, trackeval/datasets/mot_challenge_2d_box.py, get_preprocessed_seq_data (the other box datasets
#         renumber in the same way); against trackers 2.6.1, trackers/io/mot.py, _extract_tracker_frame. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile trackeval==1.3.0 trackers==2.6.1 numpy==2.4.6 scipy==1.17.1
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
from pathlib import Path

import trackeval
from trackers.eval import evaluate_mot_sequence

FRAMES = 10


def box(frame, place):
    return f"{200 * place + frame},50,40,80"


def both(name, rows):
    """(TP, FN, IDSW) of the rows by trackeval and by trackers; two objects, at places 1 and 2, in all ten frames."""
    truth = "".join(f"{f},{p},{box(f, p)},1,1,1.0\n" for f in range(1, FRAMES + 1) for p in (1, 2))
    result = "".join(f"{f},{i},{box(f, p)},0.9,-1,-1,-1\n" for f, i, p in rows)
    root = Path(name)
    for folder in ("gt/S/gt", "tr/T/data"):
        (root / folder).mkdir(parents=True)
    (root / "gt/S/gt/gt.txt").write_text(truth)
    (root / "tr/T/data/S.txt").write_text(result)
    settings = {
        "GT_FOLDER": str(root / "gt"), "TRACKERS_FOLDER": str(root / "tr"), "SKIP_SPLIT_FOL": True,
        "SEQ_INFO": {"S": FRAMES}, "BENCHMARK": "MOT17", "PRINT_CONFIG": False,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(settings)
        data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("T", "S"), "pedestrian")
        te = trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    tr = evaluate_mot_sequence(root / "gt/S/gt/gt.txt", root / "tr/T/data/S.txt").CLEAR
    return tuple(int(te[k]) for k in ("CLR_TP", "CLR_FN", "IDSW")), (tr.CLR_TP, tr.CLR_FN, tr.IDSW)


print({name: version(name) for name in ("trackeval", "trackers")})
late = [(f, -1 if f <= 3 else 1, 1) for f in range(1, FRAMES + 1)]
seen = both("one", late)
print(f"object 1 has id -1 in frames 1-3, then 1: (TP, FN, IDSW) trackeval {seen[0]}, trackers {seen[1]}")
assert seen == ((10, 10, 0), (7, 13, 0))
seen = both("two", late + [(f, 2, 2) for f in range(5, FRAMES + 1)])
print(f"the same beside a track 2 from frame 5 on: (TP, FN, IDSW) trackeval {seen[0]}, trackers {seen[1]}")
assert seen == ((16, 4, 1), (13, 7, 0))
try:
    both("three", [(1, -1, 1), (1, -1, 2)])
except trackeval.utils.TrackEvalException as error:
    print("two -1 rows in a frame:", error)
else:
    raise SystemExit("two -1 rows in a frame no longer raise")
print("still so: untracked rows count for the track with the highest id")
PY
