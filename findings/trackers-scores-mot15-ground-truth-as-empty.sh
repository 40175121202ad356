#!/usr/bin/env bash
# Guess:  a ground truth in the layout of MOT15 (ten columns, the last three -1) scored against a copy of itself gives
#         MOTA 1; a reader that cannot use the layout says so.
# Really: column 8, which is a world coordinate in MOT15, is read as the class, -1 is not "pedestrian", and every object
#         is dropped without a word: MOTA, HOTA and IDF1 are 0 and each correct box is a false positive. The same
#         happens with a ground truth that the library's own MOT writer made, since it writes -1 there. trackeval, whose
#         matching this evaluation follows, has a setting for MOT15 and raises without it.
# Seen:   trackers 2.6.1, trackers/io/mot.py, _valid_ground_truth_mask; trackeval 1.3.0,
#         trackeval/datasets/mot_challenge_2d_box.py. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile trackers==2.6.1 trackeval==1.3.0 numpy==2.4.6 scipy==1.17.1
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
from pathlib import Path

import trackeval
from trackers.eval import evaluate_mot_sequence

FRAMES = 10


def rows(tail):
    return "".join(f"{f},{i},{200 * i + f},50,40,80,1,{tail}\n" for f in range(1, FRAMES + 1) for i in (1, 2))


def by_trackeval(benchmark, truth, result):
    root = Path(f"{benchmark}-{len(truth)}")
    for folder in ("gt/S/gt", "tr/T/data"):
        (root / folder).mkdir(parents=True)
    (root / "gt/S/gt/gt.txt").write_text(truth)
    (root / "tr/T/data/S.txt").write_text(result)
    settings = {
        "GT_FOLDER": str(root / "gt"), "TRACKERS_FOLDER": str(root / "tr"), "SKIP_SPLIT_FOL": True,
        "SEQ_INFO": {"S": FRAMES}, "BENCHMARK": benchmark, "PRINT_CONFIG": False,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(settings)
        data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("T", "S"), "pedestrian")
        return float(trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)["MOTA"])


print({name: version(name) for name in ("trackers", "trackeval")})
Path("mot15.txt").write_text(rows("-1,-1,-1"))
Path("mot17.txt").write_text(rows("1,1.0"))
for name in ("mot17", "mot15"):
    got = evaluate_mot_sequence(f"{name}.txt", "mot15.txt", metrics=["CLEAR", "HOTA", "Identity"])
    figures = (got.CLEAR.MOTA, got.HOTA.HOTA, got.Identity.IDF1, got.CLEAR.CLR_FP, got.CLEAR.CLR_FN)
    print(f"trackers, ground truth laid out as {name}: MOTA, HOTA, IDF1, FP, FN = {figures}")
    assert figures == {"mot17": (1, 1, 1, 0, 0), "mot15": (0, 0, 0, 20, 0)}[name]
mota = by_trackeval("MOT15", rows("-1,-1,-1"), rows("-1,-1,-1"))
print(f"trackeval, BENCHMARK MOT15: MOTA {mota}")
assert mota == 1.0
try:
    by_trackeval("MOT17", rows("-1,-1,-1"), rows("-1,-1,-1"))
except trackeval.utils.TrackEvalException as error:
    print("trackeval, BENCHMARK MOT17, raises:", str(error)[:60], "...")
else:
    raise SystemExit("trackeval no longer raises for class -1")
print("still so: a perfect result on a MOT15 ground truth scores 0 in trackers")
PY
