"""Reads explanations back and checks every statement against the stored rows: knows nothing of what has written them.

A sentence that it cannot read counts as false. The standard library alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

Row = dict[str, Any]
N = r"([+-]\d+\.\d\d) nats"
WHY = {
    "a bound was crossed": ("evidence",),
    "detected longer than any transient": ("lifetime",),
    "forced at the horizon": ("timeout",),
    "the tracker gave it up": ("deleted",),
    "re-opened after a rejection": ("reopened",),
}
SURE = (
    ("nearly certain", 0.99, 1.01),
    ("confident", 0.9, 0.99),
    ("leaning that way", 0.7, 0.9),
    ("hardly more than a guess", 0.5, 0.7),
    ("against the evidence", -0.01, 0.5),
)


class Stored:
    """The rows of a folder, and what they say of each decision.

    Args:
        folder: a run with `evaluation/trace.jsonl`, or what watch or confirm has written with `--trace`.
    """

    def __init__(self, folder: Path) -> None:
        inside = folder / "evaluation" if (folder / "evaluation").is_dir() else folder
        lines = [json.loads(line) for line in (inside / "trace.jsonl").read_text().splitlines()]
        self.head, rows = lines[0], lines[1:]
        self.decisions = [json.loads(line) for line in (inside / "decisions.jsonl").read_text().splitlines()]
        self.frames = {(row.get("clip", ""), row["frame"]): row for row in rows}
        self.first = {}
        self.seen: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in rows:
            clip = row.get("clip", "")
            self.first.setdefault(clip, row)
            for place, track in enumerate(row["track"]):
                one = {name: row[name][place] for name in ("age", "is_hit", "score", "evidence", "lifetime")}
                for name in ("without_crops", "attention"):
                    one[name] = row[name][place] if name in row else None
                self.seen[clip, track].append(one | {"frame": row["frame"]})

    def facts(self, place: int) -> Row:
        """Returns what is stored of a decision: its row, its frames since birth or the decision before, the rule."""
        made = self.decisions[place]
        clip, track = made.get("clip_id", ""), made["track_id"]
        age = made.get("decision_frame", made.get("age"))
        frame = made.get("frame_index", made.get("first_frame", 0) + age - 1)
        before = [
            row["frame_index"] for row in self.decisions[:place] if "frame_index" in row and row["track_id"] == track
        ]
        seen = [one for one in self.seen[clip, track] if max(before, default=-1) < one["frame"] <= frame]
        head = self.head if "rule" in self.head else self.first.get(clip, {})
        return made | {
            "clip": clip, "age": age, "frame": frame, "seen": seen, "row": self.frames.get((clip, frame), {}),
            "rule": head.get("rule"), "lifetime_bound": head.get("lifetime_bound"),
            "is_promised": self.head.get("is_promised"),
        }  # fmt: skip


def listed_frames(text: str) -> list[int]:
    """Returns the frames of `frame 4` or `frames 1, 3 to 5 and 9`."""
    frames: list[int] = []
    for part in re.split(r", | and ", text.split(" ", 1)[1]):
        first, _, last = part.partition(" to ")
        frames += range(int(first), int(last or first) + 1)
    return frames


def near(shown: str, value: float, digits: int = 2) -> bool:
    """Returns whether a number is the other one, rounded."""
    return abs(float(shown) - value) <= 0.5 * 10**-digits + 2e-6


def is_percent(shown: str, share: float) -> bool:
    """Returns whether a percentage is a share, rounded to the digits that it shows, and never 0 or 100 if it is not."""
    digits = len(shown.partition(".")[2])
    return near(shown, 100 * share, digits) and (share in (0, 1) or 0 < float(shown) < 100)


def verdict(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on what was decided when, and why holds."""
    track, clip, label, age, birth, frame, why = found.groups()
    return (
        (int(track), clip or "", label) == (fact["track_id"], fact["clip"], fact["label"])
        and (int(age), int(frame)) == (fact["age"], fact["frame"])
        and int(birth) == fact["frame"] - fact["age"] + 1
        and fact["reason"] in WHY.get(why, ())
    )


