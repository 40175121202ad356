"""The model whose evidence is a forest, on detections alone or on crops too.

Loads torch only where there are crops to look at, and never OpenCV.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from perdure.calibration.rates import DEFAULT_RATES, Rates
from perdure.calibration.scores import CalibrationScores
from perdure.config import from_dict, to_dict
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.look_features import num_looks
from perdure.evidence.track_evidence import TrackEvidence
from perdure.files import understood
from perdure.gate.forest_slots import ForestSlots
from perdure.gate.operation import Operation
from perdure.gate.streams import TrackStreams
from perdure.gate.weights import DETECTIONS, NO_TRACKS, TOKENS, Weights, check_sizes, made_with
from perdure.tokenizer.config import TokenizerConfig

if TYPE_CHECKING:
    from perdure.extractors.magvit import MagvitExtractor

_ENCODER = "encoder."


@dataclass(slots=True, kw_only=True)
class ForestModel:
    """Hits, boxes and scores in, and crops where there is an extractor; evidence of persistence out.

    Args:
        evidence: fitted forest and what belongs to it; with an extractor its last inputs are `look_features`.
        operation: how tracks and crops are made, and when a decision is forced.
        calibration: scores of tracks that were left out of training; None before calibration.
        rates: error rates that it is meant for.
        known_scores: of the detector in use, that scores are ranked among; not stored.
        extractor: whose encoder looks at crops; it is not trained here.
        trained_on: keys of the tracks that the forest was fitted on.

    Raises:
        ValueError: the forest reads another number of features of crops than this extractor gives.
    """

    evidence: TrackEvidence
    operation: Operation
    calibration: CalibrationScores | None = None
    rates: Rates = DEFAULT_RATES
    known_scores: Float[np.ndarray, " k"] | None = None
    extractor: MagvitExtractor | None = None
    trained_on: Int[np.ndarray, " trained"] = field(default_factory=NO_TRACKS.copy)

    def __post_init__(self) -> None:
        if self.extractor is None:
            return
        given = num_looks(self.extractor.tokenizer.config.quantizer.num_bits)
        if self.evidence.extra != given:
            raise ValueError(f"weights: the forest reads {self.evidence.extra} features of crops, expected {given}")

    @property
    def lifetime(self) -> LifetimeModel:
        """Fitted law of hits and misses."""
        return self.evidence.lifetime

    @property
    def uses_pixels(self) -> bool:
        """Whether frames must be given."""
        return self.extractor is not None

    def init_streams(self) -> TrackStreams:
        """Returns the state of a stream before its first frame."""
        if self.extractor is None:
            return TrackStreams(self.lifetime, ForestSlots(self.evidence, None, self.known_scores), None)
        from perdure.gate.crop_looker import CropLooker  # loads torch

        looking = ForestSlots(self.evidence, CropLooker(self.extractor), self.known_scores)
        return TrackStreams(self.lifetime, looking, self.operation.crop)

    def fingerprint(self) -> str:
        """Returns a short hash of the forest, what looks at crops, and all that belongs to them, known scores too."""
        digest = hashlib.sha256(json.dumps(self.evidence.to_dict(), sort_keys=True).encode())
        digest.update(made_with(self.operation).encode())
        for name, value in sorted(self.evidence.to_arrays().items()):
            digest.update(name.encode() + value.tobytes())
        if self.known_scores is not None:
            digest.update(self.known_scores.tobytes())
        if self.extractor is not None:
            digest = hashlib.sha256(digest.hexdigest()[:16].encode())
            for name, value in sorted(self._encoder().items()):
                digest.update(name.encode() + value.tobytes())
        return digest.hexdigest()[:16]

    def _encoder(self) -> dict[str, np.ndarray]:
        if self.extractor is None:
            return {}
        from perdure.checkpoint import module_arrays  # loads torch

        return {_ENCODER + name: value for name, value in module_arrays(self.extractor.tokenizer.encoder).items()}

    def save(self, path: Path) -> None:
        """Writes arrays (safetensors) and everything else (JSON beside it) atomically."""
        looks = {} if self.extractor is None else {"tokenizer": to_dict(self.extractor.tokenizer.config)}
        Weights(
            kind=TOKENS if self.uses_pixels else DETECTIONS,
            operation=self.operation,
            calibration=self.calibration,
            rates=self.rates,
            tensors=self.evidence.to_arrays() | self._encoder(),
            settings={"evidence": self.evidence.to_dict()} | looks,
            trained_on=self.trained_on,
        ).save(path)

    @classmethod
    def load(cls, path: Path) -> ForestModel:
        """Returns the model stored at `path`, in evaluation mode.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version, or of another kind of model.
        """
        stored = Weights.load(path, DETECTIONS, TOKENS)
        with understood(path.with_suffix(".json"), "weights"):
            return cls(
                evidence=TrackEvidence.from_parts(stored.tensors, stored.settings["evidence"]),
                operation=stored.operation,
                calibration=stored.calibration,
                rates=stored.rates,
                extractor=_extractor(stored, path) if stored.kind == TOKENS else None,
                trained_on=stored.trained_on,
            )


def _extractor(stored: Weights, path: Path) -> MagvitExtractor:
    from perdure.checkpoint import load_module  # loads torch
    from perdure.extractors.magvit import MagvitExtractor

    settings, where = stored.settings["tokenizer"], str(path.with_suffix(".json"))
    check_sizes(settings, stored.tensors, where)
    config = from_dict(TokenizerConfig, settings, where=where)
    part = {name.removeprefix(_ENCODER): value for name, value in stored.tensors.items() if name.startswith(_ENCODER)}
    extractor = MagvitExtractor(config)
    load_module(extractor.tokenizer.encoder, part, path)
    return extractor.eval()
