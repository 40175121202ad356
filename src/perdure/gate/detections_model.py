"""The whole model of a gate that reads detections alone. Loads neither torch nor OpenCV."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perdure.arrays import load_arrays, save_arrays
from perdure.calibration.scores import CalibrationScores
from perdure.config import from_dict, to_dict
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.track_evidence import TrackEvidence
from perdure.gate.detection_streams import DetectionStreams
from perdure.gate.operation import DEFAULT_RATES, Operation, Rates

KIND = "detections"
"""What the JSON file says this is."""


@dataclass(slots=True, kw_only=True)
class DetectionsModel:
    """Hits, boxes and scores in, evidence of persistence out.

    Args:
        evidence: fitted forest and what belongs to it.
        operation: how tracks are made, and when a decision is forced.
        calibration: scores of tracks that were left out of training; None before calibration.
        rates: error rates that it is meant for.
        known_scores: of the detector in use, that scores are ranked among; not stored.
    """

    evidence: TrackEvidence
    operation: Operation
    calibration: CalibrationScores | None = None
    rates: Rates = DEFAULT_RATES
    known_scores: Float[np.ndarray, " k"] | None = None

    @property
    def lifetime(self) -> LifetimeModel:
        """Fitted law of hits and misses."""
        return self.evidence.lifetime

    @property
    def score_scale(self) -> tuple[float, float]:
        """Scores are put on the scale of their detector elsewhere."""
        return (0.0, 1.0)

    @property
    def uses_pixels(self) -> bool:
        """Never."""
        return False

    def init_streams(self) -> DetectionStreams:
        """Returns the state of a stream before its first frame."""
        return DetectionStreams(self.evidence, known_scores=self.known_scores)

    def fingerprint(self) -> str:
        """Returns a short hash of the forest and of all that belongs to it, known scores too."""
        digest = hashlib.sha256(json.dumps(self.evidence.to_dict(), sort_keys=True).encode())
        for name, value in sorted(self.evidence.to_arrays().items()):
            digest.update(name.encode() + value.tobytes())
        if self.known_scores is not None:
            digest.update(self.known_scores.tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: Path, extra: dict[str, Any] | None = None) -> None:
        """Writes arrays (safetensors) and everything else (JSON beside it) atomically."""
        save_arrays(path, self.evidence.to_arrays(), {"kind": KIND, **self.info(), **(extra or {})})

    def info(self) -> dict[str, Any]:
        """Returns everything but the arrays and the kind, ready for JSON."""
        return {
            "operation": to_dict(self.operation),
            "rates": to_dict(self.rates),
            "evidence": self.evidence.to_dict(),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
        }

    @classmethod
    def load(cls, path: Path) -> DetectionsModel:
        """Returns the model stored at `path`.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version, or of another kind of model.
        """
        arrays, info = load_arrays(path)
        where = str(path.with_suffix(".json"))
        if info.get("kind") != KIND:
            raise ValueError(f"weights: {where} is no model of detections; give weights of the recipe tracks")
        return cls(**cls.parts(arrays, info, where))

    @staticmethod
    def parts(arrays: dict[str, np.ndarray], info: dict[str, Any], where: str) -> dict[str, Any]:
        """Returns the arguments that a model was made of."""
        calibration = info["calibration"]
        return {
            "evidence": TrackEvidence.from_parts(arrays, info["evidence"]),
            "operation": from_dict(Operation, info["operation"], where=where),
            "calibration": None if calibration is None else CalibrationScores.from_dict(calibration),
            "rates": from_dict(Rates, info["rates"], where=where) if "rates" in info else DEFAULT_RATES,
        }
