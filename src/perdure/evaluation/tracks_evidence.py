"""Evidence of real tracks at every age, from the model that has not seen their sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from perdure.gate.load import load_gate
from perdure.stopping.rules import StoppingRule
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.track_fit import table_evidence
from perdure.training.tracks_folds import FoldsRequest, fitted_model


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEvidence:
    """All tracks of a sequence.

    Args:
        name: of the sequence.
        evidence: nats, NaN after a track's end.
        is_persistent: truth.
        rule: what the gate decided by.
    """

    name: str
    evidence: Float[np.ndarray, "n l"]
    is_persistent: Bool[np.ndarray, " n"]
    rule: StoppingRule


def left_out_evidence(request: FoldsRequest, num_folds: int) -> Iterator[SequenceEvidence]:
    """Yields one sequence after the other, in order of fold, each scored by the model of its fold."""
    data = StoredTracks.load(request.tracks).split(request.request, request.name)
    for number in range(num_folds):
        path = request.model(number)
        table = data.table.take(data.folds[number].test)
        evidence = table.evidence
        if evidence is None:
            evidence = table_evidence(fitted_model(path).evidence, table)
        rule = load_gate(path, like="promise", image_size=(1, 1)).rule
        for group in np.unique(table.group):
            rows = table.group == group
            name = table.sequence[int(group)]
            yield SequenceEvidence(
                name=name, evidence=evidence[rows], is_persistent=table.is_persistent[rows], rule=rule
            )
