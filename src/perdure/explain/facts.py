"""The facts about one decision, each a sentence of its own with the file that it is from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from perdure.explain.bounds import asked
from perdure.explain.replay import Edit, Outcome
from perdure.explain.stories import Seen, Story
from perdure.explain.words import certainty_words, counted, frames_words, listed, nats, percent, reason_words


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement.

    Args:
        name: what it is about; one of a decision.
        text: whole sentences.
        source: where it is from.
    """

    name: str
    text: str
    source: str


RUN_AGAIN = "run again"
"""Source of what was found by running the gate again."""


def facts_of(
    story: Story, *, decisions_file: str, facts_file: str, changes: Mapping[Edit, Outcome], promise: str
) -> list[Fact]:
    """Returns the facts about a decision in the order of a story.

    Args:
        story: with its frames, where they are known.
        decisions_file: where decisions are stored.
        facts_file: where frames are; empty where they were found by running the gate again.
        changes: what became of the track with one thing changed.
        promise: sentence on what is guaranteed.
    """
    decided, noted = f"{decisions_file} line {story.line}", facts_file or RUN_AGAIN
    makers: tuple[tuple[str, Callable[[Story], str], str], ...] = (
        ("verdict", _verdict, decided),
        ("seen", _seen, noted),
        ("moves", _moves, noted),
        ("parts", _parts, noted),
        ("crops", _crops, noted),
        ("bound", _bound, noted),
        ("attention", _attention, noted),
        ("sure", _sure, decided),
        ("promise", lambda _: promise, noted),
        ("truth", _truth, decided),
    )
    facts = [Fact(name, text, source) for name, make, source in makers if (text := make(story))]
    told = [Fact(f"if {edit.kind}", change_words(story, edit, outcome), RUN_AGAIN) for edit, outcome in changes.items()]
    return [*facts[:-1], *told, facts[-1]] if story.true_label is not None else [*facts, *told]


def _verdict(story: Story) -> str:
    return (
        f"{story.name[0].upper()}{story.name[1:]} was called {story.label} at age {story.age}"
        f" (born on frame {story.birth}, decided on frame {story.frame}): {reason_words(story.reason)}."
    )


def _seen(story: Story) -> str:
    if not story.seen:
        return "What was associated and missed is not known."
    whole = f"{len(story.hits)} of {counted(len(story.seen), 'frame')}"
    start = f"From frame {story.seen[0].frame} to frame {story.seen[-1].frame} it was associated on {whole}"
    missed = f" and missed on {frames_words(story.misses)}" if story.misses else ""
    return f"{start}{missed}."


def _moves(story: Story) -> str:
    if not story.seen:
        return ""
    first, last, moves = story.seen[0], story.seen[-1], story.moves
    place = max(range(len(moves)), key=lambda one: abs(moves[one]))
    most = story.seen[place]
    told = f"frame {most.frame} moved it most, by {nats(moves[place])} ({_how(most)})."
    if len(story.seen) == 1:
        return f"The evidence stood at {nats(last.evidence)}; {told}"
    return (
        f"The evidence went from {nats(first.evidence)} on frame {first.frame} to {nats(last.evidence)}"
        f" on frame {last.frame}; {told}"
    )


def _how(seen: Seen) -> str:
    return f"associated, score {seen.score:.2f}" if seen.is_hit else "missed"


def _parts(story: Story) -> str:
    last = story.seen[-1] if story.seen else None
    if last is None or last.lifetime is None:
        return ""
    rest = "scores, boxes and crops" if last.without_crops is not None else "scores, boxes and what is around"
    return (
        f"Of this, associated and missed frames alone give {nats(last.lifetime)} (lifetime evidence);"
        f" {rest} add {nats(last.evidence - last.lifetime)}."
    )


def _crops(story: Story) -> str:
    last = story.seen[-1] if story.seen else None
    if last is None or last.without_crops is None:
        return ""
    return (
        f"With nothing but background in every crop the evidence would be {nats(last.without_crops)}:"
        f" the crops contributed {nats(last.evidence - last.without_crops)}."
    )


def _bound(story: Story) -> str:
    found = asked(story)
    if found is None:
        return ""
    side = "at least" if found.is_upper else "at most"
    lowered = (
        f" (the bound stood at {nats(found.start)}; {found.streak} detections in a row lower it)"
        if found.is_lowered
        else ""
    )
    text = f"To {'confirm' if found.is_upper else 'reject'} it, {side} {nats(found.needed)} were asked for{lowered}"
    margin = abs(story.evidence - found.needed)
    if not found.is_alone:
        return f"{text}, which the evidence passed by {margin:.2f} nats."
    least = math.ceil(100 * margin) / 100  # rounded up, so that what is said of more than it holds
    return f"{text}; had that been stricter by more than {least:.2f} nats, that frame would not have decided it."


def _attention(story: Story) -> str:
    last = story.seen[-1] if story.seen else None
    if last is None or not last.attention:
        return ""
    places = [
        f"{'itself' if track == story.track_id else f'track {track}'} on frame {frame} ({percent(share)})"
        for track, frame, share in last.attention
        if share > 0
    ]
    return (
        f"On frame {last.frame} its attention went most to {listed(places)};"
        " where attention goes is no cause of a verdict."
    )


def _sure(story: Story) -> str:
    own = story.probability if story.label == "persistent" else 1.0 - story.probability
    return f"The probability of being persistent was {percent(story.probability)}: {certainty_words(own)}."


def _truth(story: Story) -> str:
    if story.true_label is None:
        return ""
    if story.true_label == story.label:
        return "That was right."
    name = "a miss" if story.true_label == "persistent" else "a false confirm"
    return f"That was WRONG: the truth is {story.true_label}, so this is {name}."


_CHANGES = {
    "without": "Run again without the detection of frame {frame}",
    "with": "Run again with a detection on the missed frame {frame}",
    "hidden": "Run again with the track painted over by its background",
}


def change_words(story: Story, edit: Edit, outcome: Outcome) -> str:
    """Returns in words what becomes of a track with one thing changed."""
    start = _CHANGES[edit.kind].format(frame=edit.frame)
    if outcome.label is None:
        return f"{start}, it is undecided when the stream ends."
    told = f"{start}, it is called {outcome.label} at age {outcome.age} (frame {outcome.frame})"
    later = outcome.frame - story.frame
    if outcome.label != story.label:
        return f"{told}: the other verdict."
    if later == 0:
        return f"{told}: the same verdict on the same frame."
    return f"{told}: the same verdict {counted(abs(later), 'frame')} {'later' if later > 0 else 'earlier'}."
