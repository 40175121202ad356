"""Measures what the gate is worth behind SORT, ByteTrack and OC-SORT in the figures of the field.

usage: python benchmarks/hota.py DATA [--sets kitti pets] [--births 0.1] [--trees 20] [--json FILE] [--figure FILE]

DATA holds `kitti`, `mot15`, `mot17` and `video/PETS09-S2L1` as MOT folders with truth; what is missing is left out. For
each set and tracker: HOTA, IDF1, MOTA and false tracks of the tracker's own rule, of the gate as it is loaded, live and
filled in from birth on, of one as strict as five in a row, and of one whose forest was fitted without the sequence. The
difference of each from the own rule has an interval from the same resamples of sequences. Of MOT17 second halves are
streams of their own, of PETS five parts. Needs `pip install --no-deps trackers trackeval`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv
import trackers
from out_of_the_box import PLACES as SETS
from out_of_the_box import Place

import perdure
from perdure.data.mot_sequence import MotSequence, read_mot_sequence, scene_numbers
from perdure.evaluation.reported_tracks import FrameBoxes, scored_sequence
from perdure.evaluation.track_scores import (
    SequenceScore,
    drawn_sequences,
    figures_of,
    interval95,
    resampled,
    score_sequence,
)
from perdure.gate.forest_model import ForestModel
from perdure.integrations.supervision import TrackConfirmer
from perdure.report.bench_figures import draw_tracker_rows
from perdure.stopping.streak import Like
from perdure.track_table import TrackTable
from perdure.tracking.crops import CropConfig
from perdure.tracks.real_data import left_out, sequence_table
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig, fit_track_evidence
from perdure.training.tracks_model import track_operation
from perdure.types import Detections

TRACKERS: dict[str, tuple[str, dict[str, float]]] = {
    "SORT": ("SORTTracker", {"track_activation_threshold": 0.1}),
    "ByteTrack": ("ByteTrackTracker", {"track_activation_threshold": 0.1, "high_conf_det_threshold": 0.1}),
    "OC-SORT": ("OCSORTTracker", {"high_conf_det_threshold": 0.1}),
}
"""Class of each, and what lets it start tracks on weak detections."""
BIRTHS = ("own", "0.1")
"""Scores from which on tracks start: as the tracker comes, or low."""
RANKED = ("PointRCNN", "ACF", "MOG2")
"""Detectors whose scores are no probabilities; trackers get them as ranks among all of the set."""
LEFT_OUT = ("infrared", "visible drones", "Cyclist", "0.5 up")
"""Sets of small targets, for which these trackers are not made, and two that are much like others."""
PLACES = tuple(
    replace(place, min_score=0.2) if "FastestDet" in place.name else place
    for place in SETS
    if not any(word in place.name for word in LEFT_OUT)
)
NUM_PARTS = 5
"""Parts of time into which a sequence that is alone is cut."""
FIGURES = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "false_tracks_a_minute", "mean_frames_to_report", "num_tracks",
           "num_false_tracks", "id_switches")  # fmt: skip
COMPARED = ("HOTA", "IDF1", "MOTA", "false_tracks_a_minute")
Reports = dict[int, FrameBoxes]
"""Reported boxes by frame."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A set: the streams that are scored, those that forests learn from, how, and its scores where ranks are given."""

    place: Place
    streams: tuple[MotSequence, ...]
    taught: tuple[MotSequence, ...]
    request: RealData
    scores: np.ndarray | None

    def detections(self, sequence: MotSequence, index: int) -> sv.Detections:
        """Returns what trackers get of a frame."""
        found = sequence.detections_at(index, self.place.min_score)
        score = found.score
        if self.scores is not None:
            score = np.searchsorted(self.scores, score, side="right") / len(self.scores)
        return sv.Detections(xyxy=found.xyxy_px, confidence=score, class_id=np.zeros(len(score), int))


