"""The report of a run on real tracks: the same parts as any report, and what only real tracks have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perdure.report.closing_sections import reproduce_section, sources_section
from perdure.report.decision_sections import class_section
from perdure.report.document import Badge, Block, Cell, Items, Paragraph, Picture, Report, Section, Table, Tile
from perdure.report.mistake_sections import mistakes_blocks
from perdure.report.opening import decided_tile, early_tile, headline, right_tile, targets_table, verdict
from perdure.report.stored_run import STORED_FILES, Sentence, StoredRun
from perdure.report.style import svg_bytes
from perdure.report.tracks_figures import MAX_SEQUENCES, SHOWN, cost_figure, sequences_figure

MAX_PICTURES = 4
"""Sequences whose evidence is shown; the others are in the folder of figures."""
ALPHA = "thresholds.alpha_false_confirm"
"""Where the metrics say which false-confirm rate was set."""


def build_tracks_report(run: StoredRun) -> Report:
    """Returns the whole report of a run on real tracks.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    badge, verdict_text = verdict(run)
    overline: Sentence = (
        f"Run {run.path.name}",
        *run.say(" with recipe {run:recipe}, {evaluation:num_clips} sequences, each left out of what decides on it"),
    )
    return Report(
        title=f"perdure: {run.path.name}",
        overline=overline,
        headline=headline(run),
        verdict=badge,
        verdict_text=verdict_text,
        tiles=(decided_tile(run), early_tile(run), right_tile(run), _saved_tile(run)),
        targets=targets_table(run),
        sections=(
            _comparison_section(run),
            class_section(run),
            _sequences_section(run),
            Section(anchor="wrong", title="Wrong decisions, and right ones beside them", blocks=mistakes_blocks(run)),
            reproduce_section(run),
            _limits_section(run),
            sources_section(run),
        ),
    )


def _saved_tile(run: StoredRun) -> Tile:
    words = run.say(
        "This is the share of track-frames that need no look: {evaluation:track_frames_gated} were looked at, of"
        " {evaluation:track_frames_ungated} that tracks lived."
    )
    return Tile(
        question="What did it save?",
        answer=run.say("{evaluation:compute_savings_track_frames|percent}"),
        details=(words, ("Counted, not timed.",)),
    )


def _comparison_section(run: StoredRun) -> Section:
    """Returns what every method costs at the same false-confirm rates, on tracks that it was not fitted on."""
    rows = run.value("evaluation", "confirmation")
    blocks: list[Block] = [
        Paragraph(
            text=(
                "Every method was fitted without the sequence that it is scored on. Its threshold is swept on the"
                " left-out tracks, for every method alike, so that methods are compared at the same false-confirm"
                " rate; the decisions further down were taken with bounds from training sequences alone.",
            )
        ),
        Picture(
            title="Frames to confirm a persistent track",
            image=lambda: svg_bytes(cost_figure(rows)),
            media_type="image/svg+xml",
            caption=("Less is better. A persistent track that is never confirmed is charged 9.",),
            sources=("evaluation",),
            file="analysis/cost_at_rates.png",
            layout="wide",
        ),
    ]
    for cap in dict.fromkeys(row["fa_cap"] for row in rows if row["fa_cap"] is not None):
        inside = [(index, row) for index, row in enumerate(rows) if row["fa_cap"] == cap]
        blocks.append(
            Table(
                header=(
                    "Method",
                    "persistent confirmed",
                    "false confirms",
                    "cost",
                    "95 % interval",
                    "minus M-of-N (tuned)",
                    "minus best learned",
                ),
                rows=tuple(_method_row(run, index, row) for index, row in inside),
                caption=(f"At most {100 * cap:g} % of transient tracks confirmed.",),
            )
        )
    fixed = [(index, row) for index, row in enumerate(rows) if row["fa_cap"] is None]
    blocks.append(
        Table(
            header=("Rule with nothing to set", "persistent confirmed", "false confirms", "cost"),
            rows=tuple(_method_row(run, index, row)[:4] for index, row in fixed),
        )
    )
    return Section(anchor="comparison", title="Against M-of-N baselines and learned opponents", blocks=tuple(blocks))


