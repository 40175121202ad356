"""Answers about all decisions of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perdure.explain.at_rate import at_rate
from perdure.explain.facts import RUN_AGAIN
from perdure.explain.queries import ABOUT, MAX_LISTED, Group, Query
from perdure.explain.sources import SUMMARY, Source
from perdure.explain.stories import Story
from perdure.explain.text import promise_words
from perdure.explain.words import counted, listed, percent

Told = tuple[str, tuple[str, ...]]
_NAMES: dict[Group, str] = {
    "decided": "decided on", "persistent": "called persistent", "transient": "called transient",
    "reopened": "confirmed after they had been re-opened", "timeout": "decided at the horizon",
    "deleted": "given up by the tracker", "lifetime": "confirmed by their lifetime", "wrong": "decided wrongly",
    "false confirm": "confirmed falsely", "miss": "missed wrongly", "right": "decided rightly",
    "undecided": "undecided",
}  # fmt: skip
METRICS = "evaluation/evaluation_metrics.json"


def last_stories(source: Source) -> list[Story]:
    """Returns the last decision on every track."""
    return list({(story.clip_id, story.track_id): story for story in source.stories}.values())


def of_group(source: Source, group: Group) -> list[Story]:
    """Returns the decisions, the last ones of their tracks, that belong to a group.

    Raises:
        ValueError: it takes a truth to know them, and none is stored.
    """
    stories = last_stories(source)
    if group in ("wrong", "right", "false confirm", "miss") and any(one.true_label is None for one in stories):
        raise ValueError("the truth of these tracks is not stored")
    tests: dict[Group, Callable[[Story], bool]] = {
        "decided": lambda _: True,
        "persistent": lambda one: one.label == "persistent",
        "transient": lambda one: one.label == "transient",
        "reopened": lambda one: one.reason == "reopened",
        "timeout": lambda one: one.reason == "timeout",
        "deleted": lambda one: one.reason == "deleted",
        "lifetime": lambda one: one.reason == "lifetime",
        "wrong": lambda one: one.label != one.true_label,
        "right": lambda one: one.label == one.true_label,
        "false confirm": lambda one: one.label == "persistent" and one.true_label == "transient",
        "miss": lambda one: one.label == "transient" and one.true_label == "persistent",
    }
    return [story for story in stories if tests[group](story)]


def count(source: Source, query: Query) -> Told:
    """Returns how many tracks belong to a group."""
    group = query.group or "decided"
    if group == "undecided":
        summary = source.json(SUMMARY)
        if "num_undecided" not in summary:
            raise ValueError("how many tracks were never decided on is not stored")
        return f"{_tracks(summary['num_undecided'])} undecided.", (f"{SUMMARY}: num_undecided",)
    found = of_group(source, group)
    return f"{_tracks(len(found))} {_NAMES[group]}, by the last decision on each.", (source.decisions_file,)


def _tracks(num: int) -> str:
    return f"{counted(num, 'track')} {'was' if num == 1 else 'were'}"


def which(source: Source, query: Query) -> Told:
    """Returns which tracks belong to a group."""
    group = query.group or "decided"
    if group == "undecided":
        raise ValueError("which tracks were never decided on is not stored")
    found = of_group(source, group)
    if not found:
        return f"None was {_NAMES[group]}.", (source.decisions_file,)
    names = listed([short_name(story) for story in found[:MAX_LISTED]])
    more = f" and {len(found) - MAX_LISTED:,} more" if len(found) > MAX_LISTED else ""
    return f"{_tracks(len(found))} {_NAMES[group]}: {names}{more}.", (source.decisions_file,)


def short_name(story: Story) -> str:
    """Returns a track as it can be asked for."""
    return f"{story.clip_id}/{story.track_id}" if story.clip_id else str(story.track_id)


def order(source: Source, query: Query) -> Told:
    """Returns the first decisions in some order, equal ones as they stand in the file."""
    by, number = query.order or "latest", query.number or 5
    if by in ("latest", "earliest"):
        key: Callable[[Story], int] = lambda story: story.age  # noqa: E731
        words = f"By age at the decision the {by}"
    else:
        if source.kind == "run":
            raise ValueError("the streams of a run have no common time; ask for the latest or earliest decisions")
        key, words = lambda story: story.frame, f"By frame the {by}"
    found = sorted(source.stories, key=lambda story: -key(story) if by in ("latest", "last") else key(story))[:number]
    told = [f"track {short_name(one)}, {one.label} at age {one.age} on frame {one.frame}" for one in found]
    if not told:
        raise ValueError("nothing was decided")
    return f"{words}: {'; '.join(told)}.", (source.decisions_file,)


def age(source: Source, query: Query) -> Told:
    """Returns the mean age at first decisions."""
    first: dict[tuple[str, int], Story] = {}
    for story in source.stories:
        first.setdefault((story.clip_id, story.track_id), story)
    found = [story.age for story in first.values() if query.group in (None, "decided", story.label)]
    if not found:
        raise ValueError("nothing of that kind was decided")
    whose = f" called {query.group}" if query.group in ("persistent", "transient") else ""
    mean = sum(found) / len(found)
    text = f"The mean age at the first decision is {mean:.2f} frames, over {counted(len(found), 'track')}{whose}."
    return text, (source.decisions_file,)


def cost(source: Source, query: Query) -> Told:
    """Returns what another promise would have cost: every stream is run again with it."""
    share = query.share or 0.0
    clips = list(dict.fromkeys(story.clip_id for story in source.stories))
    then = at_rate({clip: source.replay(clip) for clip in clips}, share)
    now = _firsts(source.stories)
    counts = [sum(story.label == "persistent" for story in stories) for stories in (now.values(), then.values())]
    ages = [[story.age for story in one.values() if story.label == "persistent"] for one in (now, then)]
    means = [f"at a mean age of {sum(one) / len(one):.2f} frames" if one else "at no age" for one in ages]
    text = (
        f"Run again with at most {percent(share)} false confirms promised, {counted(counts[1], 'track')} would have"
        f" been confirmed at first, {means[1]}, in place of {counts[0]:,} {means[0]}."
    )
    return f"{text}{_against_truth(now, then)}", (RUN_AGAIN, source.decisions_file)


def _firsts(stories: Sequence[Story]) -> dict[tuple[str, int], Story]:
    first: dict[tuple[str, int], Story] = {}
    for story in stories:
        first.setdefault((story.clip_id, story.track_id), story)
    return first


def _against_truth(now: dict[tuple[str, int], Story], then: dict[tuple[str, int], Story]) -> str:
    """Returns the rates of both where the truth is stored; tracks that are decided in one of both alone count there."""
    truth = {key: story.true_label for key, story in now.items() if story.true_label is not None}
    if not truth:
        return ""
    parts = []
    for label, word in (("transient", "transient tracks"), ("persistent", "persistent tracks")):
        keys = [key for key, true in truth.items() if true == label]
        nums = [sum(key in one and one[key].label == "persistent" for key in keys) for one in (then, now)]
        shares = [num / max(len(keys), 1) for num in nums]
        parts.append(f"{percent(shares[0])} in place of {percent(shares[1])} of {word}")
    return f" That confirms {' and '.join(parts)}."


def drift(source: Source, query: Query) -> Told:
    """Returns the first frame on which something was said to have drifted."""
    if source.kind == "run":
        raise ValueError("runs do not watch for drift")
    if not source.head:
        raise ValueError("when something drifted was not noted; watch or confirm with --trace")
    word = ABOUT[query.about or "anything"]
    for story_row in source.rows:
        for message in story_row.get("drift", ()):
            if word in message:
                return f"From frame {story_row['frame']} on it was said: {message}.", (source.facts_file,)
    return f"Nothing of the kind was said on any of {counted(len(source.rows), 'frame')}.", (source.facts_file,)


def guarantee(source: Source, _: Query) -> Told:
    """Returns what is guaranteed."""
    if not source.stories:
        raise ValueError("nothing was decided")
    text = promise_words(source, source.stories[-1])
    if not text:
        raise ValueError("whether rates were promised was not noted; use --trace")
    return text, ("config.toml" if source.kind == "run" else source.facts_file,)


def rate(source: Source, query: Query) -> Told:
    """Returns a rate that evaluation has measured."""
    about = query.about or ""
    value = source.json(METRICS).get(ABOUT.get(about, ""))
    if value is None:
        raise ValueError(f"the {about} is not stored: it takes a truth")
    return f"The {about} is {percent(value)}.", (f"{METRICS}: {ABOUT[about]}",)


def saved(source: Source, _: Query) -> Told:
    """Returns what gating saved."""
    for name, key in ((SUMMARY, "savings_track_frames"), (METRICS, "compute_savings_track_frames")):
        value = source.json(name).get(key)
        if value is not None:
            text = f"{percent(value)} of the track-frames of a system without a gate were not judged."
            return text, (f"{name}: {key}",)
    raise ValueError("what was saved is not stored")


def rule(source: Source, _: Query) -> Told:
    """Returns the rule as it stood at the start of a stream."""
    found = source.head.get("rule")
    if found is None:
        raise ValueError("the rule was not noted; use --trace")
    if found["name"] == "StreakRule":
        text = (
            f"as strict as {found['streak']} detections in a row, with a bound of {found['bound']:+.2f} nats at first"
        )
    else:
        sides = [f"{side} bound {found[side]:+.2f} nats" for side in ("upper", "lower") if found[side] is not None]
        text = " and ".join(sides) or "no bound at all"
    return f"The rule was: {text}; the horizon was {counted(found['horizon'], 'frame')}.", (source.facts_file,)


def origin(source: Source, _: Query) -> Told:
    """Returns what the gate ran with."""
    if not source.head.get("weights"):
        raise ValueError("the weights were not noted; use --trace")
    return f"The weights were {source.head['weights']}.", (source.facts_file,)


def frames(source: Source, _: Query) -> Told:
    """Returns how many frames a stream had."""
    num = source.json(SUMMARY).get("num_frames")
    if num is None:
        raise ValueError("how many frames there were is not stored")
    return f"There were {counted(num, 'frame')}.", (f"{SUMMARY}: num_frames",)


SET_ANSWERS: dict[str, Callable[[Source, Query], Told]] = {
    "order": order, "count": count, "which": which, "age": age, "cost": cost, "drift": drift, "guarantee": guarantee,
    "rate": rate, "saved": saved, "rule": rule, "origin": origin, "frames": frames,
}  # fmt: skip
"""By kind of query."""
