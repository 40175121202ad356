"""Questions in plain words as typed queries: a grammar, and nothing that guesses.

What the grammar does not read in full is no query: the answer then is that it is not understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from perdure.config import from_dict

Kind = Literal[
    "why", "verdict", "born", "sure", "seen", "on frame", "evidence", "most", "without", "with", "hidden", "attention",
    "order", "count", "which", "age", "cost", "drift", "guarantee", "rate", "saved", "rule", "origin", "frames",
]  # fmt: skip
"""What is asked."""
Group = Literal[
    "decided", "persistent", "transient", "reopened", "timeout", "deleted", "lifetime", "wrong", "false confirm",
    "miss", "right", "undecided",
]  # fmt: skip
"""Which tracks are asked about."""
Order = Literal["latest", "earliest", "last", "first"]
"""By age at the decision, or by its frame in the stream."""
KINDS, GROUPS, ORDERS = (get_args(one) for one in (Kind, Group, Order))
MAX_LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question.

    Args:
        kind: what is asked.
        track: about which track.
        frame: on which frame, 0-based.
        group: about which tracks.
        order: how decisions are sorted.
        number: how many of them.
        share: rate of false confirms, above 0 and below 1.
        about: which rate, or what drifts.

    Raises:
        ValueError: something is missing, or of no use.
    """

    kind: Kind
    track: str | None = None
    frame: int | None = None
    group: Group | None = None
    order: Order | None = None
    number: int | None = None
    share: float | None = None
    about: str | None = None

    def __post_init__(self) -> None:
        for name in _NEEDS.get(self.kind, ()):
            if getattr(self, name) is None:
                raise ValueError(f"query: got no {name}, expected one for '{self.kind}'")
        if self.track is not None and not re.fullmatch(_TRACK_NAME, self.track):
            raise ValueError(f"query: got track {self.track!r}, expected an id, or CLIP/ID")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"query: got a share of {self.share}, expected above 0 and below 1")
        if self.number is not None and not 1 <= self.number <= MAX_LISTED:
            raise ValueError(f"query: got {self.number} decisions, expected 1 to {MAX_LISTED}")
        if self.about is not None and self.about not in ABOUT:
            raise ValueError(f"query: got {self.about!r}, expected one of {', '.join(ABOUT)}")


_NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("why", "verdict", "born", "sure", "seen", "evidence", "most", "hidden", "attention"), ("track",)),
    **dict.fromkeys(("on frame", "without", "with"), ("track", "frame")),
    **dict.fromkeys(("count", "which"), ("group",)),
    "order": ("order",),
    "cost": ("share",),
    "rate": ("about",),
}
ABOUT: dict[str, str] = {
    "anything": "", "hit rate": "are hit on", "frame rate": "frame rate", "births": "births",
    "detections": "detections", "scores": "scores", "sizes": "sizes", "accuracy": "accuracy",
    "false confirm rate": "false_confirm_rate",
    "miss rate": "miss_rate",
}  # fmt: skip
"""What can be asked about -> a word of the messages of drift, or the key of a rate."""
_TRACK_NAME = r"(?:[\w.-]+/)?\d{1,18}"
_T = rf"track (?P<track>{_TRACK_NAME})"
_F = r"frame (?P<frame>\d{1,9})"
_WORDS: dict[str, Group] = {
    "decided": "decided", "confirmed": "persistent", "persistent": "persistent", "called persistent": "persistent",
    "rejected": "transient", "transient": "transient", "called transient": "transient", "reopened": "reopened",
    "re-opened": "reopened", "timed out": "timeout", "forced at the horizon": "timeout", "deleted": "deleted",
    "given up": "deleted", "confirmed by lifetime": "lifetime", "confirmed by their lifetime": "lifetime",
    "wrong": "wrong", "decided wrongly": "wrong", "false confirms": "false confirm",
    "confirmed falsely": "false confirm", "missed wrongly": "miss", "misses": "miss", "right": "right",
    "decided rightly": "right", "undecided": "undecided",
}  # fmt: skip
_G = "(?P<group>" + "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)) + ")"
_HIT = "(?:associated|detected|missed)"
_GRAMMAR: tuple[tuple[Kind, str], ...] = (
    ("why", rf"(?:please )?explain {_T}|tell me about {_T}|why {_T}"),
    ("why", rf"why (?:was|is|did) {_T}(?: get)?(?: {_G})?(?: at all)?"),
    ("verdict", rf"(?:what (?:was|is)|how was) {_T} (?:called|decided)|was {_T} {_G}|when was {_T} {_G}"),
    ("verdict", rf"what (?:became of|happened to|was the verdict on) {_T}"),
    ("born", rf"when was {_T} born|(?:on|in) which frame was {_T} born"),
    ("sure", rf"how (?:sure|certain) (?:was|is) (?:it|the gate|the verdict) (?:of|about|on) {_T}"),
    ("sure", rf"what (?:was|is) the probability of {_T}"),
    ("seen", rf"how often was {_T} {_HIT}|(?:on which frames|when) was {_T} {_HIT}"),
    ("on frame", rf"was {_T} {_HIT} on {_F}|what happened to {_T} on {_F}"),
    ("evidence", rf"what (?:was|is) the evidence (?:of|for) {_T}(?: on {_F})?|how did the evidence of {_T} move"),
    ("most", rf"which frame moved (?:the evidence of )?{_T} (?:the )?most"),
    ("without", rf"what if {_T} had been missed on {_F}|what if {_F} of {_T} had been missed"),
    ("without", rf"what would have happened to {_T} without (?:the detection (?:of|on) )?{_F}"),
    ("with", rf"what if {_T} had been (?:associated|detected) on {_F}"),
    ("hidden", rf"what (?:did|do) the (?:crops?|pixels) of {_T} contribute|what if the crops of {_T} were background"),
    ("attention", rf"where did {_T} look|what did {_T} attend to|where did the attention of {_T} go"),
    ("order", r"which (?:were|are) the (?:(?P<number>\d{1,3}) )?(?P<order>latest|earliest|last|first) decisions"),
    ("count", rf"how many tracks (?:were|are) {_G}|how many verdicts (?:were|are) {_G}"),
    ("count", r"how many (?P<group>false confirms|misses)(?: (?:were|are) there)?"),
    ("which", rf"which tracks (?:were|are) {_G}|which verdicts (?:were|are) {_G}"),
    ("which", r"which (?:were|are) the (?P<group>false confirms|misses)"),
    ("age", r"what (?:is|was) the (?:mean|average) (?:decision )?age(?: at the decision)?(?: of (?P<group>confirmed|"
     r"rejected|persistent|transient) tracks)?"),
    ("age", r"how early (?:were|are) (?:the )?tracks (?P<group>decided|confirmed|rejected)"),
    ("cost", r"what would (?P<share>\d{1,2}(?:\.\d{1,4})?) ?(?:%|percent) (?:of )?false confirms (?:have )?cost"),
    ("drift", r"(?:when )?did (?:the )?(?P<about>hit rate|frame rate|births|detections|scores|sizes|anything) "
     r"(?:drift|change)"),
    ("drift", r"(?:when )?did the stream (?:drift|change)"),
    ("guarantee", r"what is guaranteed|is (?:anything|it) guaranteed|under which guarantee|which guarantee (?:is|was) "
     r"there"),
    ("rate", r"what (?:is|was) the (?P<about>accuracy|false confirm rate|miss rate)"),
    ("saved", r"how much (?:compute |work )?(?:is|was) saved|what (?:is|was) saved"),
    ("rule", r"which (?:rule|bounds?) (?:is|are|was|were) (?:used|in force)|how strict (?:is|was) the gate"),
    ("origin", r"which weights (?:were|are) used|what (?:is|was) the source"),
    ("frames", r"how many frames (?:were|are) there"),
)  # fmt: skip
EXAMPLES = (
    "why was track 7 rejected?", "which were the latest decisions?", "what would 1 % false confirms have cost?",
    "when did the hit rate drift?", "what if track 7 had been missed on frame 12?",
)  # fmt: skip
"""Questions that are understood."""


def parsed(question: str) -> Query | None:
    """Returns what is asked; None where the grammar does not read the question in full.

    >>> parsed("Why was track 7 rejected?")
    Query(kind='why', track='7', frame=None, group='transient', order=None, number=None, share=None, about=None)
    >>> parsed("Why is the sky blue?") is None
    True
    """
    text = " ".join(question.split()).rstrip("?.! ")
    for kind, pattern in _GRAMMAR:
        for one in _alternatives(pattern):
            found = re.fullmatch(one, text, re.IGNORECASE)
            if found is not None:
                return _query(kind, found.groupdict())
    return None


def query_of(values: dict[str, Any]) -> Query:
    """Returns a query from plain values, as a program sends them.

    Raises:
        ValueError: there is an unknown key, a value of another type, or something is missing.
    """
    return from_dict(Query, {name: value for name, value in values.items() if value is not None}, where="query")


def _alternatives(pattern: str) -> list[str]:
    """Returns the sides of the outermost `|`, since a name may stand in each of them only once."""
    parts, depth = [""], 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _query(kind: Kind, found: dict[str, str | None]) -> Query | None:
    group, order, about = ((found.get(name) or "").lower() or None for name in ("group", "order", "about"))
    number, frame, share = (found.get(name) for name in ("number", "frame", "share"))
    try:
        return Query(
            kind=kind,
            track=found.get("track"),
            frame=None if frame is None else int(frame),
            group=None if group is None else _WORDS[group],
            order=order,  # type: ignore[arg-type]
            number=None if number is None else int(number),
            share=None if share is None else float(share) / 100,
            about=about,
        )
    except ValueError:
        return None
