"""`perdure.load`: a gate that is ready to run, one that learns on the stream among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate, load_model, with_known_scores
from perdure.stopping.streak import Like


def load(
    path: Path | str | None = None,
    *,
    adapt: bool = False,
    like: Like | None = None,
    image_size: tuple[int, int] | None = None,
    known_scores: Float[np.ndarray, " k"] | None = None,
    **promise: Any,
) -> PersistenceGate:
    """Returns a gate that is ready to run; all that is not named here is as in `perdure.gate.load.load_gate`.

    Args:
        path: run folder or weights file; `detections` and `pixels` (or None) are the weights in the package.
        adapt: whether it learns from what becomes of the tracks of its own stream, without labels, while it runs; for
            weights that read detections alone, as strict as a rule. Needs the extra `tracks`.
        like: rule that it stands for, three in a row by default, or `promise`.
        image_size: width and height in pixels, for gates that never see a frame.
        known_scores: scores of earlier detections of the same detector, unlabelled.
        promise: rates to promise or to hold, horizon and calibration, as in `load_gate`.

    Raises:
        FileNotFoundError: there are no weights there.
        ValueError: as `load_gate`; or a gate that learns is to promise rates, or to read pixels.
    """
    if not adapt:
        return load_gate(path, like=like, image_size=image_size, known_scores=known_scores, **promise)
    if promise:
        raise ValueError(f"adapt: got it together with {', '.join(promise)}, expected one of both; leave one out")
    from perdure.training.adaptive_gate import AdaptiveGate  # what fits forests, for those who learn

    model = with_known_scores(load_model(path), known_scores)
    if not isinstance(model, ForestModel):
        raise ValueError(f"adapt: {path or 'pixels'} read pixels, expected weights that read detections alone")
    return AdaptiveGate(model, like=like or "three in a row", image_size=image_size)
