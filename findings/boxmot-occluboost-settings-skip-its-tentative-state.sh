#!/usr/bin/env bash
# Guess:  OccluBoost as boxmot configures it confirms in two tiers: detections of at least `instant_confirm_thresh` at
#         once, weaker new tracks after `confirm_hits` more hits in a row, unless they die after `tentative_max_age`.
# Really: with the settings that come with it no track is ever tentative. A track starts from `new_track_thresh` (0.713)
#         on, which lies above `instant_confirm_thresh` (0.678), so that every new track is confirmed at birth, and
#         `confirm_hits` and `tentative_max_age` do nothing. Whoever tunes those two tunes nothing. The arguments of the
#         class itself (0.6 and 0.7) are the other way round and do have a lower tier.
# Seen:   boxmot 25.0.0, configs/trackers/occluboost.yaml and trackers/box/occluboost/tracker.py. 2026-12-01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile pyyaml==6.0.3
"$dir/venv/bin/pip" download -q --no-deps --dest "$dir" boxmot==25.0.0
"$dir/venv/bin/python" - "$dir"/boxmot-25.0.0-*.whl <<'PY'
import ast
import sys
import zipfile

import yaml

wheel = zipfile.ZipFile(sys.argv[1])
settings = yaml.safe_load(wheel.read("boxmot/configs/trackers/occluboost.yaml"))
names = ("new_track_thresh", "instant_confirm_thresh", "confirm_hits", "tentative_max_age")
shipped = {name: settings[name]["default"] for name in names}
tree = ast.parse(wheel.read("boxmot/trackers/box/occluboost/tracker.py"))
kind = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "OccluBoost")
body = {node.name: node for node in kind.body if isinstance(node, ast.FunctionDef)}
arguments = body["__init__"].args
pairs = zip(arguments.args[-len(arguments.defaults):], arguments.defaults, strict=True)
own = {one.arg: ast.literal_eval(value) for one, value in pairs if one.arg in names}
source = ast.unparse(body["_track_detections"])
starts, confirms = "if dets[i, 4] >= self.new_track_thresh:", "bool(dets[i, 4] >= self.instant_confirm_thresh or"
print("as it comes:", shipped)
print("arguments of the class:", own)
print("both compare the same score:", starts in source and confirms in source)
assert starts in source and confirms in source
assert shipped["new_track_thresh"] > shipped["instant_confirm_thresh"] and shipped["confirm_hits"] > 1
assert own["new_track_thresh"] < own["instant_confirm_thresh"]
print("still so: what may start a track is confirmed at birth")
PY