def cut(sequence: MotSequence, first: int, last: int) -> MotSequence:
    """Returns the frames from `first` to before `last` as a sequence of their own."""
    boxes = {at - first: one for at, one in sequence.detections.by_frame.items() if first <= at < last}
    truth = {at - first: one for at, one in sequence.truth.items() if first <= at < last}
    return replace(
        sequence,
        name=f"{sequence.name}, frames {first + 1} to {last}",
        num_frames=last - first,
        detections=replace(sequence.detections, by_frame=boxes),
        truth=truth,
    )


def recorded(data: Path, place: Place) -> Recorded | None:
    """Returns a set, None where there is nothing of it."""
    folders = [path for path in sorted(data.glob(place.pattern)) if (path / "det" / place.detections).is_file()]
    if not folders:
        return None
    taught = [read_mot_sequence(path, detections=place.detections) for path in folders]
    if "FastestDet" in place.name:  # it finds things of eighty classes, and people are labelled
        taught = [_people(one) for one in taught]
    streams = taught
    if len(taught) == 1:
        edges = np.linspace(0, taught[0].num_frames, NUM_PARTS + 1).astype(int).tolist()
        streams = taught = [cut(taught[0], *ends) for ends in itertools.pairwise(edges)]
    if "MOT17" in place.name:  # YOLOX has learnt from the first halves
        streams = [cut(one, one.num_frames // 2, one.num_frames) for one in taught]
    is_ranked = any(name in place.name for name in RANKED)
    scores = np.sort(np.concatenate([one.detections.scores for one in taught])) if is_ranked else None
    request = RealData(detections=place.detections, min_score=place.min_score)
    return Recorded(place, tuple(streams), tuple(taught), request, scores)


def _people(sequence: MotSequence) -> MotSequence:
    by_frame = {
        at: Detections(xyxy_px=one.xyxy_px[one.class_id == 0], score=one.score[one.class_id == 0])
        for at, one in sequence.detections.by_frame.items()
    }
    return replace(sequence, detections=replace(sequence.detections, by_frame=by_frame))


def tracked(found: Recorded, sequence: MotSequence, name: str, *, births: str) -> list[sv.Detections]:
    """Returns what a tracker says frame by frame; boxes that it does not report yet have id -1."""
    kind, low = TRACKERS[name]
    tracker = getattr(trackers, kind)(frame_rate=sequence.frame_rate_hz, **(low if births == "0.1" else {}))
    return [tracker.update(found.detections(sequence, index)) for index in range(sequence.num_frames)]


def own_reports(frames: list[sv.Detections]) -> Reports:
    """Returns what the tracker's own rule reports."""
    return {index: _boxes(one[one.tracker_id >= 0]) for index, one in enumerate(frames) if len(one)}


def _boxes(one: sv.Detections) -> FrameBoxes:
    return FrameBoxes(ids=np.asarray(one.tracker_id, np.int64), xyxy_px=np.asarray(one.xyxy, np.float64).reshape(-1, 4))


def gate_reports(
    frames: list[sv.Detections], sequence: MotSequence, weights: str, like: Like
) -> tuple[Reports, Reports]:
    """Returns what the gate reports live, and the same with the frames before each first report filled in."""
    confirm = TrackConfirmer(perdure.load(weights, like=like, image_size=sequence.image_size))
    live: Reports = {}
    early: dict[int, list[tuple[int, np.ndarray]]] = {}
    for index, one in enumerate(frames):
        live[index] = _boxes(confirm.update(None, one, time_s=index / sequence.frame_rate_hz))
        for own, history in confirm.backfilled.items():
            for at, box in zip(history.frame_index.tolist(), history.xyxy_px, strict=True):
                if at < index:
                    early.setdefault(at, []).append((int(str(own)), box))
    whole = dict(live)
    for at, found in early.items():
        ids = np.concatenate([live[at].ids, np.array([own for own, _ in found], dtype=np.int64)])
        whole[at] = FrameBoxes(ids=ids, xyxy_px=np.concatenate([live[at].xyxy_px, [box for _, box in found]]))
    return live, whole


def fitted(found: Recorded, folder: Path, num_trees: int) -> list[str]:
    """Returns for each stream the weights that were fitted without it."""
    tables = [sequence_table(found.request, one) for one in found.taught]
    table = TrackTable.join(tables).with_columns(scene=tuple(scene_numbers(found.taught)))
    num_frames, rate_hz = [one.num_frames for one in found.taught], found.taught[0].frame_rate_hz
    data = left_out(found.request, table, found.place.name, num_frames=num_frames, frame_rate_hz=rate_hz)
    operation = track_operation(found.request, rate_hz, CropConfig())
    weights = [""] * len(found.taught)
    for number, fold in enumerate(data.folds):
        evidence = fit_track_evidence(data.table.take(fold.train), TrackTrainingConfig(num_trees=num_trees), seed=0)
        path = folder / f"fold{number}.safetensors"
        ForestModel(evidence=evidence, operation=operation).save(path)
        for place in np.unique(table.group[fold.test]).tolist():
            weights[place] = str(path)
    return [one or weights[0] for one in weights]  # a stream without any labelled track is in no fold


def scores_of(found: Recorded, tracker: str, births: str, weights: list[str]) -> dict[str, list[SequenceScore]]:
    """Returns the score of every way to report on each stream."""
    scores: dict[str, list[SequenceScore]] = {}
    for place, sequence in enumerate(found.streams):
        frames = tracked(found, sequence, tracker, births=births)
        reports = {"own rule": own_reports(frames)}
        reports["gate, live"], reports["gate"] = gate_reports(frames, sequence, "detections", "three in a row")
        reports["gate, as five"] = gate_reports(frames, sequence, "detections", "five in a row")[1]
        if weights:
            reports["gate, trained"] = gate_reports(frames, sequence, weights[place], "five in a row")[1]
        for method, one in reports.items():
            scores.setdefault(method, []).append(
                score_sequence(scored_sequence(sequence, one, match=found.place.match))
            )
    return scores


def rows_of(place: str, tracker: str, births: str, scores: dict[str, list[SequenceScore]]) -> Iterator[dict[str, Any]]:
    """Yields a row for every way to report, with the difference from the own rule."""
    base, num = figures_of(scores["own rule"]), len(scores["own rule"])
    drawn = drawn_sequences(num)
    before = resampled(scores["own rule"], drawn)
    for method, found in scores.items():
        figures = figures_of(found)
        row = {"data": place, "tracker": tracker, "births": births, "method": method, "num_streams": num}
        row |= {name: _rounded(figures[name]) for name in FIGURES}
        if method != "own rule":
            after = resampled(found, drawn)
            for name in COMPARED:
                row[f"{name}_difference"] = _rounded(figures[name] - base[name])
                ends = interval95(after[name] - before[name]) or []
                row[f"{name}_difference_ci95"] = [_rounded(end) for end in ends]
        yield row


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def main(words: list[str]) -> None:
    """Runs the benchmark and prints its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=[""], help="words in the names of sets; all by default")
    parser.add_argument("--births", nargs="+", choices=BIRTHS, default=["own"])
    parser.add_argument("--trees", type=int, default=20, help="of each forest that is fitted; 0 fits none")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help="PNG or SVG of the gate as strict as five in a row")
    parser.add_argument("--known", nargs="+", type=Path, default=[], help="JSON of runs whose sets are not run again")
    given = parser.parse_args(words)
    known = [row for path in given.known for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]
    rows: list[dict[str, Any]] = []
    for place in (place for place in PLACES if any(word.lower() in place.name.lower() for word in given.sets)):
        there = [row for row in known if row["data"] == place.name]
        rows += there
        found = None if there else recorded(given.data, place)
        if found is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            weights = fitted(found, Path(folder), given.trees) if given.trees else []
            for births in given.births:
                for tracker in TRACKERS:
                    for row in rows_of(place.name, tracker, births, scores_of(found, tracker, births, weights)):
                        rows.append(row)
                        sys.stdout.write(json.dumps(row) + "\n")
                        sys.stdout.flush()
    if given.json is not None:
        given.json.write_text(json.dumps({"bench": "hota", "rows": rows}, indent=1) + "\n", encoding="utf-8")
    if given.figure is not None:
        draw_tracker_rows([row for row in rows if row["births"] == "own"], given.figure, method="gate, as five")


if __name__ == "__main__":
    main(sys.argv[1:])
