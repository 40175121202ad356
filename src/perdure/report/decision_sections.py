"""Sections about the decisions: beside what is possible at all, and by class."""

from __future__ import annotations

from collections import Counter

from perdure.metrics.decisions import LABELS, REASONS
from perdure.report.document import Block, Cell, Paragraph, Picture, Section, Table
from perdure.report.explain import reason_words
from perdure.report.figures import confusion_figure, decision_age_figure, frontier_figure, histogram_figure
from perdure.report.stored_run import Sentence, StoredRun
from perdure.report.style import svg_bytes

DEFAULT_EARLY_STOP_FRAME = 4


def early_stop_frame(run: StoredRun) -> int:
    """Returns the largest age that counts as early, from the configuration of the run."""
    return int(run.content("config").get("evaluation", {}).get("early_stop_frame", DEFAULT_EARLY_STOP_FRAME))


def optimum_section(run: StoredRun) -> Section:
    """Returns the operating point beside both optima and the error-against-frames curves."""
    metrics, frontier = run.content("evaluation"), run.content("frontier")
    blocks: list[Block] = [
        Paragraph(text=_optimum_words(run)),
        Picture(
            title="Mean age at decision beside what is possible",
            image=lambda: svg_bytes(decision_age_figure(metrics)),
            media_type="image/svg+xml",
            caption=_optimum_caption(run),
            sources=("evaluation",),
        ),
        Picture(
            title="Error against frames",
            image=lambda: svg_bytes(frontier_figure(frontier)),
            media_type="image/svg+xml",
            caption=run.say(
                "Each curve sweeps the bounds of a rule; lower and further left is better. The dot is the operating"
                " point with the bounds chosen before on calibration tracks: mean age"
                " {frontier:operating_point.mean_decision_frame} at a total error of"
                " {frontier:operating_point.total_error|percent}."
            ),
            sources=("frontier",),
        ),
        *_guarantee_blocks(run),
    ]
    return Section(anchor="optimum", title="How close to the best possible", blocks=tuple(blocks))


def _optimum_caption(run: StoredRun) -> Sentence:
    words = run.say(
        "Both optima are exact, by dynamic programming, at the error rates achieved here:"
        " {evaluation:false_confirm_rate|percent} false confirms and {evaluation:miss_rate|percent} misses."
    )
    if not run.has("evaluation", "lifetime_only.total_error"):
        return words
    own = " Lifetime evidence alone stands at its own total error of {evaluation:lifetime_only.total_error|percent}."
    return words + run.say(own)


def _optimum_words(run: StoredRun) -> Sentence:
    metrics = run.content("evaluation")
    age = metrics["mean_decision_frame"]
    detections, seeing = metrics["optimal_decision_frame_detections"], metrics["optimal_decision_frame_seeing"]
    if detections is None or seeing is None:
        return ("The optima are not known for this world, so there is nothing exact to compare with.",)
    facts = run.say(
        "The gate decides at a mean age of {evaluation:mean_decision_frame}. At the same error rates the"
        " detection-only bound, of any rule on associated and missed frames and their cue, is"
        " {evaluation:optimal_decision_frame_detections}; the full-observation bound, of one that sees every frame"
        " without error, is {evaluation:optimal_decision_frame_seeing}. "
    )
    if age < seeing:
        return (
            *facts,
            "The gate stands below the full-observation bound, which no rule can do on average: either these clips are"
            " a lucky draw, or something leaks; 'perdure data audit' looks for leaks.",
        )
    if age < detections:
        return (
            *facts,
            "On these clips it is earlier than any rule on detections alone can be: the pictures tell it more.",
        )
    return (
        *facts,
        "So the gate is no earlier than the best rule without pictures could be.",
    )


def _guarantee_blocks(run: StoredRun) -> list[Block]:
    thresholds = run.content("evaluation").get("thresholds")
    if thresholds is None:
        return []
    words = run.say(
        "The bounds, {evaluation:thresholds.upper|signed} and {evaluation:thresholds.lower|signed} nats, were chosen on"
        " calibration clips so that, but for a chance of {evaluation:thresholds.delta|percent}, at most"
        " {evaluation:thresholds.alpha_false_confirm|percent} of transient tracks are confirmed and at most"
        " {evaluation:thresholds.alpha_miss|percent} of persistent tracks are missed. "
    )
    blocks: list[Block] = [Paragraph(text=words)]
    for key, alpha, name in (
        ("false_confirm_rate", "alpha_false_confirm", "False confirms"),
        ("miss_rate", "alpha_miss", "Misses"),
    ):
        blocks.append(_satisfied_or_violated(run, key, alpha=alpha, name=name))
    return blocks


