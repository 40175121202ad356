#!/usr/bin/env bash
# Guess:  enqueue_trial({"learning_rat": 0.003}) for an objective that asks for learning_rate raises, or warns once the
#         trial has run: a known good start was asked for and cannot be tried.
# Really: neither. The trial gets a value drawn by the sampler, is logged as any other, and the enqueued number is
#         nowhere in its params; it stays in system_attrs["fixed_params"] alone. The check goes the other way round:
#         suggestions look for their name among the enqueued ones, nobody looks for enqueued names that were not asked
#         for. A value outside of the range, by contrast, gives a warning AND is used as it is.
# Seen:   optuna 5.0.0, optuna/trial/_trial.py, Trial._suggest and _is_fixed_param; optuna/study/study.py,
#         Study.enqueue_trial. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def enqueued(params):
    """The learning rate that was tried for enqueued params, and the warnings that name it."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True), n_trials=1)
    (trial,) = study.trials
    assert trial.state == optuna.trial.TrialState.COMPLETE
    return trial.params["learning_rate"], len(caught)


print("optuna", optuna.__version__)
seen = []
for params in ({"learning_rate": 0.003}, {"learning_rat": 0.003}, {"learning_rate": 50.0}):
    seen.append(enqueued(params))
    print(f"enqueued {params}: tried learning_rate {seen[-1][0]:.4g}, {seen[-1][1]} warnings")
right, typo, outside = seen
assert right == (0.003, 0), right
assert typo[1] == 0 and abs(typo[0] - 0.003) > 1e-5, typo
assert outside == (50.0, 1), outside
PY
