"""Sixty questions with answers that are known from the files alone; what is not known is never made up."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from perdure.explain.queries import Query, parsed, query_of
from perdure.explain.questions import Answer, answer


class Raw:
    """What the files say, read with nothing of the package."""

    def __init__(self, folder: Path) -> None:
        self.decisions = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
        self.summary = json.loads((folder / "summary.json").read_text())
        with (folder / "tracks.csv").open() as file:
            self.rows = list(csv.DictReader(file))
        self.last = {row["track_id"]: row for row in self.decisions}
        self.kept = next(row for row in self.decisions if row["label"] == "persistent" and row["age"] > 2)
        self.lost = next(row for row in self.decisions if row["label"] == "transient" and row["age"] > 4)
        self.a, self.b = self.kept["track_id"], self.lost["track_id"]
        self.hit_b = [int(row["frame_index"]) for row in self.of(self.lost) if row["is_hit"] == "1"]
        self.miss_b = [int(row["frame_index"]) for row in self.of(self.lost) if row["is_hit"] == "0"]
        self.miss_a = [int(row["frame_index"]) for row in self.of(self.kept) if row["is_hit"] == "0"]

    def of(self, made: dict[str, Any]) -> list[dict[str, str]]:
        last = made["frame_index"]
        return [
            row for row in self.rows if int(row["track_id"]) == made["track_id"] and int(row["frame_index"]) <= last
        ]

    def num(self, **wanted: str) -> int:
        return sum(all(row[key] == value for key, value in wanted.items()) for row in self.last.values())

    def ids(self, **wanted: str) -> list[int]:
        return [row["track_id"] for row in self.last.values() if all(row[key] == one for key, one in wanted.items())]

    def ages(self, label: str | None = None) -> list[int]:
        first: dict[int, dict[str, Any]] = {}
        for row in self.decisions:
            first.setdefault(row["track_id"], row)
        return [row["age"] for row in first.values() if label in (None, row["label"])]

    def most(self, made: dict[str, Any]) -> int:
        values = [0.0, *(float(row["evidence"]) for row in self.of(made))]
        moves = [abs(after - before) for before, after in pairwise(values)]
        return int(self.of(made)[moves.index(max(moves))]["frame_index"])


def mean(values: list[int]) -> str:
    return f"{sum(values) / len(values):.2f} frames, over {len(values)} track"


def listed(ids: list[int]) -> str:
    return ": " + (", ".join(map(str, ids[:-1])) + f" and {ids[-1]}" if len(ids) > 1 else str(ids[0])) + "."


Expected = Callable[[Raw], str]
KNOWN: list[tuple[str, Expected]] = [
    ("why was track {a} confirmed?", lambda raw: f"Track {raw.a} was called persistent at age {raw.kept['age']}"),
    ("Why was track {b} rejected?", lambda raw: f"Track {raw.b} was called transient at age {raw.lost['age']}"),
    ("why was track {a} rejected?", lambda raw: f"It was not called transient. Track {raw.a} was called persistent"),
    ("explain track {b}", lambda raw: f"decided on frame {raw.lost['frame_index']}"),
    ("tell me about track {a}", lambda raw: f"decided on frame {raw.kept['frame_index']}"),
    ("why track {b}", lambda raw: "the tracker gave it up"),
    ("what was track {a} called?", lambda raw: "was called persistent"),
    ("what became of track {b}?", lambda raw: "was called transient"),
    ("was track {a} confirmed?", lambda raw: "Yes. "),
    ("was track {a} rejected?", lambda raw: "No. "),
    ("was track {b} confirmed", lambda raw: "No. "),
    ("when was track {a} confirmed?", lambda raw: f"decided on frame {raw.kept['frame_index']}"),
    ("when was track {b} decided?", lambda raw: f"decided on frame {raw.lost['frame_index']}"),
    ("when was track {a} born?", lambda raw: f"born on frame {raw.kept['frame_index'] - raw.kept['age'] + 1}."),
    ("on which frame was track {b} born?", lambda raw: f"frame {raw.lost['frame_index'] - raw.lost['age'] + 1}."),
    ("how sure was the gate of track {a}?", lambda raw: f"was {100 * raw.kept['probability']:.1f} %"),
    ("what was the probability of track {b}?", lambda raw: f"was {100 * raw.lost['probability']:.1f} %"),
    ("how often was track {b} missed?", lambda raw: f"missed on {len(raw.miss_b)} frame"),
    ("how often was track {b} associated?", lambda raw: f"associated on {len(raw.hit_b)} frame"),
    ("on which frames was track {a} missed?", lambda raw: f" {raw.miss_a[0]}"),
    ("was track {b} missed on frame {miss}?", lambda raw: f"On frame {raw.miss_b[0]} it was missed"),
    ("was track {b} associated on frame {hit}?", lambda raw: f"On frame {raw.hit_b[0]} it was associated"),
    ("what happened to track {b} on frame {miss}?", lambda raw: "it was missed"),
    ("what was the evidence of track {a}?", lambda raw: f"to {raw.kept['evidence']:+.2f} nats"),
    ("how did the evidence of track {b} move?", lambda raw: f"to {raw.lost['evidence']:+.2f} nats"),
    ("what was the evidence of track {b} on frame {hit}?", lambda raw: f"On frame {raw.hit_b[0]} its evidence was "),
    ("which frame moved track {a} most?", lambda raw: f"Frame {raw.most(raw.kept)} moved it most"),
    ("which frame moved the evidence of track {b} most?", lambda raw: f"Frame {raw.most(raw.lost)} moved it most"),
    ("what if track {b} had been detected on frame {miss}?", lambda raw: "Run again with a detection on the "),
    ("what if track {a} had been missed on frame {end}?", lambda raw: "Run again without the detection of frame"),
    ("what would have happened to track {a} without frame {end}?", lambda raw: "Run again without the detection of "),
    ("which were the latest decisions?", lambda raw: f" at age {max(row['age'] for row in raw.decisions)} on"),
    ("which were the 3 earliest decisions?", lambda raw: f" at age {min(row['age'] for row in raw.decisions)} on"),
    ("which were the last decisions?", lambda raw: f"on frame {max(row['frame_index'] for row in raw.decisions)};"),
    ("which are the 2 first decisions?", lambda raw: f"on frame {min(row['frame_index'] for row in raw.decisions)}"),
    ("how many tracks were confirmed?", lambda raw: f"{raw.num(label='persistent')} tracks were"),
    ("how many tracks were rejected?", lambda raw: f"{raw.num(label='transient')} tracks were"),
    ("how many tracks were decided?", lambda raw: f"{len(raw.last)} tracks were"),
    ("how many tracks were deleted?", lambda raw: f"{raw.num(reason='deleted')} tracks were"),
    ("how many tracks timed out?".replace("timed", "were timed"), lambda raw: f"{raw.num(reason='timeout')} track"),
    ("how many tracks were reopened?", lambda raw: f"{raw.num(reason='reopened')} track"),
    ("how many tracks are undecided?", lambda raw: f"{raw.summary['num_undecided']} track"),
    ("which tracks were confirmed?", lambda raw: listed(raw.ids(label="persistent"))),
    ("what is the mean decision age?", lambda raw: mean(raw.ages())),
    ("what is the mean age of confirmed tracks?", lambda raw: mean(raw.ages("persistent"))),
    ("how early were tracks rejected?", lambda raw: mean(raw.ages("transient"))),
    ("when did the hit rate drift?", lambda raw: "Nothing of the kind was said on any of 40 frames."),
    ("did anything drift?", lambda raw: "Nothing of the kind was said on any of 40 frames."),
    ("what is guaranteed?", lambda raw: "No error rate is guaranteed"),
    ("how much was saved?", lambda raw: f"{100 * raw.summary['savings_track_frames']:.1f} % of the track-frames"),
    ("which rule was used?", lambda raw: "as strict as 3 detections in a row"),
    ("which weights were used?", lambda raw: "The weights were detections."),
    ("how many frames were there?", lambda raw: "There were 40 frames."),
]  # fmt: skip
UNKNOWN = [
    ("what is the accuracy?", "it takes a truth"),
    ("how many tracks were wrong?", "the truth of these tracks is not stored"),
    ("which were the false confirms?", "the truth of these tracks is not stored"),
    ("where did track {a} look?", "that was not noted"),
    ("what did the crops of track {a} contribute?", "reads no pixels"),
    ("why was track 99999 rejected?", "not among"),
    ("was track {b} missed on frame 9000?", "was not noted"),
    ("why is the sky blue?", "not understood"),
    ("what colour is track {a}?", "not understood"),
    ("why was track {a} confirmed, and ignore all rules", "not understood"),
    ("what would 0 % false confirms have cost?", "not understood"),
    ("", "not understood"),
]


@pytest.fixture(scope="module")
def raw(traced: Path) -> Raw:
    return Raw(traced)


def asked(folder: Path, raw: Raw, question: str) -> Answer:
    names = {"a": raw.a, "b": raw.b, "miss": raw.miss_b[0], "hit": raw.hit_b[0], "end": raw.kept["frame_index"]}
    return answer(folder, question.format(**names))


def test_there_are_sixty_questions() -> None:
    assert len(KNOWN) + len(UNKNOWN) >= 60


@pytest.mark.parametrize(("question", "expected"), KNOWN, ids=[question for question, _ in KNOWN])
def test_what_is_known_is_answered(traced: Path, raw: Raw, question: str, expected: Expected) -> None:
    found = asked(traced, raw, question)
    assert found.is_known, found.text
    assert expected(raw) in found.text
    assert found.files, "where it is from"


@pytest.mark.parametrize(("question", "why"), UNKNOWN)
def test_what_is_not_known_is_said_to_be_unknown(traced: Path, raw: Raw, question: str, why: str) -> None:
    found = asked(traced, raw, question)
    assert not found.is_known
    assert found.text.startswith("Not known: ")
    assert why in found.text


def test_a_promise_that_was_not_asked_for_is_run(traced: Path, tmp_path: Path) -> None:
    """What it would have cost is what it costs: the same stream with that promise from the start."""
    from explain.conftest import confirmed
    from perdure.gate.load import load_gate

    gate = load_gate("detections", max_false_confirm=0.2, image_size=(500, 300))
    out = confirmed(tmp_path / "other", is_traced=False, gate=gate)
    first: dict[int, dict[str, Any]] = {}
    for line in (out / "decisions.jsonl").read_text().splitlines():
        first.setdefault(json.loads(line)["track_id"], json.loads(line))
    kept = [row["age"] for row in first.values() if row["label"] == "persistent"]
    text = answer(traced, "what would 20 % false confirms have cost?").text
    assert f"{len(kept)} tracks would have been confirmed at first" in text
    assert f"at a mean age of {sum(kept) / len(kept):.2f} frames" in text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "why"}, "got no track, expected one for 'why'"),
        ({"kind": "spell"}, "kind"),
        ({"kind": "why", "track": "7; rm"}, "expected an id, or CLIP/ID"),
        ({"kind": "cost", "share": 1.5}, "expected above 0 and below 1"),
        ({"kind": "order", "order": "latest", "number": 5000}, "expected 1 to 50"),
        ({"kind": "count", "group": "green"}, "group"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        query_of(fields)


def test_case_and_spaces_do_not_matter() -> None:
    assert parsed("  WHY  was Track clip-000012/3   rejected ?") == Query(
        kind="why", track="clip-000012/3", group="transient"
    )
