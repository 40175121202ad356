"""Sections at the end: training, configuration, how to reproduce, limits, and the files all numbers come from."""

from __future__ import annotations

import shlex
from typing import Any

from perdure.report.document import Block, Code, Items, Paragraph, Picture, Section, Table, footnote_of
from perdure.report.figures import training_figure
from perdure.report.stored_run import STORED_FILES, Sentence, StoredRun
from perdure.report.style import svg_bytes


def training_section(run: StoredRun) -> Section:
    """Returns the training curves and the size of the model."""
    rows = run.content("training")
    blocks: list[Block] = [
        Picture(
            title="Training curves",
            image=lambda: svg_bytes(training_figure(rows)),
            media_type="image/svg+xml",
            caption=("Validation clips are disjoint from training clips; the test split is not seen here.",),
            sources=("training",),
            layout="wide",
        )
    ]
    if run.has("evaluation", "model.num_parameters"):
        blocks.append(
            Paragraph(
                text=run.say(
                    "The model has {evaluation:model.num_parameters} parameters; its extractor costs"
                    " {evaluation:model.flops_per_frame_extractor|flops} a track and frame."
                ),
                tone="small",
            )
        )
    return Section(anchor="training", title="Training", blocks=tuple(blocks))


def reproduce_command(run: StoredRun) -> str:
    """Returns the command line that makes this run again."""
    command: Any = run.content("run").get("command")
    if isinstance(command, list):
        return shlex.join(str(part) for part in command)
    if command:
        return str(command)
    return f"perdure run --config {shlex.quote(str(run.path / 'config.toml'))}"


_NOT_SHOWN = ("command", "duration_s")
"""Fields of the record that stand elsewhere, or that are not known before the run has ended."""


def reproduce_section(run: StoredRun) -> Section:
    """Returns the command, what is known about the run, and the whole configuration."""
    known = tuple(
        ((key.replace("_", " "),), run.say(f"{{run:{key}}}"))
        for key, value in run.content("run").items()
        if key not in _NOT_SHOWN and key.replace("_", "").isalnum() and isinstance(value, str | int | float)
    )
    blocks: list[Block] = [Code(text=reproduce_command(run), sources=("run",))]
    if known:
        blocks.append(Table(header=("About this run", ""), rows=known, is_numeric=False))
    config = run.file("config").read_text(encoding="utf-8")
    blocks.append(Code(text=config, summary="The whole configuration", sources=("config",)))
    return Section(anchor="reproduce", title="How to reproduce", blocks=tuple(blocks))


def limits_section(run: StoredRun) -> Section:
    """Returns what these figures do not show."""
    items: list[Sentence] = [
        (
            "All clips are simulated. The rates hold for clips drawn from this world; other cameras, detectors and"
            " scenes need their own calibration and their own test.",
        ),
        run.say(
            "The test split has {evaluation:num_tracks} tracks of {evaluation:num_clips} clips: the true rate of false"
            " confirms may be as high as {evaluation:false_confirm_rate_ci95.1|percent} and that of misses as high as"
            " {evaluation:miss_rate_ci95.1|percent} (upper ends of the 95 % intervals)."
        ),
        run.say(
            "Seconds were measured on {efficiency:machine} over {efficiency:num_clips_timed} clips; other machines"
            " give other savings."
        ),
        ("This is one training run with one seed; how much the figures vary from run to run is not shown here.",),
        (
            "The optima hold for the exact model of this world (associations and cue of known law). Where a world has"
            " clutter or occlusion besides, they are no longer a bound.",
        ),
        ("Attention describes where the model looks; by itself it does not prove that a decision rests on it.",),
    ]
    if run.has("evaluation", "num_censored") and run.value("evaluation", "num_censored") > 0:
        items.append(
            run.say("{evaluation:num_censored} tracks ended undecided with their clip and are in none of the rates.")
        )
    if run.has("evaluation", "tracker.accuracy"):
        items.append(
            run.say(
                "With the real tracker accuracy is {evaluation:tracker.accuracy|percent} instead of"
                " {evaluation:accuracy|percent}."
            )
        )
    return Section(anchor="limits", title="Limits of these figures", blocks=(Items(items=tuple(items)),))


def sources_section(run: StoredRun) -> Section:
    """Returns the list of files that all numbers were read from."""
    rows = tuple(
        ((footnote_of(source),), (name,), (f"{command} {run.path.name}",))
        for source, (name, command) in STORED_FILES.items()
        if (run.path / name).is_file()
    )
    words = "No number in this report was typed in: each was read from one of these files, or counts entries of one."
    return Section(
        anchor="sources",
        title="Where the numbers come from",
        blocks=(
            Paragraph(text=(words,)),
            Table(header=("Mark", "file in the run folder", "written by"), rows=rows, is_numeric=False),
        ),
    )
