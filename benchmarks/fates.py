"""Measures error rates by fate under twelve drifts: bounds that follow the stream beside bounds that stand.

usage: python benchmarks/fates.py DATA [--orders 5] [--hold 0.05] [--hold-miss 0.05] [--drifts WORD ...] [--json FILE]

DATA as in `out_of_the_box.py`. Five KITTI Car sequences follow one another as one stream (PointRCNN), then the other
five, changed; which ones, by random order. Weights of the package, `perdure.load("detections", hold=0.05)`. Of tracks
born after the change: the share confirmed of those that vanish with fewer than ten detections, on the decisions that
the gate took; the same of the worst 200 in a row; frames until those that last are confirmed, at most until their tenth
detection; the same of the best bound in hindsight, which confirms 5 % of these very tracks, and of the bound that
confirmed 5 % before the change. With --hold-miss the gate also rejects, and the share rejected of those that last is
counted, without hindsight. Truth is never read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from adaptive_gate import GAP_S, Frame, joined
from out_of_the_box import PLACES

import perdure
from perdure.gate.fates import LASTING
from perdure.types import Detections

CAR, OTHER_DETECTOR, OTHER_SCENE = "KITTI Car (PointRCNN)", "KITTI Car (RRC)", "KITTI Pedestrian (PointRCNN)"
WINDOW, NUM_FIRST = 200, 5
Share = Callable[[float], float]
"""A number by how much of the changed part has passed, in [0, 1]."""


@dataclass
class Course:
    """One track: frame of its birth, evidence and hits by age, the age at which the gate confirmed it, or 0."""

    birth: int
    evidence: list[float] = field(default_factory=list)
    is_hit: list[bool] = field(default_factory=list)
    confirmed_age: int = 0
    was_rejected: bool = False

    @property
    def lasting_age(self) -> int:
        """The age of its tenth detection, 0 if there is none."""
        hits = np.flatnonzero(self.is_hit)
        return int(hits[LASTING - 1]) + 1 if len(hits) >= LASTING else 0

    def age_at(self, bound: float, horizon: int) -> int:
        """Returns the age at which a bound that stands would have confirmed it, or 0."""
        above = np.array(self.evidence[:horizon]) >= bound
        found = np.flatnonzero(above & np.array(self.is_hit[:horizon]))
        return int(found[0]) + 1 if len(found) else 0

    def peak(self, horizon: int) -> float:
        """Returns the lowest bound that would not have confirmed it."""
        return max((e for e, hit in zip(self.evidence[:horizon], self.is_hit, strict=False) if hit), default=-np.inf)


def changed(frames: list[Frame], rng: np.random.Generator, **by: Share) -> list[Frame]:
    """Returns frames after a change.

    Hits are `dropped`, boxes of `clutter` added to each frame, scores multiplied by `scale` and raised by `shift`;
    there is `noise` on scores, in their standard deviations, and on boxes, in twentieths of their size.
    """
    scores = np.concatenate([frame.detections.score for frame in frames])
    boxes = np.concatenate([frame.detections.xyxy_px.reshape(-1, 4) for frame in frames])
    reach, sizes, out = boxes[:, 2:].max(axis=0), boxes[:, 2:] - boxes[:, :2], list[Frame]()
    number = {"dropped": 0.0, "clutter": 0.0, "scale": 1.0, "shift": 0.0, "noise": 0.0}
    for index, frame in enumerate(frames):
        now = number | {name: share(index / len(frames)) for name, share in by.items()}
        box, score, label = frame.detections.xyxy_px.reshape(-1, 4), frame.detections.score, frame.label
        kept = rng.random(len(score)) >= now["dropped"]
        num = rng.poisson(now["clutter"])
        side = sizes[rng.integers(len(sizes), size=num)]
        corner = rng.random((num, 2)) * np.maximum(reach - side, 1.0)
        box = np.vstack([box[kept], np.hstack([corner, corner + side])])
        score = np.concatenate([score[kept], rng.choice(scores, num)])
        box = box + now["noise"] / 20 * rng.normal(size=box.shape) * np.tile(box[:, 2:] - box[:, :2], 2)
        score = now["scale"] * score + now["shift"] + now["noise"] * scores.std() * rng.normal(size=len(score))
        label = np.concatenate([label[kept], np.zeros(num, dtype=label.dtype)])
        out.append(Frame(frame.time_s, Detections(xyxy_px=box, score=score), label))
    return out


def always(value: float) -> Share:
    """Returns a share that stands."""
    return lambda _: value


def drifts(
    frames: list[Frame], rng: np.random.Generator, others: dict[str, list[Frame]]
) -> dict[str, Callable[[], list[Frame]]]:
    """Returns what makes the changed part, by the name of the change."""
    named: dict[str, dict[str, Share]] = {
        "hits: 30 % dropped": {"dropped": always(0.3)},
        "hits: half dropped": {"dropped": always(0.5)},
        "clutter: 2 a frame": {"clutter": always(2.0)},
        "clutter: 4 a frame": {"clutter": always(4.0)},
        "scores: half, plus 3": {"scale": always(0.5), "shift": always(3.0)},
        "contrast: noise on scores and boxes": {"noise": always(1.0)},
        "slow: hits, to half": {"dropped": lambda passed: 0.5 * passed},
        "slow: clutter, to 4 a frame": {"clutter": lambda passed: 4 * passed},
        "slow: scores": {"scale": lambda passed: 1 - 0.5 * passed, "shift": lambda passed: 3 * passed},
    }
    made: dict[str, Callable[[], list[Frame]]] = {"none": lambda: frames}
    for name, by in named.items():
        made[name] = lambda by=by: changed(frames, rng, **by)  # type: ignore[misc]
    made |= {"frame rate: every second frame": lambda: frames[::2]}
    return made | {name: lambda name=name: others[name] for name in others}  # type: ignore[misc]


def watched(
    frames: list[Frame], size: tuple[int, int], hold: float, hold_miss: float | None
) -> tuple[list[Course], int]:
    """Returns the tracks of a stream as the gate decided them live, those that were open at its end left out."""
    gate = perdure.load("detections", hold=hold, hold_miss=hold_miss, image_size=size)
    gate.is_gated = hold_miss is not None  # hindsight needs the evidence after a decision; it decides nothing
    live, ended = dict[int, Course](), list[Course]()
    for index, frame in enumerate(frames):
        gate.begin(None, frame.detections, time_s=frame.time_s)
        tracks = gate.link(frame.detections)
        result = gate.observe(None, tracks, time_s=frame.time_s)
        ended += [live.pop(key) for key in [*live] if key not in set(tracks.track_id.tolist())]
        evidence = gate.memories.column("evidence")
        for row, key in enumerate(tracks.track_id.tolist()):
            one = live.setdefault(key, Course(index))
            one.evidence.append(float(evidence[row]))
            one.is_hit.append(bool(tracks.is_hit[row]))
        gate.streams.close(tracks.track_id[gate.memories.column("age") >= gate.rule.horizon])  # no bound looks further
        for decision in result.decisions:
            if (one := live.get(decision.track_id, Course(0))) and decision.label == "persistent":
                one.confirmed_age = one.confirmed_age or decision.age
            one.was_rejected |= decision.label == "transient"
    return ended, gate.rule.horizon


def frames_of(tracks: list[Course], age: Callable[[Course], int]) -> float:
    """Returns the mean frames until tracks that last are confirmed, by their tenth detection at the latest."""
    return float(np.mean([min(age(one) or one.lasting_age, one.lasting_age) for one in tracks]))


def figures(tracks: list[Course], start: int, horizon: int, hold: float, hold_miss: float | None) -> dict[str, Any]:
    """Returns what came of the tracks that were born from a frame on."""
    after, before = ([one for one in tracks if (one.birth >= start) == is_after] for is_after in (True, False))
    vanished, lasting = ([one for one in after if bool(one.lasting_age) == lasts] for lasts in (False, True))
    wrong = np.array([one.confirmed_age > 0 for one in vanished], dtype=float)  # in the order of their ends

    def bound_of(some: list[Course]) -> float:
        peaks = np.sort([one.peak(horizon) for one in some if not one.lasting_age])[::-1]
        return float(np.nextafter(peaks[int(hold * len(peaks))], np.inf))

    windows = [wrong[at : at + WINDOW].mean() for at in range(max(1, len(wrong) - WINDOW + 1))]
    row: dict[str, Any] = {
        "num_vanished": len(vanished), "num_lasting": len(lasting), "rate": round(float(wrong.mean()), 4),
        "worst_200": round(float(max(windows)), 4),
        "frames": round(frames_of(lasting, lambda one: one.confirmed_age), 3),
    }  # fmt: skip
    if hold_miss is not None:
        return row | {"rate_missed": round(float(np.mean([one.was_rejected for one in lasting])), 4)}
    best, stood = bound_of(after), bound_of(before)
    return row | {
        "frames_best": round(frames_of(lasting, lambda one: one.age_at(best, horizon)), 3),
        "rate_stood": round(float(np.mean([one.age_at(stood, horizon) > 0 for one in vanished])), 4),
        "frames_stood": round(frames_of(lasting, lambda one: one.age_at(stood, horizon)), 3),
    }  # fmt: skip


def rows(data: Path, order: int, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields a row for each drift."""
    rng = np.random.default_rng(order)
    places = {place.name: place for place in PLACES}
    folders = sorted(data.glob(places[CAR].pattern))
    people = sorted(data.glob(places[OTHER_SCENE].pattern))
    drawn = rng.permutation(len(folders)).tolist()
    first, _, size = joined(places[CAR], [folders[place] for place in drawn[:NUM_FIRST]])
    second = [folders[place] for place in drawn[NUM_FIRST:]]
    others = {
        "detector: RRC": joined(places[OTHER_DETECTOR], second)[0],
        "scene: people": joined(places[OTHER_SCENE], [people[place] for place in rng.permutation(len(people))])[0],
    }
    for name, make in drifts(joined(places[CAR], second)[0], rng, others).items():
        if not any(word in name for word in given.drifts):
            continue
        later = first[-1].time_s + GAP_S
        frames = [*first, *(Frame(later + one.time_s, one.detections, one.label) for one in make())]
        tracks, horizon = watched(frames, size, given.hold, given.hold_miss)
        row = {"drift": name, "order": order, "hold": given.hold, "hold_miss": given.hold_miss}
        yield row | figures(tracks, len(first), horizon, given.hold, given.hold_miss)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--hold", type=float, default=0.05)
    parser.add_argument("--hold-miss", type=float)
    parser.add_argument("--drifts", nargs="+", default=[""], help="words in the names of drifts; all by default")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = []
    for order in range(given.orders):
        for row in rows(given.data, order, given):
            found.append(row)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
    if given.json is not None:
        given.json.write_text(json.dumps({"bench": "fates", "rows": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
