"""A network in the place of a forest: trained on synthetic clips, fitted on none of the tracks that it decides on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from perdure.data.labelled_stream import LabelledStream
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.gate.site_tracks import Watched
from perdure.stopping.rules import TruncatedSPRT
from perdure.tracks.follow import follow
from perdure.tracks.tracks_config import HORIZON, RealData
from perdure.training.tracks_model import track_operation


def network_on_tracks(weights: Path, request: RealData, frame_rate_hz: float) -> PersistenceModel:
    """Returns a network that is run as forests of recorded tracks are."""
    model = PersistenceModel.load(weights)
    model.operation = track_operation(request, frame_rate_hz, model.operation.crop)
    return model


def network_evidence(
    model: PersistenceModel,
    streams: Sequence[LabelledStream],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[np.ndarray, "n l"]:
    """Returns the evidence of all labelled tracks, as a gate gives it that decides nothing before the last age.

    Args:
        model: as `network_on_tracks` gives it.
        streams: in the order of the groups of the table, with pixels where the model reads them.
        on_progress: told how many streams are done.
    """
    watch_all = TruncatedSPRT(upper=math.inf, lower=-math.inf, horizon=HORIZON)
    parts = []
    for number, stream in enumerate(streams):
        watched = Watched(PersistenceGate(model, watch_all, image_size=stream.image_size))
        table = follow(stream, model.operation.tracker, columns={"evidence": watched.evidence})
        parts.append(table.known("evidence"))
        on_progress(number + 1, len(streams))
    return np.concatenate(parts)
