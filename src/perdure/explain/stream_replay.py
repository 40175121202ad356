"""How a traced stream is run again: its gate from the first line, its detections from all others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perdure.config import from_dict
from perdure.explain.replay import Replay, StreamFrame
from perdure.gate.fates import BoundControl, FateControl
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_model
from perdure.gate.matching import StreakMatch
from perdure.gate.operation import Operation
from perdure.stopping.rules import StoppingRule, TruncatedSPRT
from perdure.stopping.streak import LifetimeBound, StreakRule
from perdure.types import Detections
from perdure.video.reader import open_video


def stream_replay(path: Path, head: dict[str, Any], rows: list[dict[str, Any]]) -> Replay:
    """Returns how to run a stream again.

    Args:
        path: of the trace, for messages.
        head: its first line.
        rows: all others.

    Raises:
        ValueError: there is no trace, or it does not say enough: the gate learned while it ran, is of a kind of its
            own, or its weights or pictures are not there.
    """
    if not head:
        raise ValueError(f"{path} is not there; watch or confirm with --trace")
    if not head.get("is_replayable") or head.get("rule") is None:
        raise ValueError("the gate learned while it ran, or decided by a rule of its own")
    if not head.get("weights"):
        raise ValueError("the trace does not say which weights the gate had")
    model = load_model(head["weights"])
    known = head.get("known_scores")
    if known is not None and isinstance(model, ForestModel):
        model = replace(model, known_scores=np.array(known))
    if model.fingerprint() != head["model"]:
        raise ValueError(f"the weights in {head['weights']} are no longer those of this stream")
    source = head.get("source")
    if model.uses_pixels and (not source or not Path(source).exists()):
        raise ValueError("the weights read pixels, and the pictures of this stream are not stored")

    def gate() -> PersistenceGate:
        rule = _rule(head["rule"])
        match: BoundControl | None = None
        if isinstance(rule, StreakRule) and head["is_matched"]:
            match = StreakMatch(rule)
        elif isinstance(rule, TruncatedSPRT) and head.get("held"):
            match = FateControl(rule, **head["held"])
        bound = head["lifetime_bound"]
        return PersistenceGate(
            model,
            rule if match is None else match.rule,
            lifetime_bound=None if bound is None else LifetimeBound(**bound),
            match=match,
            image_size=None if model.uses_pixels or head["image_size"] is None else tuple(head["image_size"]),
            operation=from_dict(Operation, head["operation"], where=str(path)),
        )

    return Replay(
        gate=gate,
        frames=lambda: _frames(rows, source if model.uses_pixels else None),
        is_live=True,
        origin={"weights": head["weights"]},
    )


def _rule(values: dict[str, Any]) -> StoppingRule:
    rest = {name: value for name, value in values.items() if name != "name"}
    if values["name"] == "StreakRule":
        return StreakRule(**rest | {"floor": math.inf if rest["floor"] is None else rest["floor"]})
    upper, lower = rest["upper"], rest["lower"]
    return TruncatedSPRT(
        **rest | {"upper": math.inf if upper is None else upper, "lower": -math.inf if lower is None else lower}
    )


def _frames(rows: list[dict[str, Any]], source: str | None) -> Iterator[StreamFrame]:
    if source is None:
        yield from (_frame(row, None) for row in rows)
        return
    with open_video(source) as reader:
        for row, picture in zip(rows, reader, strict=False):
            yield _frame(row, picture.frame)


def _frame(row: dict[str, Any], pixels: np.ndarray | None) -> StreamFrame:
    boxes = np.array(row["detections"], dtype=np.float64).reshape(-1, 6)
    found = Detections(xyxy_px=boxes[:, :4], score=boxes[:, 4], class_id=boxes[:, 5].astype(np.int64))
    owner = None if row.get("owner") is None else np.array(row["owner"], dtype=np.int64)
    return StreamFrame(row["frame"], row["time_s"], pixels, found, owner)
