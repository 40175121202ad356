"""Answers about one track."""

from __future__ import annotations

from collections.abc import Callable

from perdure.explain.facts import RUN_AGAIN, Fact, change_words
from perdure.explain.queries import Query
from perdure.explain.replay import Edit, EditKind, outcomes
from perdure.explain.sources import Source
from perdure.explain.stories import Seen, Story
from perdure.explain.text import facts, named_stories, paragraph
from perdure.explain.words import counted, frames_words, nats

Told = tuple[str, tuple[str, ...]]
"""An answer and the files that it is from."""
LABELS = ("persistent", "transient")


def _stories(source: Source, query: Query) -> list[Story]:
    return named_stories(source, query.track or "")


def _first_told(source: Source, query: Query) -> Story:
    """Returns the first decision on a track, with its frames.

    Raises:
        ValueError: they are not known.
    """
    story = source.told(_stories(source, query)[0])
    if not story.seen:
        raise ValueError(f"nothing was noted of the frames of {story.name}; use --trace")
    return story


def _noted(source: Source) -> str:
    return source.facts_file or RUN_AGAIN


def why(source: Source, query: Query) -> Told:
    """Returns all facts about the decisions on a track, and first whether it was decided as the question has it."""
    stories = _stories(source, query)
    labels = [story.label for story in stories]
    wrong = query.group in LABELS and query.group not in labels
    start = f"It was not called {query.group}. " if wrong else ""
    found = [facts(source, story) for story in stories]
    return start + "\n\n".join(paragraph(one, has_sources=False) for one in found), _files(
        [fact for one in found for fact in one]
    )


def _files(found: list[Fact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fact.source for fact in found if fact.source))


def verdict(source: Source, query: Query) -> Told:
    """Returns what a track was called, and when; a question for yes or no is answered by it."""
    stories = _stories(source, query)
    found = [facts_named(source, story, "verdict") for story in stories]
    start = ""
    if query.group in LABELS:
        start = "Yes. " if stories[-1].label == query.group else "No. "
    return start + " ".join(fact.text for fact in found), _files(found)


def facts_named(source: Source, story: Story, name: str) -> Fact:
    """Returns one fact about a decision.

    Raises:
        ValueError: it is not known.
    """
    for fact in facts(source, story, again=False):
        if fact.name == name:
            return fact
    raise ValueError(f"that was not noted of {story.name}")


def one_fact(name: str) -> Callable[[Source, Query], Told]:
    """Returns what answers with one fact about the last decision on a track."""

    def told(source: Source, query: Query) -> Told:
        fact = facts_named(source, _stories(source, query)[-1], name)
        return fact.text, (fact.source,)

    return told


def born(source: Source, query: Query) -> Told:
    """Returns when a track was born."""
    story = _stories(source, query)[0]
    return f"{story.name.capitalize()} was born on frame {story.birth}.", (
        f"{source.decisions_file} line {story.line}",
    )


def seen(source: Source, query: Query) -> Told:
    """Returns when a track was associated and missed up to its first decision."""
    story = _first_told(source, query)
    text = f"Up to its decision on frame {story.frame} it was associated on {counted(len(story.hits), 'frame')}"
    text += f" ({frames_words(story.hits)})" if story.hits else ""
    text += f" and missed on {counted(len(story.misses), 'frame')}"
    text += f" ({frames_words(story.misses)})" if story.misses else ""
    return f"{text}.", (_noted(source),)


def _on(story: Story, frame: int) -> Seen:
    for one in story.seen:
        if one.frame == frame:
            return one
    first, last = story.seen[0].frame, story.seen[-1].frame
    raise ValueError(f"frame {frame} of {story.name} was not noted; those from {first} to {last} were")


def on_frame(source: Source, query: Query) -> Told:
    """Returns whether a track was associated on a frame."""
    story, frame = _first_told(source, query), query.frame or 0
    one = _on(story, frame)
    how = f"associated with a detection of score {one.score:.2f}" if one.is_hit else "missed"
    return f"On frame {frame} it was {how}; the evidence stood at {nats(one.evidence)}.", (_noted(source),)


def evidence(source: Source, query: Query) -> Told:
    """Returns the evidence of a track on a frame, or how it moved."""
    if query.frame is None:
        return one_fact("moves")(source, query)
    one = _on(_first_told(source, query), query.frame)
    return f"On frame {query.frame} its evidence was {nats(one.evidence)}.", (_noted(source),)


def most(source: Source, query: Query) -> Told:
    """Returns the frame that moved the evidence most."""
    story = _first_told(source, query)
    moves = story.moves
    place = max(range(len(moves)), key=lambda one: abs(moves[one]))
    one = story.seen[place]
    how = "associated" if one.is_hit else "missed"
    return f"Frame {one.frame} moved it most, by {nats(moves[place])}: it was {how}.", (_noted(source),)


def changed(kind: EditKind) -> Callable[[Source, Query], Told]:
    """Returns what answers with a run of the gate in which one thing is changed."""

    def told(source: Source, query: Query) -> Told:
        story = _first_told(source, query)
        frame = story.seen[0].frame if kind == "hidden" else query.frame or 0
        one = _on(story, frame)
        if kind == "without" and not one.is_hit:
            raise ValueError(f"{story.name} was missed on frame {frame} as it is")
        if kind == "with" and one.is_hit:
            raise ValueError(f"{story.name} was associated on frame {frame} as it is")
        if kind == "without" and frame == story.birth:
            raise ValueError(f"frame {frame} is the birth of {story.name}: without it there is no such track")
        if kind == "hidden" and one.without_crops is None:
            raise ValueError("this gate reads no pixels, or they were not noted")
        edit = Edit(kind, story.track_id, frame)
        found = outcomes(source.replay(story.clip_id), [edit])
        if edit not in found:
            raise ValueError(f"run again with that change, another detection took its place on frame {frame}")
        return change_words(story, edit, found[edit]), (RUN_AGAIN, _noted(source))

    return told


TRACK_ANSWERS: dict[str, Callable[[Source, Query], Told]] = {
    "why": why,
    "verdict": verdict,
    "born": born,
    "sure": one_fact("sure"),
    "seen": seen,
    "on frame": on_frame,
    "evidence": evidence,
    "most": most,
    "without": changed("without"),
    "with": changed("with"),
    "hidden": changed("hidden"),
    "attention": one_fact("attention"),
}
"""By kind of query."""
