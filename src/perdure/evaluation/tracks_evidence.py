"""Evidence of real tracks at every age, from the model that has not seen their sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from perdure.evaluation.stored_scores import StoredScores
from perdure.gate.load import load_gate
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.tracks.tracks_store import StoredTracks
from perdure.training.track_fit import table_evidence
from perdure.training.tracks_folds import FoldsRequest, fitted_model


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEvidence:
    """All tracks of a sequence.

    Args:
        name: of the sequence.
        evidence: nats, NaN after a track's end.
        table: the tracks themselves.
        rule: what the gate decided by.
    """

    name: str
    evidence: Float[np.ndarray, "n l"]
    table: TrackTable
    rule: TruncatedSPRT

    @property
    def is_persistent(self) -> Bool[np.ndarray, " n"]:
        """The truth."""
        return self.table.is_persistent


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
        if not isinstance(rule, TruncatedSPRT):
            raise TypeError(f"rule: got {type(rule).__name__}, expected TruncatedSPRT")
        for group in np.unique(table.group):
            rows = table.group == group
            name = table.sequence[int(group)]
            yield SequenceEvidence(name=name, evidence=evidence[rows], table=table.take(rows), rule=rule)


def scores_of(found: Sequence[SequenceEvidence]) -> StoredScores:
    """Returns the evidence of all sequences, ready to be stored.

    Raises:
        ValueError: there is no sequence.
    """
    if not found:
        raise ValueError("scores: got no sequences, expected at least one")
    ids = [item.table.track_id for item in found]
    return StoredScores(
        clip_id=[item.name for item in found for _ in range(len(item.table))],
        # Tracks that were stored before their numbers were are told apart by their place.
        track_id=[
            int(number)
            for item, own in zip(found, ids, strict=True)
            for number in (range(len(item.table)) if own is None else own.tolist())
        ],
        is_persistent=np.concatenate([item.is_persistent for item in found]),
        is_open=np.zeros(sum(len(item.table) for item in found), dtype=bool),
        evidence=np.concatenate([item.evidence for item in found]),
        horizon=found[0].rule.horizon,
        on_timeout=found[0].rule.on_timeout,
    )
