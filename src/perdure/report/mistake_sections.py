"""Sections about decisions that were wrong, and right ones beside them: listed one by one, and in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perdure.metrics.decisions import DecisionRecord
from perdure.report.document import Block, Cell, Paragraph, Picture, Section, Table
from perdure.report.explain import reason_words
from perdure.report.stored_run import Sentence, StoredRun

MAX_LISTED = 40
MAX_CLOSE_CALLS = 5
MAX_EXAMPLES = 3


def wrong_section(run: StoredRun) -> Section:
    """Returns every miss and false confirm, the closest calls among right verdicts, and pictures of both."""
    blocks = (*mistakes_blocks(run), *_examples(run))
    return Section(anchor="wrong", title="Wrong decisions, and right ones beside them", blocks=blocks)


def mistakes_blocks(run: StoredRun) -> tuple[Block, ...]:
    """Returns lists of misses, of false confirms, and of the closest calls among right verdicts."""
    records = run.records
    wrong = [index for index, record in enumerate(records) if not record.is_right]
    right = [index for index, record in enumerate(records) if record.is_right]
    misses = [index for index in wrong if records[index].true_label == "persistent"]
    confirms = [index for index in wrong if records[index].true_label == "transient"]
    close = sorted(right, key=lambda index: abs(records[index].evidence))[:MAX_CLOSE_CALLS]
    return (
        *_listed(run, misses, "Misses: persistent tracks called transient"),
        *_listed(run, confirms, "False confirms: transient tracks called persistent"),
        *_listed(run, close, "Right, but by the smallest margin of evidence", is_selection=True),
    )


def _listed(run: StoredRun, indices: list[int], title: str, *, is_selection: bool = False) -> list[Block]:
    if not indices:
        return [Paragraph(text=(f"{title}: none in this run.",))]
    rows = tuple(_decision_row(run, index) for index in indices[:MAX_LISTED])
    number: Sentence = () if is_selection else (" (", run.counted(len(indices), "decisions", title.lower()), ")")
    rest: Sentence = ()
    if len(indices) > MAX_LISTED:
        more = run.counted(len(indices) - MAX_LISTED, "decisions", f"{title.lower()} not listed here")
        rest = ("; ", more, " more are in evaluation/decisions.jsonl")
    header = ("Track", "called", "age", "evidence, nats", "probability of persistent", "why")
    return [Table(header=header, rows=rows, caption=(title, *number, *rest, "."))]


def _decision_row(run: StoredRun, index: int) -> tuple[Cell, ...]:
    record = run.records[index]
    return (
        run.say(f"{{decisions:{index}.clip_id}} / {{decisions:{index}.track_id}}"),
        (record.label,),
        run.say(f"{{decisions:{index}.decision_frame}}"),
        run.say(f"{{decisions:{index}.evidence|signed}}"),
        run.say(f"{{decisions:{index}.probability|probability}}"),
        (reason_words(record.reason),),
    )


def is_sample_wrong(sample: dict[str, Any]) -> bool:
    """Returns whether a pictured clip holds a wrong verdict."""
    return any(track["true_label"] != track["label"] for track in sample["tracks"])


def _examples(run: StoredRun) -> list[Block]:
    wrong, right = example_samples(run)
    blocks: list[Block] = []
    if not wrong and any(not record.is_right for record in run.records):
        blocks.append(Paragraph(text=("None of the pictured clips holds one of the wrong decisions.",), tone="small"))
    return blocks + [sample_picture(run, sample) for sample in wrong + right]


def example_samples(run: StoredRun) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the pictured clips shown as examples: some with wrong verdicts, at least one with right ones only."""
    samples = run.value("attention", "samples")
    wrong = [sample for sample in samples if is_sample_wrong(sample)][:MAX_EXAMPLES]
    right = [sample for sample in samples if not is_sample_wrong(sample)]
    return wrong, right[: max(1, MAX_EXAMPLES - len(wrong))]


def sample_picture(run: StoredRun, sample: dict[str, Any]) -> Picture:
    """Returns the stored picture of one clip with its verdicts and their confidence in words."""
    name = f"visualizations/{Path(sample['file']).name}"
    row_of = {(record.clip_id, record.track_id): row for row, record in enumerate(run.records)}
    words: list[Sentence] = []
    for track in sample["tracks"]:
        row = row_of.get((sample["clip_id"], track["track_id"]))
        if row is not None:
            words.append(_verdict_words(run, row, run.records[row]))
    outcome = "with a wrong decision" if is_sample_wrong(sample) else "all decisions right"
    return Picture(
        title=f"{sample['clip_id']}, {outcome}",
        image=run.require(name, "perdure visualize").read_bytes,
        media_type="image/png",
        details=tuple(words),
        sources=("attention",),
        file=name,
        layout="wide",
    )


def _verdict_words(run: StoredRun, row: int, record: DecisionRecord) -> Sentence:
    outcome = "right" if record.is_right else f"WRONG, it is {record.true_label}"
    return run.say(
        f"Track {{decisions:{row}.track_id}}: {record.label} at age {{decisions:{row}.decision_frame}}, evidence"
        f" {{decisions:{row}.evidence|signed}} nats, probability of persistent"
        f" {{decisions:{row}.probability|probability}}; {outcome}."
    )