def seen(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on what was associated and missed holds."""
    first, last, hits, num, missed = found.groups()
    rows = fact["seen"]
    gone = [row["frame"] for row in rows if not row["is_hit"]]
    return (
        (int(first), int(last)) == (rows[0]["frame"], rows[-1]["frame"])
        and int(hits) == sum(row["is_hit"] for row in rows)
        and int(num.replace(",", "")) == len(rows)
        and (listed_frames(missed) if missed else []) == gone
    )


def moves(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on how the evidence moved holds."""
    start, first, end, last, stood, most, by, how, score = found.groups()
    rows = fact["seen"]
    values = [0.0, *(row["evidence"] for row in rows)]
    steps = [after - before for before, after in pairwise(values)]
    place = next((place for place, row in enumerate(rows) if row["frame"] == int(most)), None)
    if place is None or not near(by, steps[place]) or abs(steps[place]) < max(map(abs, steps)):
        return False
    if stood is not None:
        told = len(rows) == 1 and near(stood, rows[0]["evidence"])
    else:
        told = near(start, rows[0]["evidence"]) and near(end, rows[-1]["evidence"])
        told = told and (int(first), int(last)) == (rows[0]["frame"], rows[-1]["frame"])
    is_hit = bool(rows[place]["is_hit"])
    return told and ((how.startswith("assoc") and is_hit and near(score, rows[place]["score"])) or
                     (how == "missed" and not is_hit))  # fmt: skip


def parts(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on lifetime evidence and the rest holds."""
    lifetime, rest, added = found.groups()
    last = fact["seen"][-1]
    has_crops = last["without_crops"] is not None
    return (
        near(lifetime, last["lifetime"])
        and near(added, last["evidence"] - last["lifetime"])
        and ("crops" in rest) == has_crops
    )


def crops(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on what crops contributed holds."""
    last = fact["seen"][-1]
    return near(found[1], last["without_crops"]) and near(found[2], last["evidence"] - last["without_crops"])


def bound(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on what was asked for, and what would have been too strict holds."""
    what, side, needed, start, lowered_by, by, passed = found.groups()
    rule, rows, is_confirmed = fact["rule"], fact["seen"], fact["label"] == "persistent"
    if (what, side) != (("confirm", "at least") if is_confirmed else ("reject", "at most")):
        return False
    streak = 0
    for row in rows[::-1]:
        if not row["is_hit"]:
            break
        streak += 1
    if rule["name"] == "StreakRule":
        asked = fact["row"]["bound"] - sum(streak >= rule["streak"] + more for more in (0, 1))
        if fact["row"]["floor"] is not None and streak >= rule["streak"]:
            asked = min(asked, fact["row"]["floor"])
        if (start is None) == (asked < fact["row"]["bound"]):
            return False
        if start is not None and not (near(start, fact["row"]["bound"]) and int(lowered_by) == streak):
            return False
    else:
        asked = rule["upper" if is_confirmed else "lower"]
    margin = fact["evidence"] - asked if is_confirmed else asked - fact["evidence"]
    if not near(needed, asked) or margin < -2e-6:
        return False
    if passed is not None:
        return near(passed, abs(margin))
    # Whatever is stricter by more than that would not have been crossed, and nothing else decides on that frame.
    life = fact["lifetime_bound"] if is_confirmed else None
    hits = sum(row["is_hit"] for row in rows)
    lasts = life is not None and (hits >= life["num_hits"] or (life["streak"] is not None and streak >= life["streak"]))
    return margin <= float(by) + 2e-6 and float(by) - margin <= 0.0101 and not lasts and len(rows) < rule["horizon"]


def attention(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on where attention went holds."""
    last = fact["seen"][-1]
    told = re.findall(r"(itself|track \d+) on frame (\d+) \(([\d.]+) %\)", found[2])
    stored = [one for one in last["attention"] if one[2] > 0]
    return int(found[1]) == last["frame"] and len(told) == len(stored) and all(
        (fact["track_id"] if who == "itself" else int(who[6:])) == one[0] and int(frame) == one[1]
        and is_percent(share, one[2])
        for (who, frame, share), one in zip(told, stored, strict=True)
    )  # fmt: skip


def sure(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on the probability holds."""
    own = fact["probability"] if fact["label"] == "persistent" else 1 - fact["probability"]
    named = {words: (low, high) for words, low, high in SURE}[found[2]]
    return is_percent(found[1], fact["probability"]) and named[0] <= own < named[1]


def truth(found: re.Match[str], fact: Row) -> bool:
    """Returns whether a statement on whether it was right holds."""
    if found[0] == "That was right.":
        return bool(fact["label"] == fact["true_label"])
    kind = "a miss" if fact["true_label"] == "persistent" else "a false confirm"
    return bool(fact["label"] != fact["true_label"] == found[1]) and found[2] == kind


TRACK = r"[Tt]rack (\d+)(?: of (\S+))?"
HOW = r"\((associated, score (\d\.\d\d|\d+\.\d\d)|missed)\)"
STATEMENTS: tuple[tuple[str, Callable[[re.Match[str], Row], bool]], ...] = (
    (rf"{TRACK} was called (\w+) at age (\d+) \(born on frame (\d+), decided on frame (\d+)\): ([^.]+)\.", verdict),
    (r"What was associated and missed is not known\.", lambda _, fact: not fact["seen"]),
    (r"From frame (\d+) to frame (\d+) it was associated on (\d+) of ([\d,]+) frames?"
     r"(?: and missed on (frames? [^.]+))?\.", seen),
    (rf"The evidence (?:went from {N} on frame (\d+) to {N} on frame (\d+)|stood at {N}); frame (\d+) moved it most,"
     rf" by {N} {HOW}\.", moves),
    (rf"Of this, associated and missed frames alone give {N} \(lifetime evidence\); ([a-z ,]+) add {N}\.", parts),
    (rf"With nothing but background in every crop the evidence would be {N}: the crops contributed {N}\.", crops),
    (rf"To (confirm|reject) it, (at least|at most) {N} were asked for(?: \(the bound stood at {N};"
     r" (\d+) detections in a row lower it\))?(?:; had that been stricter by more than (\d+\.\d\d) nats, that frame"
     r" would not have decided it\.|, which the evidence passed by (\d+\.\d\d) nats\.)", bound),
    (r"On frame (\d+) its attention went most to (.+?); where attention goes is no cause of a verdict\.", attention),
    (r"The probability of being persistent was ([\d.]+) %: ([a-z ]+)\.", sure),
    (r"No error rate is guaranteed: [^.]+\.", lambda _, fact: fact["is_promised"] is False),
    (r"Error rates are guaranteed for streams as calibrated, and nothing spoke against that on this frame\.",
     lambda _, fact: bool(fact["is_promised"] and fact["row"]["is_guaranteed"])),
    (r"Error rates were promised, but are NOT guaranteed from drift on: (.+?)\.(?= |$)",
     lambda found, fact: bool(fact["is_promised"]) and found[1] == "; ".join(fact["row"]["drift"])),
    (r"The bounds were calibrated so that .+? over calibration\.", lambda _, fact: "true_label" in fact),
    (r"That was right\.|That was WRONG: the truth is (\w+), so this is (a miss|a false confirm)\.", truth),
)  # fmt: skip


def false_statements(text: str, fact: Row) -> tuple[int, list[str]]:
    """Returns the number of statements in an explanation, and those that are false or cannot be read."""
    rest, num, wrong = text.strip(), 0, []
    while rest:
        read = [(found, holds) for pattern, holds in STATEMENTS if (found := re.match(pattern, rest))]
        num += 1
        if not read:
            return num, [*wrong, f"cannot be read: {rest[:120]}"]
        found, holds = read[0]
        try:
            is_true = holds(found, fact)
        except (KeyError, TypeError, ValueError, IndexError):  # it speaks of what is not stored
            is_true = False
        if not is_true:
            wrong.append(found[0])
        rest = rest[found.end() :].strip()
    return num, wrong


CLAIM = re.compile(
    r"Run again (?:without the detection of frame (?P<without>\d+)|with a detection on the missed frame (?P<with>\d+)|"
    r"with the track (?P<hidden>painted over) by its background), it is (?:called (?P<label>\w+) at age (?P<age>\d+)"
    r" \(frame (?P<frame>\d+)\): (?P<rest>[^.]+)|undecided when the stream ends)\."
)
"""What is said of a stream with one thing changed."""
