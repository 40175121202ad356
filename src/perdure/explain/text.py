"""Decisions in words, from the folder of a run or of one stream; the renderer alone, without any language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from perdure.config import read_toml_dict
from perdure.explain.facts import Fact, facts_of
from perdure.explain.replay import Edit, EditKind, Outcome, outcomes
from perdure.explain.sources import SUMMARY, Source, open_source
from perdure.explain.stories import Story
from perdure.explain.words import counted, percent, reason_words
from perdure.metrics.decisions import REASONS

MAX_SHOWN = 12
"""Decisions of an overview."""
_CANNOT = (FileNotFoundError, ValueError, KeyError, ModuleNotFoundError)
"""What is raised where a stream cannot be run again, whatever is missing."""


def explain_folder(path: Path | str) -> str:
    """Returns what was decided in all, and the decisions that deserve a look: wrong ones, or else the latest.

    Raises:
        FileNotFoundError, ValueError: as `open_source`.
    """
    source = open_source(path)
    wrong = [story for story in source.stories if story.true_label not in (None, story.label)]
    is_run = source.kind == "run"
    shown = wrong[:MAX_SHOWN] if is_run else source.stories[-MAX_SHOWN:]
    texts = [_run_overview(source, len(wrong)) if is_run else _stream_overview(source)]
    texts += [paragraph(facts(source, story, again=False)[:1], has_sources=False) for story in shown]
    return "\n\n".join(texts) + "\n"


def explain_track(path: Path | str, track: str | int, *, again: bool = True) -> str:
    """Returns the decisions on a track in words, a paragraph each, with where every sentence is from.

    Args:
        path: a run folder, or one that watch or confirm has written.
        track: its id; in a run also `CLIP/TRACK`, or a clip for all of its tracks.
        again: whether the gate is run again to find out what would have changed the verdict.

    Raises:
        FileNotFoundError: there is nothing to explain.
        ValueError: a file is damaged, there is no such track, or several clips have one.
    """
    source = open_source(path)
    stories = named_stories(source, str(track))
    return "\n\n".join(paragraph(facts(source, story, again=again)) for story in stories) + "\n"


def facts(source: Source, story: Story, *, again: bool = True) -> list[Fact]:
    """Returns all facts about a decision; what cannot be found out is said in a fact of its own."""
    unknown: list[Fact] = []
    try:
        told = source.told(story)
    except _CANNOT as error:
        told = story
        unknown.append(Fact("unknown", f"More is not known: {_one_line(error)}.", ""))
    found: Mapping[Edit, Outcome] = {}
    if again and told.seen and not unknown:
        try:
            found = changes(source, told)
        except _CANNOT as error:
            unknown.append(Fact("unknown", f"What would have changed it is not known: {_one_line(error)}.", ""))
    return [
        *facts_of(
            told,
            decisions_file=source.decisions_file,
            facts_file=source.facts_file,
            changes=found,
            promise=promise_words(source, told),
        ),
        *unknown,
    ]


def changes(source: Source, story: Story) -> dict[Edit, Outcome]:
    """Returns what becomes of a track with one thing changed that might have mattered.

    Raises:
        ValueError, FileNotFoundError: its stream cannot be run again.
    """
    edits = edits_of(story, source.stories)
    return outcomes(source.replay(story.clip_id), edits) if edits else {}


def edits_of(story: Story, stories: Sequence[Story]) -> list[Edit]:
    """Returns the changes that are tried: at the hit and at the miss that moved the evidence most, and to the crops.

    Only first decisions: of a later one the change would have to leave all before it as it was.
    """
    is_first = all(
        one.line >= story.line for one in stories if (one.clip_id, one.track_id) == (story.clip_id, story.track_id)
    )
    if not is_first or not story.seen or story.seen[0].age != 1:
        return []
    size = [abs(move) for move in story.moves]
    hits = [place for place, seen in enumerate(story.seen) if seen.is_hit and place]
    misses = [place for place, seen in enumerate(story.seen) if not seen.is_hit]
    kinds: tuple[tuple[EditKind, list[int]], ...] = (("without", hits), ("with", misses))
    edits = [
        Edit(kind, story.track_id, story.seen[max(places, key=lambda place: size[place])].frame)
        for kind, places in kinds
        if places
    ]
    if story.seen[0].without_crops is not None:
        edits.append(Edit("hidden", story.track_id, story.seen[0].frame))
    return edits


def named_stories(source: Source, track: str) -> list[Story]:
    """Returns the decisions that a name stands for.

    Raises:
        ValueError: there is no such track, or several clips have one.
    """
    clip_id, _, track_id = track.rpartition("/")
    found = [
        story for story in source.stories if str(story.track_id) == track_id and clip_id in ("", story.clip_id)
    ] or [story for story in source.stories if not clip_id and source.kind == "run" and story.clip_id == track]
    where = f"the {counted(len(source.stories), 'decision')} of {source.path}"
    if not found:
        hint = "; name it CLIP/TRACK" if source.kind == "run" else "; give the id of a track that was decided"
        raise ValueError(f"track '{track}': not among {where}{hint}")
    clips = list(dict.fromkeys(story.clip_id for story in found))
    if len(clips) > 1:
        examples = ", ".join(f"{clip}/{track_id}" for clip in clips[:3])
        raise ValueError(f"track '{track}': {len(clips)} clips have one; name it CLIP/TRACK, such as {examples}")
    return found


def paragraph(found: Sequence[Fact], *, has_sources: bool = True) -> str:
    """Returns facts as running text, and under it the files that they are from."""
    text = " ".join(fact.text for fact in found)
    files = list(dict.fromkeys(fact.source for fact in found if fact.source))
    return f"{text}\n[{'; '.join(files)}]" if has_sources and files else text


def promise_words(source: Source, story: Story) -> str:
    """Returns the sentence on what is guaranteed."""
    if source.kind == "run":
        return _run_promise(source)
    if not source.head:
        return ""
    if not source.head.get("is_promised"):
        held = source.head.get("held")
        if held:
            share = f"{100 * held['max_vanishing']:g} %"
            return f"No error rate is guaranteed; in the long run {share} of the tracks that vanish are confirmed."
        return "No error rate is guaranteed: this gate stands for a rule, or its bounds are not calibrated."
    if story.is_guaranteed:
        return "Error rates are guaranteed for streams as calibrated, and nothing spoke against that on this frame."
    return f"Error rates were promised, but are NOT guaranteed from drift on: {'; '.join(story.drift)}."


def _run_promise(source: Source) -> str:
    path = source.path / "config.toml"
    rates = read_toml_dict(path).get("calibration", {}) if path.is_file() else {}
    parts = [
        f"at most {percent(rates[name])} of {which}"
        for name, which in (("max_false_confirm", "transient tracks are confirmed"), ("max_miss", "persistent tracks"
                            " are rejected"))
        if rates.get(name) is not None
    ]  # fmt: skip
    if not parts:
        return ""
    sure = percent(1.0 - rates.get("delta", 0.05))
    return f"The bounds were calibrated so that {' and '.join(parts)}, with probability {sure} over calibration."


def _run_overview(source: Source, num_wrong: int) -> str:
    metrics = source.json("evaluation/evaluation_metrics.json")
    texts = []
    if "mean_decision_frame" in metrics:
        texts = [
            f"{metrics['num_tracks']:,} tracks in {metrics['num_clips']:,} clips were decided at a mean age of"
            f" {metrics['mean_decision_frame']:.2f} frames; {percent(metrics['accuracy'])} of the verdicts are right.",
            f"{percent(metrics['false_confirm_rate'])} of transient tracks were confirmed and"
            f" {percent(metrics['miss_rate'])} of persistent tracks were missed.",
        ]
    texts.append(_reasons(source.stories))
    if num_wrong == 0:
        texts.append("No decision is wrong.")
    elif num_wrong <= MAX_SHOWN:
        texts.append(f"All {num_wrong} wrong decisions follow." if num_wrong > 1 else "The one wrong decision follows.")
    else:
        texts.append(f"{num_wrong:,} decisions are wrong; the first {MAX_SHOWN} follow.")
    return " ".join(texts)


def _stream_overview(source: Source) -> str:
    counts = Counter(story.label for story in source.stories)
    summary = source.json(SUMMARY)
    frames = f" on {counted(summary['num_frames'], 'frame')}" if "num_frames" in summary else ""
    text = (
        f"There are {counted(len(source.stories), 'decision')}{frames}: {counts['persistent']:,} times persistent,"
        f" {counts['transient']:,} times transient."
    )
    end = f"The last {MAX_SHOWN} follow." if len(source.stories) > MAX_SHOWN else ""
    return " ".join(filter(None, (text, _reasons(source.stories), end)))


def _reasons(stories: Sequence[Story]) -> str:
    counts = Counter(story.reason for story in stories)
    reasons = ", ".join(f"{reason_words(reason)}: {counts[reason]:,}" for reason in REASONS if counts[reason])
    return f"Why they were decided: {reasons}." if reasons else "There are no decisions."


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