def _satisfied_or_violated(run: StoredRun, key: str, *, alpha: str, name: str) -> Paragraph:
    metrics = run.content("evaluation")
    limit, value = metrics["thresholds"][alpha], metrics[key]
    measured = run.say(
        f"{name} on the test split: {{evaluation:{key}|percent}} (95 % interval {{evaluation:{key}_ci95.0|percent}} to"
        f" {{evaluation:{key}_ci95.1|percent}}). "
    )
    if value is None:
        return Paragraph(text=(f"{name} on the test split: not measured.",), tone="warning")
    if value <= limit:
        return Paragraph(text=(*measured, "That is within what was set."))
    if metrics[f"{key}_ci95"][0] > limit:
        return Paragraph(
            text=(*measured, "FAIL: that is above what was set, and the whole interval is."), tone="warning"
        )
    return Paragraph(
        text=(*measured, "That is above what was set, though the interval still includes it."), tone="warning"
    )


def class_section(run: StoredRun) -> Section:
    """Returns right, wrong, early and forced decisions by class."""
    metrics = run.content("evaluation")
    early = early_stop_frame(run)
    return Section(
        anchor="classes",
        title="Decisions by class",
        blocks=(
            _class_table(run),
            Picture(
                title="Confusion matrix",
                image=lambda: svg_bytes(confusion_figure(metrics)),
                media_type="image/svg+xml",
                caption=("Rows are the truth, columns the verdict.",),
                sources=("evaluation",),
                file="evaluation/confusion_matrix.png",
                layout="small",
            ),
            Picture(
                title="Age at decision by class",
                image=lambda: svg_bytes(histogram_figure(run.records, early)),
                media_type="image/svg+xml",
                caption=run.say(
                    "How many tracks were decided at each age. The shaded ages count as early:"
                    " {evaluation:early_stop_rate|percent} of all tracks."
                ),
                sources=("decisions", "config"),
                file="analysis/decision_frame_histogram.png",
            ),
            _reason_table(run),
            Paragraph(
                text=run.say(
                    "{evaluation:num_censored} more tracks ended with their clip before anything could be decided;"
                    " they are counted here and left out of the rates."
                ),
                tone="small",
            ),
        ),
    )


def _class_table(run: StoredRun) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = (
        (
            ("truly persistent",),
            run.say("{evaluation:confusion_matrix.persistent.persistent}"),
            run.say("{evaluation:confusion_matrix.persistent.transient}"),
            run.say("{evaluation:miss_rate|percent}"),
            run.say("{evaluation:miss_rate_ci95.0|percent} to {evaluation:miss_rate_ci95.1|percent}"),
            run.say("{evaluation:mean_decision_frame_persistent}"),
        ),
        (
            ("truly transient",),
            run.say("{evaluation:confusion_matrix.transient.transient}"),
            run.say("{evaluation:confusion_matrix.transient.persistent}"),
            run.say("{evaluation:false_confirm_rate|percent}"),
            run.say("{evaluation:false_confirm_rate_ci95.0|percent} to {evaluation:false_confirm_rate_ci95.1|percent}"),
            run.say("{evaluation:mean_decision_frame_transient}"),
        ),
    )
    return Table(header=("Class", "right", "wrong", "error rate", "95 % interval", "mean age"), rows=rows)


def _reason_table(run: StoredRun) -> Table:
    counts = Counter((record.reason, record.true_label) for record in run.records)
    rows: list[tuple[Cell, ...]] = []
    for reason in REASONS:
        cells: list[Cell] = [
            (run.counted(counts[reason, truth], "decisions", f"truly {truth} tracks with reason {reason}"),)
            for truth in LABELS
        ]
        if any(counts[reason, truth] for truth in LABELS):
            rows.append(((reason_words(reason),), *cells))
    return Table(header=("Why it was decided", "truly persistent", "truly transient"), rows=tuple(rows))
