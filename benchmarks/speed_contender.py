"""One contender of `speed.py` in a process of its own: updates frame by frame on command and says what each has cost.

usage: python benchmarks/speed_contender.py KIND STREAM WEIGHTS RULE ERROR

KIND is `then` (the pinned commit), `numpy` or `fast` (this checkout without numba and with it), `shipped` (this
checkout as it is loaded), or a tracker of `trackers`. A line of numbers `first last` on standard input asks for these
frames; the answer is a line of JSON. Which `perdure` it is that runs is the business of PYTHONPATH.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SORT": ("SORTTracker", {"track_activation_threshold": 0.0}),
    "ByteTrack": ("ByteTrackTracker", {"track_activation_threshold": 0.0, "high_conf_det_threshold": 0.2}),
    "OC-SORT": ("OCSORTTracker", {"high_conf_det_threshold": 0.0}),
}
"""Packaged trackers, and what lets them take detections of all scores, as a gate does."""
BOUND = 2.0
"""Evidence in nats that decides, one way or the other, in recorded streams."""


class Stream:
    """Detections frame by frame."""

    def __init__(self, path: str) -> None:
        with np.load(path) as arrays:
            self.size = tuple(int(side) for side in arrays["size"])
            self.rate_hz = float(arrays["rate_hz"])
            edges = arrays["edges"]
            self.boxes = [arrays["boxes"][a:b] for a, b in itertools.pairwise(edges)]
            self.scores = [arrays["scores"][a:b] for a, b in itertools.pairwise(edges)]
            ordered = np.sort(arrays["scores"])
            # Trackers want scores from 0 to 1.
            self.ranks = [np.searchsorted(ordered, own, "right") / len(ordered) for own in self.scores]

    def __len__(self) -> int:
        return len(self.boxes)


def make_gate(stream: Stream, weights: str, rule: str, *, is_then: bool) -> Any:
    """Returns a gate with weights, whatever version of this package reads them."""
    from importlib import import_module

    from safetensors.numpy import load_file

    from perdure.evidence.track_evidence import TrackEvidence
    from perdure.stopping.rules import TruncatedSPRT
    from perdure.tracking.tracker import TrackerConfig

    room = "perdure.engine" if is_then else "perdure.gate"
    model_of = import_module(f"{room}.detections_model").DetectionsModel if is_then else (
        import_module(f"{room}.forest_model").ForestModel
    )  # fmt: skip
    info = json.loads(Path(weights).with_suffix(".json").read_text(encoding="utf-8"))
    most = max(300, *(len(boxes) for boxes in stream.boxes))
    stored = info["operation"]["tracker"]
    given = {name: value for name, value in stored.items() if not isinstance(value, dict)}
    tracker = TrackerConfig(**given | {"max_detections": most})
    operation = import_module(f"{room}.operation").Operation(tracker=tracker, frame_rate_hz=stream.rate_hz)
    model = model_of(evidence=TrackEvidence.from_parts(load_file(weights), info["evidence"]), operation=operation)
    gate_of = import_module(f"{room}.gate").PersistenceGate
    stopping = Never() if rule == "never" else TruncatedSPRT(upper=BOUND, lower=-BOUND, horizon=16)
    return gate_of(model, stopping, image_size=stream.size)


class Never:
    """A rule that leaves every track undecided, whatever its age."""

    horizon = 64

    def decide(self, observation: Any) -> Any:
        """Returns that nothing is decided."""
        from perdure.stopping.rules import Verdict

        nothing = np.zeros(len(observation), dtype=bool)
        return Verdict(is_decided=nothing, is_persistent=nothing, is_forced=nothing)


def with_error(gate: Any, error: float) -> None:
    """Lets the evidence be wrong by a share, to show that the comparison sees it."""
    own = type(gate.model.evidence.forest)
    share = own.share
    own.share = lambda self, rows: np.clip(share(self, rows) * (1 + error), 0, 1)


def peer(kind: str, stream: Stream) -> Callable[[Any], Any]:
    """Returns the update of a packaged tracker."""
    import trackers

    name, options = PEERS[kind]
    return getattr(trackers, name)(frame_rate=stream.rate_hz, **options).update


def main() -> int:
    """Runs the contender."""
    kind, path, weights, rule, error = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
    if kind != "fast":
        sys.modules["numba"] = None  # type: ignore[assignment] # as if it were not installed
    stream = Stream(path)
    gate = None
    if kind in PEERS:
        import supervision as sv

        update = peer(kind, stream)
        inputs = [
            sv.Detections(xyxy=boxes, confidence=ranks, class_id=np.zeros(len(ranks), int))
            for boxes, ranks in zip(stream.boxes, stream.ranks, strict=True)
        ]
    else:
        from perdure.types import Detections

        if kind == "shipped":
            import perdure

            gate = perdure.load("detections", image_size=stream.size)
        else:
            gate = make_gate(stream, weights, rule, is_then=kind == "then")
        if kind == "fast":
            from perdure.compiled import load_all

            if not load_all():  # what is measured is a stream that has been running for a while
                raise SystemExit("numba: not installed, or it cannot compile; pip install numba")
        if kind in ("numpy", "fast", "shipped"):
            from perdure.assignment import PAYS_AFTER_S, Spent

            Spent.seconds = 2 * PAYS_AFTER_S  # so that SciPy is asked, as it is once a stream has been running
        inputs = [Detections(xyxy_px=b, score=s) for b, s in zip(stream.boxes, stream.scores, strict=True)]
        if error:
            with_error(gate, error)

        def update(found: Any) -> Any:
            return gate.update(None, found)

    for line in sys.stdin:
        first, last = (int(word) for word in line.split())
        sys.stdout.write(json.dumps(run(update, inputs[first:last], gate)) + "\n")
        sys.stdout.flush()
    return 0


def run(update: Callable[[Any], Any], inputs: list[Any], gate: Any) -> dict[str, Any]:
    """Returns what some frames cost, and what was decided on them."""
    cpu_s, wall_s, results = [], [], []
    for found in inputs:
        start, begun = time.thread_time(), time.perf_counter()
        result = update(found)
        cpu_s.append(time.thread_time() - start)
        wall_s.append(time.perf_counter() - begun)
        results.append(result)
    said: dict[str, Any] = {"cpu_s": cpu_s, "wall_s": wall_s}
    said["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if gate is not None:
        said["num_live"] = [len(result.tracks) for result in results]
        said["num_undecided"] = [result.num_encoded for result in results]
        said["decisions"] = [
            (one.track_id, one.label, one.age, one.frame_index, one.reason) for r in results for one in r.decisions
        ]
        said["evidence"] = [
            (view.track_id, view.evidence) for r in results for view in r.tracks if view.status == "tentative"
        ]
    return said


if __name__ == "__main__":
    sys.exit(main())
