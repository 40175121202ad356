"""Sections about whether the model looks: attention and its controls, tokenizer, swapped crops, shortcuts, tracker."""

from __future__ import annotations

import math

from perdure.report.document import Block, Cell, Paragraph, Picture, Section, Table
from perdure.report.figures import attention_controls_figure
from perdure.report.mistake_sections import example_samples, sample_picture
from perdure.report.opening import is_share
from perdure.report.stored_run import Sentence, StoredRun
from perdure.report.style import svg_bytes

MAX_ATTENTION_PICTURES = 2
SHORTCUT_TOLERANCE = 0.03
"""What the audit of the data allows an AUC to differ from one half."""
TRACKER_ROWS = (
    ("num_tracks", "tracks"),
    ("num_censored", "tracks without a decision"),
    ("accuracy", "accuracy"),
    ("false_confirm_rate", "false confirms"),
    ("miss_rate", "misses"),
    ("early_stop_rate", "early-stop rate"),
    ("mean_decision_frame", "mean age at decision"),
    ("mean_decision_frame_persistent", "mean age, persistent"),
    ("mean_decision_frame_transient", "mean age, transient"),
)

REPLACED_ATTENTION = {
    "own": "the model's own",
    "uniform": "uniform: everything in sight alike",
    "structure": "structure: age gap and own or other track alone",
}


def attention_section(run: StoredRun) -> Section:
    """Returns attention efficiency beside its three controls, the gated pass apart, and pictured clips."""
    blocks: list[Block] = [
        Paragraph(text=_attention_words(run)),
        Picture(
            title="Attention efficiency and its controls",
            image=lambda: svg_bytes(attention_controls_figure(run.content("attention"))),
            media_type="image/svg+xml",
            caption=(
                "The pale bar is the bootstrap interval over clips. The structure control keeps only how the model"
                " weighs age gaps and own or other tracks: what exceeds it is content.",
            ),
            sources=("attention",),
        ),
        _attention_table(run),
        *_replaced_blocks(run),
    ]
    samples = run.value("attention", "samples")
    shown = [sample["file"] for group in example_samples(run) for sample in group]
    others = [sample for sample in samples if sample["file"] not in shown]
    blocks += [sample_picture(run, sample) for sample in others[:MAX_ATTENTION_PICTURES]]
    number = run.counted(len(samples), "attention", "samples")
    words = ("All ", number, " pictures of attention are in the folder visualizations; those above are among them.")
    blocks.append(Paragraph(text=words, tone="small"))
    return Section(anchor="attention", title="What the model attends to", blocks=tuple(blocks))


def _attention_words(run: StoredRun) -> Sentence:
    value, structure = run.value("attention", "efficiency"), run.value("attention", "structure_control")
    if value is None:
        return ("Attention efficiency was not measured: no clip holds tracks of both classes.",)
    facts = run.say(
        "On the ungated pass tokens of persistent tracks receive {attention:efficiency} times the attention of those"
        " of transient tracks (geometric mean over {attention:num_clips} clips, 95 % interval"
        " {attention:efficiency_ci95.0} to {attention:efficiency_ci95.1}). "
    )
    if structure is None:
        return (*facts, "The structure control is missing, so how much of it is content is unknown.")
    if run.value("attention", "efficiency_ci95.0") > structure:
        return (
            *facts,
            *run.say("The structure control stands at {attention:structure_control}, below that interval:"),
            " what exceeds it is content.",
        )
    if value > structure:
        return (
            *facts,
            *run.say("The structure control of {attention:structure_control} lies inside the interval:"),
            " how much of it is content cannot be said.",
        )
    return (
        *facts,
        *run.say("The structure control reaches {attention:structure_control}: none of it can be put down to content."),
    )


def _attention_table(run: StoredRun) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = (
        (("attention efficiency, ungated pass",), run.say("{attention:efficiency}")),
        (("control: structure (age gap, own or other track)",), run.say("{attention:structure_control}")),
        (("control: shuffled labels, about one expected",), run.say("{attention:shuffled_control}")),
        (("control: uniform attention, exactly one expected",), run.say("{attention:uniform_control}")),
        (("apart: gated pass",), run.say("{attention:gated_efficiency}")),
    )
    return Table(header=("Attention", "persistent / transient"), rows=rows)


def _replaced_blocks(run: StoredRun) -> list[Block]:
    """Returns what becomes of the decisions if other attention takes the place of the model's own."""
    place = "controls.attention_replaced"
    if not run.has("evaluation", place):
        return []
    rows: list[tuple[Cell, ...]] = []
    for name, words in REPLACED_ATTENTION.items():
        keys = ("false_confirm_rate|percent", "miss_rate|percent", "mean_decision_frame", "changed_labels|percent")
        rows.append(((words,), *(run.say(f"{{evaluation:{place}.{name}.{key}}}") for key in keys)))
    header = ("Attention in its place", "false confirms", "misses", "mean age at decision", "changed verdicts")
    words = (
        "With the bounds as they are, the model's attention is replaced in every layer and head. Verdicts that stay as"
        " they are show that the evidence of a track comes from its own tokens, not from where attention goes."
    )
    return [Table(header=header, rows=tuple(rows)), Paragraph(text=(words,), tone="small")]


