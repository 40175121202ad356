#!/usr/bin/env bash
# Guess:  `emlearn.convert(forest)` turns a scikit-learn forest into C that takes the same features; `dtype` is there for
#         those who want to quantise them.
# Really: for trees and forests the default is int16: thresholds and features lose their fractions without a warning.
#         Overlaps, scores and normalised coordinates between 0 and 1 all become 0, and every row gets the same class.
#         dtype="float" gives scikit-learn's labels, and so does scaling the features before training.
# Seen:   emlearn 0.23.2, emlearn/trees.py, Wrapper.__init__. Needs a C compiler to run. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile emlearn==0.23.2 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import emlearn
import numpy as np
from sklearn.ensemble import RandomForestClassifier

print({name: version(name) for name in ("emlearn", "scikit-learn")})
rng = np.random.default_rng(0)
features = rng.random((300, 3))
truth = (features[:, 0] > 0.5).astype(int)
shares = {}
for name, scale, settings in (("default", 1, {}), ("dtype float", 1, {"dtype": "float"}), ("default, x 1000", 1000, {})):
    rows = np.round(features * scale) if scale > 1 else features
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(rows, truth)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        labels = np.asarray(emlearn.convert(forest, **settings).predict(rows))
    shares[name] = float((labels != forest.predict(rows)).mean())
    print(f"{name}: other label than scikit-learn in {shares[name]:.1%} of rows, classes given {np.unique(labels).tolist()}", end="")
    print(f", warnings about features: {sum('int16' in str(w.message) for w in heard)}")
assert shares["default"] > 0.4 and shares["dtype float"] == 0 and shares["default, x 1000"] == 0, shares
print("still so: by default features between 0 and 1 are all read as 0")
PY
