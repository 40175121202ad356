#!/usr/bin/env bash
# Guess:  a scikit-learn tree or forest that was fitted with NaN in its features predicts the same after export to ONNX:
#         both sides know missing values, and the format has a flag for them at each node.
# Really: the direction that scikit-learn has learned for NaN (missing_go_to_left) is dropped for DecisionTree,
#         RandomForest and ExtraTrees, and the flag is written as 0 everywhere, so NaN always goes right. Nothing warns,
#         and models whose NaN happens to go right agree, so a short check can pass. Rows without NaN are exact.
#         HistGradientBoosting is the one model whose direction is written, as a Python bool, which onnx 1.23 refuses.
#         treelite 4.8.1 imports the same forests without a difference.
# Seen:   skl2onnx 1.20.0, skl2onnx/operator_converters/decision_tree.py and common/tree_ensemble.py, with onnx 1.23.2 and
#         onnxruntime 1.31.1. 2026-11-30.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-compile scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.31.1 \
    treelite==4.8.1 numpy==2.4.6 scipy==1.17.1
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import onnxruntime
import treelite
from skl2onnx import to_onnx
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

print({name: version(name) for name in ("skl2onnx", "onnx", "onnxruntime", "scikit-learn", "treelite")})
rng = np.random.default_rng(0)
X = rng.random((600, 3)).astype(np.float32)
X[rng.random(X.shape) < 0.3] = np.nan  # say, a measurement that young tracks do not have yet
y = (np.isnan(X[:, 0]) | (X[:, 0] < 0.3) | (np.nan_to_num(X[:, 1], nan=0.1) < 0.2)).astype(int)
whole = ~np.isnan(X).any(axis=1)


def exported(model):
    return to_onnx(model, X[:1], options={id(model): {"zipmap": False}}).SerializeToString()


for model in (
    DecisionTreeClassifier(max_depth=4, random_state=0),
    RandomForestClassifier(10, random_state=0),
    ExtraTreesClassifier(10, random_state=0),
):
    model.fit(X, y)
    session = onnxruntime.InferenceSession(exported(model), providers=["CPUExecutionProvider"])
    labels, chances = session.run(None, {"X": X})
    gap = np.abs(chances - model.predict_proba(X)).max(axis=1)
    other = float((labels != model.predict(X)).mean())
    print(f"{type(model).__name__}: probability off by up to {gap.max():.2f} (rows without NaN {gap[whole].max():.2g}), ", end="")
    print(f"label differs in {other:.1%} of rows")
    assert gap.max() > 0.2 and gap[whole].max() < 1e-6
    if not isinstance(model, DecisionTreeClassifier):
        read = treelite.gtil.predict(treelite.sklearn.import_model(model), X).reshape(len(X), 2)
        assert np.allclose(read, model.predict_proba(X))
model = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
try:
    exported(model)
except ValueError as error:
    print("HistGradientBoostingClassifier: export raises,", str(error.__cause__ or error)[:80])
else:
    raise SystemExit("HistGradientBoosting can be exported now")
print("still so: missing values go right at every split of an exported tree, wherever they went in training")
PY
