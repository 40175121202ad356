#!/usr/bin/env bash
# Guess:  a journal whose last line was cut short (worker killed while writing, disk full) is refused when the study is
#         loaded; if it loads, the cut line was recognised and is out of the way.
# Really: it loads without a word, since readers skip an unfinished last line. Nobody removes it, though, and writers
#         append without looking: the next record is glued to it. From then on every worker, and every later load, ends
#         with JSONDecodeError, so the whole study is lost at the first trial after the restart that seemed to have
#         worked. Cutting the file after its last newline before going on mends it.
# Seen:   optuna 5.0.0, optuna/storages/journal/_file.py, JournalFileBackend.read_logs (keeps back an error of the last
#         line) and append_logs (opens with "ab" and writes). 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
from pathlib import Path

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)
path = Path("journal.log")


def load():
    return optuna.create_study(
        study_name="study", storage=JournalStorage(JournalFileBackend(str(path))), load_if_exists=True
    )


def run(study, num_trials):
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=num_trials)


def outcome(action):
    try:
        action()
    except json.JSONDecodeError as error:
        return f"JSONDecodeError: {error}"
    return "works"


print("optuna", optuna.__version__)
run(load(), 3)
whole = path.read_bytes()
torn = whole + whole.splitlines()[-1][:20]  # 20 bytes of one more record, as a full disk leaves them

path.write_bytes(torn)
study = load()
print("journal with a torn last line loads with", len(study.trials), "trials")
assert len(study.trials) == 3
seen = {"one more trial": outcome(lambda: run(study, 1)), "loading again": outcome(load)}
path.write_bytes(torn[: torn.rindex(b"\n") + 1])
study = load()
seen["torn line cut off, one more trial"] = outcome(lambda: run(study, 1))
seen["loading after that"] = outcome(load)
for what, result in seen.items():
    print(f"{what}: {result}")
results = list(seen.values())
assert all(result.startswith("JSONDecodeError") for result in results[:2]) and results[2:] == ["works"] * 2
PY
