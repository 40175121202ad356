"""What a rule asked for on the frame of a decision, and by how much the evidence passed it: from stored facts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perdure.explain.stories import Story
from perdure.stopping.streak import EXTRA, RISE_NATS, LifetimeBound


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The bound that a decision crossed.

    Args:
        needed: evidence that was asked for, nats.
        start: what is asked for before a streak lowers it.
        streak: detections in a row up to the decision.
        is_lowered: whether the streak had lowered it.
        is_upper: whether it confirms.
        is_alone: whether nothing but the evidence would have decided on that frame.
    """

    needed: float
    start: float
    streak: int
    is_lowered: bool
    is_upper: bool
    is_alone: bool


def asked(story: Story) -> Asked | None:
    """Returns the bound that the evidence crossed; None where none did, or it was not noted."""
    rule = story.rule
    if rule is None or not story.seen or story.reason not in ("evidence", "reopened"):
        return None
    streak = _streak(story)
    is_alone = len(story.seen) < rule["horizon"] and not _has_lasted(story, streak)
    if rule["name"] == "StreakRule":
        if story.bound is None or story.label != "persistent":
            return None
        needed = story.bound - RISE_NATS * sum(streak >= rule["streak"] + more for more in range(EXTRA))
        if story.floor is not None and streak >= rule["streak"]:
            needed = min(needed, story.floor)
        found = Asked(
            needed=needed,
            start=story.bound,
            streak=streak,
            is_lowered=needed < story.bound,
            is_upper=True,
            is_alone=is_alone,
        )
        # A re-opened track may have been confirmed by its lifetime instead.
        return found if story.evidence >= needed - 2e-6 else None
    is_upper = story.label == "persistent"
    bound = rule["upper" if is_upper else "lower"]
    if bound is None or (story.evidence < bound - 2e-6 if is_upper else story.evidence > bound + 2e-6):
        return None
    return Asked(needed=bound, start=bound, streak=streak, is_lowered=False, is_upper=is_upper, is_alone=is_alone)


def _streak(story: Story) -> int:
    streak = 0
    for seen in reversed(story.seen):
        if not seen.is_hit:
            break
        streak += 1
    return streak


def _has_lasted(story: Story, streak: int) -> bool:
    """Returns whether its detections alone would have confirmed it on that frame.

    Those before a re-opening are not among its frames, so that a re-opened track is taken for one that has lasted.
    """
    if story.lifetime_bound is None or story.label != "persistent":
        return False
    if story.reason == "reopened":
        return True
    bound = LifetimeBound(**story.lifetime_bound)
    hits, row, no = np.array([len(story.hits)]), np.array([streak]), np.array([False])
    return bool(bound.is_passed(hits, streak=row, is_decided=no)[0])