def tokenizer_section(run: StoredRun) -> Section:
    """Returns how well the tokenizer rebuilds what it saw and how many codes it uses."""
    rows: tuple[tuple[Cell, ...], ...] = (
        (("PSNR over all test pixels, dB",), run.say("{evaluation:tokenizer_psnr_db}")),
        (("codes used",), run.say("{evaluation:tokenizer_codes_used|count}")),
        (("perplexity of the codes",), run.say("{evaluation:tokenizer_perplexity}")),
    )
    table = Table(header=("Tokenizer", "measured"), rows=rows)
    return Section(anchor="tokenizer", title="Tokenizer", blocks=(table,))


def controls_section(run: StoredRun) -> Section:
    """Returns the controls that show whether pictures matter and whether shortcuts exist."""
    blocks: list[Block] = [*_swap_blocks(run), *_scramble_blocks(run), *_shortcut_blocks(run)]
    if not blocks:
        blocks = [
            Paragraph(text=("No control was run, so this report does not show that the model looks.",), tone="warning")
        ]
    return Section(anchor="controls", title="Does it look, and at the right thing?", blocks=tuple(blocks))


def _swap_blocks(run: StoredRun) -> list[Block]:
    if not run.has("evaluation", "controls.crop_swap"):
        return []
    own = "controls.own_crops." if run.has("evaluation", "controls.own_crops") else ""
    before, after = (run.value("evaluation", f"{place}accuracy") for place in (own, "controls.crop_swap."))
    rows: list[tuple[Cell, ...]] = []
    for key, name in TRACKER_ROWS:
        if all(run.has("evaluation", f"{place}{key}") for place in (own, "controls.crop_swap.")):
            style = "percent" if is_share(key) else "plain"
            places = (f"{{evaluation:{own}{key}|{style}}}", f"{{evaluation:controls.crop_swap.{key}|{style}}}")
            rows.append(((name,), *(run.say(place) for place in places)))
    table = Table(header=("Crops exchanged between tracks", "own crops", "foreign crops"), rows=tuple(rows))
    if after >= before:
        words = "FAIL: foreign crops change nothing for the worse, so nothing shows that the pictures take part."
        return [table, Paragraph(text=(words,), tone="warning")]
    if after >= run.value("evaluation", "accuracy_ci95.0"):
        words = "With foreign crops the verdicts get worse, but by no more than chance may do."
        return [table, Paragraph(text=(words,), tone="warning")]
    words = "With foreign crops the verdicts get worse: the pictures take part in the decision."
    return [table, Paragraph(text=(words,))]


def _scramble_blocks(run: StoredRun) -> list[Block]:
    key = "controls.scrambled_metadata_changed_decisions"
    if not run.has("evaluation", key):
        return []
    changed = run.say(f"Decisions that change when clip names and other metadata are scrambled: {{evaluation:{key}}}. ")
    if run.value("evaluation", key) == 0:
        return [Paragraph(text=(*changed, "So none depends on them."))]
    return [Paragraph(text=(*changed, "FAIL: decisions depend on what is not in the picture."), tone="warning")]


def _shortcut_blocks(run: StoredRun) -> list[Block]:
    if not run.has("evaluation", "controls.shortcut_rules"):
        return []
    rules = run.value("evaluation", "controls.shortcut_rules")
    rows = tuple(((name,), run.say(f"{{evaluation:controls.shortcut_rules.{name}|three}}")) for name in rules)
    table = Table(header=("Shortcut rule on the first crop", "AUC, one half is chance"), rows=rows)
    band = max(SHORTCUT_TOLERANCE, _chance_band(run))
    strong = [name for name, value in rules.items() if value is not None and abs(value - 0.5) > band]
    if not strong:
        words = "None of them stands out from chance, given the number of tracks."
        return [table, Paragraph(text=(words,))]
    words = f"FAIL: a shortcut is open, the label can be guessed from {', '.join(strong)}."
    return [table, Paragraph(text=(words,), tone="warning")]


def _chance_band(run: StoredRun) -> float:
    """Returns three standard errors of the AUC of a rule that knows nothing (Hanley & McNeil, Radiology 1982)."""
    matrix = run.value("evaluation", "confusion_matrix")
    num_persistent, num_transient = (max(sum(row.values()), 1) for row in matrix.values())
    variance = (num_persistent + num_transient + 1) / (12 * num_persistent * num_transient)
    return float(3 * math.sqrt(variance))


def tracker_section(run: StoredRun) -> Section:
    """Returns the end-to-end figures with the real tracker beside the headline figures."""
    association = run.value("evaluation", "association") if run.has("evaluation", "association") else "unknown"
    rows: list[tuple[Cell, ...]] = []
    for key, name in TRACKER_ROWS:
        style = "percent" if is_share(key) else "plain"
        cells = [
            run.say(f"{{evaluation:{place}|{style}}}") if run.has("evaluation", place) else ("not measured",)
            for place in (key, f"tracker.{key}")
        ]
        rows.append(((name,), *cells))
    words = (
        "The headline figures already are end to end: the tracker links detections, and its errors count."
        if association == "tracker"
        else f"The headline figures link detections by {association}: they judge evidence and stopping alone. End to"
        " end, the tracker has to link them, and its errors count too."
    )
    table = Table(header=("Figure", f"association: {association}", "association: tracker"), rows=tuple(rows))
    return Section(anchor="tracker", title="End to end with the tracker", blocks=(Paragraph(text=(words,)), table))
