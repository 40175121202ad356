"""Explanations in words, made from stored decisions alone: the same record always gives the same text.

Every number is the stored one, rounded; the words around it follow from the record. Nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from perdure.metrics.decisions import REASONS, DecisionRecord
from perdure.report.numbers import format_value
from perdure.report.stored_run import StoredRun

_REASONS = {
    "evidence": "a bound was crossed",
    "lifetime": "detected longer than any transient",
    "timeout": "forced at the horizon",
    "deleted": "the tracker gave it up",
    "reopened": "re-opened after a rejection",
}
_CERTAINTY = (
    (0.99, "nearly certain"),
    (0.9, "confident"),
    (0.7, "leaning that way"),
    (0.5, "hardly more than a guess"),
)
MAX_SHOWN = 12


def reason_words(reason: str) -> str:
    """Returns why a decision was taken, in a few words.

    >>> reason_words("deleted")
    'the tracker gave it up'
    """
    return _REASONS.get(reason, reason)


def certainty_words(probability: float) -> str:
    """Returns how sure a verdict is, from the probability that it is right.

    >>> certainty_words(0.995), certainty_words(0.6), certainty_words(0.2)
    ('nearly certain', 'hardly more than a guess', 'against the evidence')
    """
    for least, words in _CERTAINTY:
        if probability >= least:
            return words
    return "against the evidence"


def explain_decision(record: DecisionRecord, *, thresholds: dict[str, Any] | None = None) -> str:
    """Returns a paragraph: what was decided, when, why, how sure, at what cost, and whether it was right.

    Args:
        record: one stored decision.
        thresholds: `thresholds` of `evaluation_metrics.json`; with it a crossed bound is named.
    """
    parts = [_what(record), _why(record, thresholds), _how_sure(record), _how_much(record)]
    if record.reopened:
        parts.append("After a rejection the track kept being detected and was opened again.")
    parts.append(_was_it_right(record))
    return " ".join(parts)


def _what(record: DecisionRecord) -> str:
    frame = record.first_frame + record.decision_frame - 1
    return (
        f"Track {record.track_id} of {record.clip_id} was called {record.label} at age {record.decision_frame}"
        f" (born on frame {record.first_frame}, decided on frame {frame})."
    )


def _why(record: DecisionRecord, thresholds: dict[str, Any] | None) -> str:
    evidence = f"{format_value(record.evidence, 'signed')} nats"
    if record.reason == "timeout":
        return f"No bound had been crossed when the horizon forced a decision; the evidence stood at {evidence}."
    if record.reason == "lifetime":
        return f"It was detected longer than any transient lives; the evidence stood at {evidence}."
    if record.reason == "deleted":
        return f"The tracker gave the track up, which counts as transient; the evidence stood at {evidence}."
    start = "Once re-opened, its" if record.reason == "reopened" else "Its"
    bound = (thresholds or {}).get("upper" if record.label == "persistent" else "lower")
    if bound is None:
        return f"{start} evidence reached {evidence}, across the bound for {record.label}."
    side = "upper" if record.label == "persistent" else "lower"
    return f"{start} evidence reached {evidence}, across the {side} bound of {format_value(bound, 'signed')}."


def _how_sure(record: DecisionRecord) -> str:
    own = record.probability if record.label == "persistent" else 1.0 - record.probability
    shown = format_value(record.probability, "percent")
    return f"The probability of being persistent was {shown}: {certainty_words(own)}."


def _how_much(record: DecisionRecord) -> str:
    encoded = "1 frame of it was" if record.frames_encoded == 1 else f"{record.frames_encoded} frames of it were"
    return f"{encoded} encoded; the track was there for {record.num_track_frames}."


def _was_it_right(record: DecisionRecord) -> str:
    if record.is_right:
        return "That was right."
    name = "a miss" if record.true_label == "persistent" else "a false confirm"
    return f"That was WRONG: the truth is {record.true_label}, so this is {name}."


def explain_run(run_path: Path | str, track: str | int | None = None) -> str:
    """Returns the decisions of a run in words.

    Args:
        run_path: the run folder.
        track: None for an overview with all wrong decisions; `CLIP/TRACK`, a clip, or a track id that only one clip
            has for single decisions.

    Raises:
        FileNotFoundError: a stored file is missing.
        ValueError: there is no such track, or several clips have one.
    """
    run = StoredRun(run_path)
    thresholds = run.value("evaluation", "thresholds") if run.has("evaluation", "thresholds") else None
    records = _overview_records(run.records) if track is None else _selected(run, str(track))
    texts = [explain_decision(record, thresholds=thresholds) for record in records]
    if track is None:
        texts = [_overview(run), *texts]
    return "\n\n".join(texts) + "\n"


def _overview_records(records: list[DecisionRecord]) -> list[DecisionRecord]:
    return [record for record in records if not record.is_right][:MAX_SHOWN]


def _overview(run: StoredRun) -> str:
    def shown(key: str, style: str = "plain") -> str:
        return run.fact("evaluation", key, style).text

    texts = [
        f"{shown('num_tracks')} tracks in {shown('num_clips')} clips were decided at a mean age of"
        f" {shown('mean_decision_frame')} frames; {shown('accuracy', 'percent')} of the verdicts are right.",
        f"{shown('false_confirm_rate', 'percent')} of transient tracks were confirmed and"
        f" {shown('miss_rate', 'percent')} of persistent tracks were missed.",
    ]
    counts = Counter(record.reason for record in run.records)
    reasons = ", ".join(f"{reason_words(reason)}: {counts[reason]:,}" for reason in REASONS if counts[reason])
    wrong = sum(not record.is_right for record in run.records)
    texts.append(f"Why they were decided: {reasons}." if reasons else "There are no decisions.")
    if wrong == 0:
        texts.append("No decision is wrong.")
    elif wrong <= MAX_SHOWN:
        texts.append(f"All {wrong} wrong decisions follow." if wrong > 1 else "The one wrong decision follows.")
    else:
        texts.append(f"{wrong:,} decisions are wrong; the first {MAX_SHOWN} follow.")
    return " ".join(texts)


def _selected(run: StoredRun, track: str) -> list[DecisionRecord]:
    """Returns the records that a name stands for."""
    clip_id, _, track_id = track.rpartition("/")
    records = run.records
    found = [record for record in records if str(record.track_id) == track_id and clip_id in ("", record.clip_id)]
    if not found and not clip_id:
        found = [record for record in records if record.clip_id == track]
        if found:
            return found
    if not found:
        raise ValueError(f"track '{track}': not among the {len(records)} decisions of {run.path}; name it CLIP/TRACK")
    if len(found) > 1:
        examples = ", ".join(f"{record.clip_id}/{record.track_id}" for record in found[:3])
        raise ValueError(f"track '{track}': {len(found)} clips have one; name it CLIP/TRACK, such as {examples}")
    return found