def _method_row(run: StoredRun, index: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    at = f"evaluation:confirmation.{index}"
    cells: list[Cell] = [
        (SHOWN.get(row["method"], row["method"]),),
        run.say(f"{{{at}.tpr|percent}}"),
        run.say(f"{{{at}.fa_reached|percent}}"),
        run.say(f"{{{at}.cost|two}}"),
        () if row["ci95"] is None else run.say(f"{{{at}.ci95.0|two}} to {{{at}.ci95.1|two}}"),
    ]
    for name in ("cost_minus_hand", "cost_minus_learned"):
        cells.append(run.say(f"{{{at}.{name}|signed}}") if row.get(name) is not None else ())
    return tuple(cells)


def _sequences_section(run: StoredRun) -> Section:
    """Returns how the guarantee does on each sequence that the bounds knew nothing of."""
    rows, alpha = run.value("evaluation", "sequences"), run.value("evaluation", ALPHA)
    blocks: list[Block] = []
    if alpha is not None:
        blocks.append(
            Paragraph(
                text=run.say(
                    f"At most {{evaluation:{ALPHA}|percent}} of transient tracks may be confirmed, with bounds from"
                    " other sequences. Of {evaluation:num_sequences_judged} sequences with at least 200 transient"
                    " tracks {evaluation:num_sequences_kept} satisfy that: the lower end of the exact one-sided 95 %"
                    " interval of their own rate is not above it."
                )
            )
        )
    blocks.append(
        Picture(
            title="False confirms by sequence",
            image=lambda: svg_bytes(sequences_figure(rows, alpha)),
            media_type="image/svg+xml",
            caption=(f"At most {MAX_SEQUENCES} sequences, those with most transient tracks.",),
            sources=("evaluation",),
            file="analysis/false_confirms_by_sequence.png",
            layout="wide",
        )
    )
    blocks.append(
        Table(
            header=("Sequence", "persistent", "confirmed", "transient", "false confirms", "satisfied"),
            rows=tuple(_sequence_row(run, index, row) for index, row in enumerate(rows)),
        )
    )
    return Section(anchor="sequences", title="Sequence by sequence", blocks=(*blocks, *_evidence_pictures(run)))


def _evidence_pictures(run: StoredRun) -> list[Block]:
    """Returns how evidence grew on the first sequences, if that was drawn."""
    if not (run.path / STORED_FILES["evidence"][0]).is_file():
        return []
    names = [
        (sample["name"], f"visualizations/{Path(sample['file']).name}") for sample in run.value("evidence", "samples")
    ]
    return [
        Picture(
            title=f"Evidence on {name}",
            image=run.require(file, "perdure visualize").read_bytes,
            media_type="image/png",
            caption=("One line a track, scored by a model that has not seen the sequence; dashed: the bounds.",),
            sources=("evidence",),
            file=file,
            layout="wide",
        )
        for name, file in names[:MAX_PICTURES]
    ]


def _sequence_row(run: StoredRun, index: int, row: dict[str, Any]) -> tuple[Cell, ...]:
    at = f"evaluation:sequences.{index}"
    names = ("num_persistent", "num_confirmed", "num_transient", "num_false_confirms")
    counts = tuple(run.say(f"{{{at}.{name}}}") for name in names)
    kept: Cell = ("too few",)
    if row["is_kept"] is not None:
        kept = Badge(text="yes" if row["is_kept"] else "no", kind="pass" if row["is_kept"] else "fail")
    return (run.say(f"{{{at}.name}}"), *counts, kept)


def _limits_section(run: StoredRun) -> Section:
    items: list[Sentence] = [
        (
            "Bounds are exact for sequences that are drawn as the training sequences were. A new site is none of them:"
            " the table by sequence shows what that means, and perdure calibrate makes bounds for a site of its own.",
        ),
        (
            "What is transient or persistent is said by the ground truth of the data: objects that nobody labelled"
            " count as false.",
        ),
        run.say(
            "{evaluation:num_tracks} tracks of {evaluation:num_clips} sequences: tracks of one sequence are alike, so"
            " that intervals over sequences are wider than those over tracks."
        ),
        ("Savings are track-frames that need no look; they were counted, and nothing was timed.",),
        ("Decisions on real tracks end at age 8: what is undecided then is called transient.",),
    ]
    return Section(anchor="limits", title="Limits of these figures", blocks=(Items(items=tuple(items)),))
