"""Measures the weights for detections alone, which come with the package, on recorded tracks that they have never seen.

usage: python benchmarks/shipped_detections.py DATA [--json FILE]

DATA holds `kitti`, `mot15`, `mot17` and `video/PETS09-S2L1` as MOT folders with truth. For each set: what the gate
decides live with its default bounds, and what it costs at most 10, 3 and 1 % of FALSE tracks with a swept threshold;
once with scores that are ranked in their own stream, once with the scores of the other sequences known from before.
Beside them "three hits in a row", which needs no tuning either, and the (M of N, score) rule tuned on the very tracks
that it is scored on, which nobody has on a new site. Costs are mean frames to confirm a TRUE track, a miss charged 9.
Takes about five minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from perdure.bench.confirmation import running_best, swept_point
from perdure.bench.confirmation_methods import CAPS, hand_method
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence
from perdure.evaluation.decide import decide_stream
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_gate, load_model
from perdure.track_table import TrackTable
from perdure.tracks.real_data import read_sequences, sequence_table
from perdure.tracks.tracks_config import HORIZON, RealData
from perdure.training.track_fit import table_evidence

WEIGHTS = "detections"
MISS_COST = HORIZON + 1


@dataclass(frozen=True, slots=True)
class Place:
    """A set of sequences.

    Args:
        name: in the table.
        folder: below DATA.
        request: which sequences and detections are taken.
    """

    name: str
    folder: str
    request: RealData


PLACES = (
    Place("KITTI Car", "kitti", RealData(only="*-Car")),
    Place("KITTI Pedestrian", "kitti", RealData(only="*-Pedestrian")),
    Place("MOT17", "mot17", RealData(min_score=0.1)),
    Place("MOT15", "mot15", RealData()),
    Place("PETS 2009, MOG2", "video/PETS09-S2L1", RealData(detections="det_mog2.txt")),
    Place("PETS 2009, Faster R-CNN", "video/PETS09-S2L1", RealData(detections="det_frcnn.txt")),
)


def rows_of(place: Place, root: Path) -> Iterator[dict[str, Any]]:
    """Yields the rows of one set."""
    table, sequences = read_sequences(place.request, root / place.folder)
    base = {
        "data": place.name,
        "num_true": int(table.is_persistent.sum()),
        "num_false": int((~table.is_persistent).sum()),
    }
    plain = _taken(_in_a_row(table.is_hit, 3), table)
    yield base | {"method": "three hits in a row"} | plain
    caps = {f"cost at {cap:g}": cap for cap in CAPS} | {"cost at that of three hits": plain["false_confirmed"]}
    tuned = {}
    for name, cap in caps.items():
        best = running_best(hand_method()(table, table, cap), table.is_valid)
        tuned[name] = swept_point(best, table.is_persistent, cap).cost
    yield base | {"method": "hand rule tuned on these tracks"} | tuned
    for is_known in (False, True):
        if is_known and len(sequences) == 1:
            continue  # there is no other sequence that scores could be known from
        given = [_known(sequences, index) if is_known else sequence for index, sequence in enumerate(sequences)]
        method = "perdure, scores known" if is_known else "perdure"
        yield base | {"method": method} | _swept(place.request, given, caps) | _live(place.request, given)


def _in_a_row(is_hit: np.ndarray, num: int) -> np.ndarray:
    """Returns 1 from the frame on that is hit for the so many-th time in a row, minus infinity before."""
    run, found = np.zeros(len(is_hit), dtype=int), np.zeros(is_hit.shape)
    for age in range(is_hit.shape[1]):
        run = (run + 1) * is_hit[:, age]
        found[:, age] = np.where(run >= num, 1.0, -np.inf)
    return found


def _taken(numbers: np.ndarray, table: TrackTable) -> dict[str, float]:
    """Returns what a rule without a threshold does."""
    is_confirmed = running_best(numbers, table.is_valid) > 0
    return _rates(is_confirmed[:, -1], 1.0 + (~is_confirmed).sum(axis=1), table.is_persistent)


def _rates(is_confirmed: np.ndarray, cost: np.ndarray, is_persistent: np.ndarray) -> dict[str, float]:
    return {
        "true_confirmed": float(is_confirmed[is_persistent].mean()),
        "false_confirmed": float(is_confirmed[~is_persistent].mean()),
        "cost": float(cost[is_persistent].mean()),
    }


def _known(sequences: list[MotSequence], index: int) -> MotSequence:
    """Returns a sequence that knows the scores of all others."""
    others = [other.detections.scores for place, other in enumerate(sequences) if place != index]
    return replace(sequences[index], known_scores=np.concatenate(others))


def _swept(request: RealData, sequences: list[MotSequence], caps: dict[str, float]) -> dict[str, float]:
    """Returns costs at some rates, thresholds swept on the tracks themselves."""
    model = load_model(WEIGHTS)
    if not isinstance(model, ForestModel):
        raise TypeError(f"weights: got {type(model).__name__}, expected ForestModel")
    table = TrackTable.join([sequence_table(request, one) for one in sequences])
    best = running_best(np.nan_to_num(table_evidence(model.evidence, table), nan=-np.inf), table.is_valid)
    return {name: swept_point(best, table.is_persistent, cap).cost for name, cap in caps.items()}


def _live(request: RealData, sequences: list[MotSequence]) -> dict[str, float]:
    """Returns what the gate decides with the bounds that the weights bring along."""
    records = []
    for sequence in sequences:
        gate = load_gate(WEIGHTS, like="promise", image_size=sequence.image_size, known_scores=sequence.known_scores)
        records += decide_stream(sequence_stream(sequence, request.match, min_score=request.min_score), gate).records
    is_confirmed = np.array([record.label == "persistent" for record in records])
    age = np.array([record.decision_frame for record in records])
    is_persistent = np.array([record.true_label == "persistent" for record in records])
    return _rates(is_confirmed, np.where(is_confirmed, age, MISS_COST).astype(float), is_persistent)


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for place in PLACES:
        for row in rows_of(place, arguments.data):
            rows.append(row)
            shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
            sys.stdout.write(json.dumps(shown) + "\n")
            sys.stdout.flush()
    if arguments.json is not None:
        text = json.dumps({"bench": "shipped detections", "rows": rows}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
