"""The first screen: what was decided, how early, how right, what it saved, and PASS or FAIL for every target."""

from __future__ import annotations

import re
from typing import Any

from perdure.report.document import Badge, Cell, Table, Tile
from perdure.report.numbers import NOT_MEASURED
from perdure.report.stored_run import Fact, Sentence, StoredRun

_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")

EARLY_KEY = "evaluation.early_stop_frame"
"""Where the configuration says which ages count as early."""

TARGET_WORDS = {
    "accuracy": "Accuracy",
    "early_stop_rate": "Early-stop rate",
    "compute_savings": "Compute saved",
    "compute_savings_flops": "Compute saved, FLOPs",
    "compute_savings_wall_clock": "Compute saved, seconds",
    "compute_savings_track_frames": "Compute saved, track-frames",
    "attention_efficiency": "Attention efficiency",
    "attention_over_structure_control": "Attention over its structure control",
    "false_confirm_rate": "False confirms",
    "miss_rate": "Misses",
    "mean_decision_frame": "Mean age at decision",
    "frames_before_optimum_of_detections": "Frames ahead of the detections' optimum",
    "cost_minus_hand": "Frames to confirm, minus M-of-N baseline (tuned)",
    "tokenizer_psnr_db": "Tokenizer PSNR, dB",
    "tokenizer_codes_used_share": "Tokenizer codes in use",
}
"""What the targets are called; others keep their stored name."""
LOWER_IS_BETTER = ("mean_decision_frame", "total_error")
"""Figures whose target is an upper bound; that of all others is a lower one."""
HELD_BY_INTERVAL = ("false_confirm_rate", "miss_rate")
"""Rates that miss their target only if their whole interval lies above it (see evaluation, targets)."""


def is_share(name: str) -> bool:
    """Returns whether a figure of that name is a share, to be written in percent.

    >>> is_share("miss_rate"), is_share("compute_savings_flops"), is_share("mean_decision_frame")
    (True, True, False)
    """
    return name == "accuracy" or name.endswith(("_rate", "_error", "_share")) or name.startswith("compute_savings")


def headline(run: StoredRun) -> Sentence:
    """Returns the outcome in one sentence that any outcome fits into."""
    return run.say(
        "{evaluation:num_tracks} tracks were decided at a mean age of {evaluation:mean_decision_frame} frames;"
        " {evaluation:accuracy|percent} of the verdicts are right."
    )


def overline(run: StoredRun) -> Sentence:
    """Returns the name of the run and what kind of test it was."""
    recipe: Sentence = run.say(" with recipe {run:recipe}") if run.has("run", "recipe") else ()
    return (f"Run {run.path.name}", *recipe, *run.say(", test split, {evaluation:num_clips} clips"))


def tiles(run: StoredRun) -> tuple[Tile, ...]:
    """Returns the four questions with their answers."""
    return decided_tile(run), early_tile(run), right_tile(run), _saved_tile(run)


def decided_tile(run: StoredRun) -> Tile:
    """Returns how many tracks were decided, and how."""
    persistent = run.say(
        "Truly persistent: {evaluation:confusion_matrix.persistent.persistent} confirmed,"
        " {evaluation:confusion_matrix.persistent.transient} missed."
    )
    transient = run.say(
        "Truly transient: {evaluation:confusion_matrix.transient.transient} rejected,"
        " {evaluation:confusion_matrix.transient.persistent} falsely confirmed."
    )
    answer = run.say("{evaluation:num_tracks} tracks")
    return Tile(question="What was decided?", answer=answer, details=(persistent, transient))


def early_tile(run: StoredRun) -> Tile:
    """Returns how early decisions fell."""
    means = run.say(
        "Mean frames from birth: {evaluation:mean_decision_frame_persistent} for persistent,"
        " {evaluation:mean_decision_frame_transient} for transient tracks."
    )
    by_age = "by age {config:evaluation.early_stop_frame}" if run.has("config", EARLY_KEY) else "early"
    share = run.say(f"{{evaluation:early_stop_rate|percent}} {by_age}.")
    return Tile(question="How early?", answer=run.say("age {evaluation:mean_decision_frame}"), details=(means, share))


def right_tile(run: StoredRun) -> Tile:
    """Returns how many verdicts are right."""
    errors = run.say(
        "This is the share of right verdicts. False confirms {evaluation:false_confirm_rate|percent},"
        " misses {evaluation:miss_rate|percent}."
    )
    interval = run.say(
        "Accuracy lies in {evaluation:accuracy_ci95.0|percent} to {evaluation:accuracy_ci95.1|percent} (95 % interval)."
    )
    return Tile(question="How right?", answer=run.say("{evaluation:accuracy|percent}"), details=(errors, interval))


