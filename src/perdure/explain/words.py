"""The words and numbers of explanations: the same value always gives the same text."""

from __future__ import annotations

from collections.abc import Sequence

_REASONS = {
    "evidence": "a bound was crossed",
    "lifetime": "detected longer than any transient",
    "timeout": "forced at the horizon",
    "deleted": "the tracker gave it up",
    "reopened": "re-opened after a rejection",
}
_CERTAINTY = (
    (0.99, "nearly certain"),
    (0.9, "confident"),
    (0.7, "leaning that way"),
    (0.5, "hardly more than a guess"),
)
_MOST_DIGITS = 6


def reason_words(reason: str) -> str:
    """Returns why a decision was taken, in a few words.

    >>> reason_words("deleted")
    'the tracker gave it up'
    """
    return _REASONS.get(reason, reason)


def certainty_words(probability: float) -> str:
    """Returns how sure a verdict is, from the probability that it is right.

    >>> certainty_words(0.995), certainty_words(0.6), certainty_words(0.2)
    ('nearly certain', 'hardly more than a guess', 'against the evidence')
    """
    for least, words in _CERTAINTY:
        if probability >= least:
            return words
    return "against the evidence"


def nats(value: float) -> str:
    """Returns evidence with its sign.

    >>> nats(1.234), nats(-0.001)
    ('+1.23 nats', '-0.00 nats')
    """
    return f"{value:+.2f} nats"


def percent(share: float) -> str:
    """Returns a share in percent; never rounded to 0 or 100 where it is neither.

    >>> percent(0.912), percent(0.99996), percent(1.0)
    ('91.2 %', '99.996 %', '100.0 %')
    """
    digits = 1
    while digits < _MOST_DIGITS and share not in (0.0, 1.0) and round(100 * share, digits) in (0.0, 100.0):
        digits += 1
    return f"{100 * share:.{digits}f} %"


def counted(num: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> counted(1, "frame"), counted(1200, "track")
    ('1 frame', '1,200 tracks')
    """
    return f"{num:,} {noun}" + ("" if num == 1 else "s")


def frames_words(frames: Sequence[int]) -> str:
    """Returns rising frame numbers in words, neighbours as ranges.

    >>> frames_words([4]), frames_words([4, 5, 6, 9]), frames_words([1, 3, 4])
    ('frame 4', 'frames 4 to 6 and 9', 'frames 1, 3 and 4')
    """
    parts: list[str] = []
    start = 0
    for place in range(1, len(frames) + 1):
        if place < len(frames) and frames[place] == frames[place - 1] + 1:
            continue
        first, last = frames[start], frames[place - 1]
        parts += [f"{first} to {last}"] if last - first > 1 else [str(frame) for frame in range(first, last + 1)]
        start = place
    return f"{'frame' if len(frames) == 1 else 'frames'} {listed(parts)}"


def listed(parts: Sequence[str]) -> str:
    """Returns parts as a list in words.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"
