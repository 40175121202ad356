"""The whole model of a gate that reads detections and the tokens of crops: a forest on both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from perdure.arrays import load_arrays, save_arrays
from perdure.config import from_dict, to_dict
from perdure.evidence.look_features import num_looks
from perdure.extractors.magvit import MagvitExtractor
from perdure.gate.crop_looker import CropLooker
from perdure.gate.detection_streams import DetectionStreams
from perdure.gate.detections_model import DetectionsModel
from perdure.tokenizer.config import TokenizerConfig

KIND = "detections and tokens"
"""What the JSON file says this is."""
_ENCODER = "encoder."


@dataclass(slots=True, kw_only=True)
class TokensModel(DetectionsModel):
    """Hits, boxes, scores and crops in, evidence of persistence out.

    Args:
        evidence: fitted forest, whose last inputs are `look_features`.
        operation: how tracks and crops are made, and when a decision is forced.
        calibration: scores of tracks that were left out of training; None before calibration.
        rates: error rates that it is meant for.
        known_scores: of the detector in use, that scores are ranked among; not stored.
        extractor: whose encoder looks at crops; it is not trained here.

    Raises:
        ValueError: the forest reads another number of features of crops than this extractor gives.
    """

    extractor: MagvitExtractor

    def __post_init__(self) -> None:
        given = num_looks(self.extractor.tokenizer.config.quantizer.num_bits)
        if self.evidence.extra != given:
            raise ValueError(f"weights: the forest reads {self.evidence.extra} features of crops, expected {given}")

    @property
    def uses_pixels(self) -> bool:
        """Always."""
        return True

    def init_streams(self) -> DetectionStreams:
        """Returns the state of a stream before its first frame."""
        return DetectionStreams(self.evidence, CropLooker(self.extractor), self.known_scores)

    def fingerprint(self) -> str:
        """Returns a short hash of forest, encoder and all that belongs to them."""
        digest = hashlib.sha256(DetectionsModel.fingerprint(self).encode())
        for name, value in sorted(self._encoder().items()):
            digest.update(name.encode() + value.tobytes())
        return digest.hexdigest()[:16]

    def _encoder(self) -> dict[str, Any]:
        weights = self.extractor.tokenizer.encoder.state_dict()
        return {_ENCODER + name: value.detach().cpu().contiguous().numpy() for name, value in weights.items()}

    def save(self, path: Path, extra: dict[str, Any] | None = None) -> None:
        """Writes arrays (safetensors) and everything else (JSON beside it) atomically."""
        info = self.info() | {"kind": KIND, "tokenizer": to_dict(self.extractor.tokenizer.config)}
        save_arrays(path, self.evidence.to_arrays() | self._encoder(), info | (extra or {}))

    @classmethod
    def load(cls, path: Path) -> TokensModel:
        """Returns the model stored at `path`, in evaluation mode.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version, or of another kind of model.
        """
        arrays, info = load_arrays(path)
        where = str(path.with_suffix(".json"))
        if info.get("kind") != KIND:
            raise ValueError(f"weights: {where} is no model of detections and tokens")
        extractor = MagvitExtractor(from_dict(TokenizerConfig, info["tokenizer"], where=where))
        weights = {name.removeprefix(_ENCODER): value for name, value in arrays.items() if name.startswith(_ENCODER)}
        try:
            extractor.tokenizer.encoder.load_state_dict(
                {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
            )
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise ValueError(f"weights: {path} does not fit its configuration: {first}") from error
        return cls(**cls.parts(arrays, info, where), extractor=extractor.eval())
