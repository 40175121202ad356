"""Chooses what a report shows of a run, so that its template has only to lay it out."""

from __future__ import annotations

import io
import math
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from perdure.data.config import SPLITS
from perdure.metrics.decisions import LABELS, OUTCOMES, REASONS, outcome_of
from perdure.report.stored_run import STORED_FILES, StoredRun, command_line
from perdure.report.targets import targets_of

LETTERS = dict(zip(STORED_FILES, "abcdefghijklmnop", strict=False))
"""Footnotes of the stored files."""
MAX_LISTED = 40
MAX_CLOSE_CALLS = 5
MAX_EXAMPLES = 3
MAX_ATTENTION_PICTURES = 2
SHORTCUT_TOLERANCE = 0.03
"""What the audit of the data allows an AUC to differ from one half."""
DEFAULT_EARLY_STOP_FRAME = 4
MAX_SCORES = 250_000
"""Numbers of evidence that a page holds; about 1.7 MB. Bounds of larger runs can be tried in Python."""
_NOT_SHOWN = ("command", "duration_s")
"""Fields of the record that stand elsewhere, or that are not known before the run has ended."""


def material(run: StoredRun) -> dict[str, Any]:
    """Returns what templates are filled with beside the stored files themselves.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    on_tracks = run.has("evaluation", "confirmation")
    return {
        "on_tracks": on_tracks,
        "targets": targets_of(run),
        "decision_lists": decision_lists(run),
        "max_listed": MAX_LISTED,
        "reasons": reason_counts(run),
        "outcomes": outcome_counts(run),
        "examples": {} if on_tracks else example_clips(run),
        "origin": data_origin(run),
        "num_unreached": sum(record.reason in ("timeout", "deleted") for record in run.records),
        "bounds_start": bounds_start(run),
        "has_scores": has_scores(run),
        "splits": [name for name in SPLITS if run.has("config", f"data.num_{name}")],
        "open_shortcuts": open_shortcuts(run),
        "command": reproduce_command(run),
        "record": [key for key, value in run.content("run").items() if _is_shown(key, value)],
        "config_text": run.file("config").read_text(encoding="utf-8"),
    }


def stored_files(run: StoredRun) -> list[tuple[str, str, str]]:
    """Returns footnote letter, path and command of every stored file that a run has."""
    rows = [
        (LETTERS[source], file, command_line(command, run.path)) for source, (file, command) in STORED_FILES.items()
    ]
    return [row for row in rows if (run.path / row[1]).is_file()]


def read_picture(run: StoredRun, file: str) -> bytes:
    """Returns a picture of the run folder.

    Raises:
        FileNotFoundError: it does not exist; the stage that draws it is named.
    """
    return run.require(file, "perdure visualize").read_bytes()


def _is_shown(key: str, value: Any) -> bool:
    return key not in _NOT_SHOWN and key.replace("_", "").isalnum() and isinstance(value, str | int | float)


def decision_lists(run: StoredRun) -> dict[str, list[int]]:
    """Returns which decisions were misses, which false confirms, and which right ones were the closest calls."""
    records = list(enumerate(run.records))
    wrong = [(index, record.true_label) for index, record in records if not record.is_right]
    right = [(abs(record.evidence), index) for index, record in records if record.is_right]
    return {
        "misses": [index for index, truth in wrong if truth == "persistent"],
        "false_confirms": [index for index, truth in wrong if truth == "transient"],
        "close": [index for _, index in sorted(right)[:MAX_CLOSE_CALLS]],
    }


def reason_counts(run: StoredRun) -> dict[str, dict[str, int]]:
    """Returns how many tracks of each class were decided for each reason; reasons that none has are left out."""
    counts = Counter((record.reason, record.true_label) for record in run.records)
    table = {reason: {str(truth): counts[reason, truth] for truth in LABELS} for reason in REASONS}
    return {reason: row for reason, row in table.items() if any(row.values())}


def outcome_counts(run: StoredRun) -> dict[str, dict[str, int]]:
    """Returns how many tracks of each class were confirmed, rejected, or never decided by their evidence."""
    counts = Counter((record.true_label, record.outcome) for record in run.records)
    return {str(truth): {str(outcome): counts[truth, outcome] for outcome in OUTCOMES} for truth in LABELS}


def data_origin(run: StoredRun) -> str:
    """Returns where tracks are from: `simulated` clips, `invented` detections, or `recorded`."""
    if not run.has("evaluation", "confirmation") or run.has("config", "data.num_test"):
        return "simulated"
    streets = run.value("config", "data.num_streets") if run.has("config", "data.num_streets") else 0
    return "invented" if streets else "recorded"


def has_scores(run: StoredRun) -> bool:
    """Returns whether the page holds the scores of all tracks: whether they are few enough."""
    return sum(len(row) for row in run.value("scores", "evidence")) <= MAX_SCORES


def crop_rows(run: StoredRun, number: int) -> bytes:
    """Returns a picture of the crops of one track above what the tokenizer keeps of them."""
    side = run.value("gallery", "tokenizer.crop_px")
    picture = Image.open(io.BytesIO(read_picture(run, f"visualizations/{run.value('gallery', 'tokenizer.file')}")))
    buffer = io.BytesIO()
    picture.crop((0, 2 * number * side, picture.width, 2 * (number + 1) * side)).save(buffer, format="PNG")
    return buffer.getvalue()


def verdict_words(label: str, reason: str) -> str:
    """Returns what became of a track; one that reached no bound was not rejected.

    >>> verdict_words("transient", "timeout"), verdict_words("persistent", "evidence")
    ('undecided, not confirmed', 'confirmed')
    """
    outcome = outcome_of(label, reason)
    return "undecided, not confirmed" if outcome == "undecided" else outcome


def bounds_start(run: StoredRun) -> dict[str, str]:
    """Returns the keys of the bounds that the sliders start at: the run's, or those of the middle one of its folds."""
    place = "thresholds"
    if run.has("evaluation", f"{place}.folds"):
        uppers = [fold["upper"] for fold in run.value("evaluation", f"{place}.folds")]
        known = sorted((upper, fold) for fold, upper in enumerate(uppers) if upper is not None)
        if not known:
            return {}
        place = f"{place}.folds.{known[len(known) // 2][1]}"
    return {name: f"{place}.{name}" for name in ("upper", "lower") if run.has("evaluation", f"{place}.{name}")}