def _saved_tile(run: StoredRun) -> Tile:
    counted = run.say(
        "Counted: {evaluation:compute_savings_flops|percent} of FLOPs,"
        " {evaluation:compute_savings_track_frames|percent} of track-frames."
    )
    timed: Sentence = ("This is the share of the seconds that encoding every track on every frame takes.",)
    answer = run.say("{evaluation:compute_savings_wall_clock|percent}")
    return Tile(question="What did it save?", answer=answer, details=(timed, counted))


def missed_targets(run: StoredRun) -> list[dict[str, Any]]:
    """Returns the targets that were not met; one without a truth value counts as missed."""
    return [target for target in run.value("evaluation", "targets") if target["met"] is not True]


def verdict(run: StoredRun) -> tuple[Badge, Sentence]:
    """Returns PASS exactly if there are targets and every one is met, and which ones are not."""
    total, missed = len(run.value("evaluation", "targets")), missed_targets(run)
    all_targets = run.counted(total, "evaluation", "targets")
    if total == 0:
        return Badge(text="FAIL", kind="fail"), ("No target was evaluated.",)
    if not missed:
        return Badge(text="PASS", kind="pass"), (all_targets, " of ", all_targets, " targets are met.")
    names = ", ".join(short_name(target["name"]) for target in missed)
    num_missed = run.counted(len(missed), "evaluation", "targets that are not met")
    return Badge(text="FAIL", kind="fail"), (num_missed, " of ", all_targets, f" targets are missed: {names}.")


def short_name(name: str) -> str:
    """Returns the name of a target in a few lower-case words.

    >>> short_name("accuracy"), short_name("compute_savings_flops"), short_name("my_target")
    ('accuracy', 'compute saved: FLOPs', 'my target')
    """
    words = TARGET_WORDS.get(name, name.replace("_", " ")).replace(", ", ": ")
    return words[0].lower() + words[1:]


def targets_table(run: StoredRun) -> Table:
    """Returns one row a target: what was asked, what was measured, where it stands, PASS or FAIL.

    Raises:
        ValueError: a target shows another value than the figure of its name.
    """
    rows = []
    for index, target in enumerate(run.value("evaluation", "targets")):
        value = _target_value(run, index, target)
        asked = Fact(
            text=target_words(target["name"], target["target"]),
            value=target["target"],
            source="evaluation",
            key=f"targets.{index}.target",
        )
        is_met = target["met"] is True
        badge: Cell = Badge(text="PASS" if is_met else "FAIL", kind="pass" if is_met else "fail")
        name = TARGET_WORDS.get(target["name"], target["name"].replace("_", " "))
        rows.append(((name,), (asked,), (value, *_interval(run, target["name"])), badge, (value.place,)))
    return Table(header=("Target", "asked", "measured", "verdict", "from"), rows=tuple(rows), is_numeric=False)


def _interval(run: StoredRun, name: str) -> Sentence:
    """Returns the interval of a rate that is held to its target by it."""
    if name not in HELD_BY_INTERVAL or not run.has("evaluation", f"{name}_ci95.0"):
        return ()
    return run.say(f" ({{evaluation:{name}_ci95.0|percent}} to {{evaluation:{name}_ci95.1|percent}})")


def _target_value(run: StoredRun, index: int, target: dict[str, Any]) -> Fact:
    name, style = target["name"], "percent" if is_share(target["name"]) else "two"
    limit = target_limit(target["target"])
    value = run.fact("evaluation", f"targets.{index}.value", style, beside=limit)
    if name in run.content("evaluation"):
        own = run.fact("evaluation", name, style, beside=limit)
        if own.value != value.value:
            raise ValueError(
                f"{run.file('evaluation')}: targets.{index} gives {name} as {value.value}, but {name} is {own.value};"
                f" run 'perdure evaluate {run.path}' again"
            )
        return own
    return value


def target_limit(target: Any) -> float | None:
    """Returns the number in a target, None where there is none.

    >>> target_limit("> 0.80"), target_limit(2), target_limit("better")
    (0.8, 2.0, None)
    """
    if isinstance(target, int | float):
        return float(target)
    found = _NUMBER.search(str(target))
    return float(found[0]) if found else None


def target_words(name: str, target: Any) -> str:
    """Returns a target as people read it; a bare number gets the sign that its name implies.

    >>> target_words("accuracy", "> 0.80"), target_words("accuracy", 0.8), target_words("miss_rate", 0.02)
    ('> 80 %', '> 80 %', 'interval from <= 2 %')
    """
    limit = target_limit(target)
    if limit is None:
        return NOT_MEASURED if target is None else str(target)
    shown = f"{100 * limit:.10g} %" if is_share(name) else f"{limit:.10g}"
    if isinstance(target, str):
        return _NUMBER.sub(shown, target, count=1)
    if name in HELD_BY_INTERVAL:
        return f"interval from <= {shown}"
    return f"{'<=' if name in LOWER_IS_BETTER else '>'} {shown}"