def example_clips(run: StoredRun) -> dict[str, list[dict[str, Any]]]:
    """Returns the pictured clips: some with wrong verdicts, at least one with right ones only, and more for attention.

    Each is a dictionary of its name, its picture, whether a verdict on it is wrong, and the rows of its decisions.
    """
    row_of = {(record.clip_id, record.track_id): row for row, record in enumerate(run.records)}

    def example(sample: dict[str, Any]) -> dict[str, Any]:
        rows = [row_of.get((sample["clip_id"], track["track_id"])) for track in sample["tracks"]]
        return {
            "clip_id": sample["clip_id"],
            "file": f"visualizations/{Path(sample['file']).name}",
            "is_wrong": any(track["true_label"] != track["label"] for track in sample["tracks"]),
            "rows": [row for row in rows if row is not None],
        }

    clips = [example(sample) for sample in run.value("attention", "samples")]
    wrong = [clip for clip in clips if clip["is_wrong"]][:MAX_EXAMPLES]
    right = [clip for clip in clips if not clip["is_wrong"]][: max(1, MAX_EXAMPLES - len(wrong))]
    others = [clip for clip in clips if clip not in wrong + right]
    return {"wrong": wrong, "right": right, "others": others[:MAX_ATTENTION_PICTURES]}


def open_shortcuts(run: StoredRun) -> list[str]:
    """Returns the rules that guess the label from the first crop better than chance may do.

    Chance is three standard errors of the AUC of a rule that knows nothing (Hanley & McNeil, Radiology 1982).
    """
    matrix = run.value("evaluation", "confusion_matrix")
    num_persistent, num_transient = (max(sum(row.values()), 1) for row in matrix.values())
    variance = (num_persistent + num_transient + 1) / (12 * num_persistent * num_transient)
    band = max(SHORTCUT_TOLERANCE, 3 * math.sqrt(variance))
    place = "controls.shortcut_rules"
    rules = run.value("evaluation", place) if run.has("evaluation", place) else {}
    return [name for name, auc in rules.items() if auc is not None and abs(auc - 0.5) > band]


def reproduce_command(run: StoredRun) -> str:
    """Returns the command line that makes this run again."""
    command: Any = run.content("run").get("command")
    if isinstance(command, list):
        return shlex.join(str(part) for part in command)
    if command:
        return str(command)
    return f"perdure run --config {shlex.quote(str(run.path / 'config.toml'))}"


def early_stop_frame(run: StoredRun) -> int:
    """Returns the largest age that counts as early, from the configuration of the run."""
    return int(run.content("config").get("evaluation", {}).get("early_stop_frame", DEFAULT_EARLY_STOP_FRAME))
