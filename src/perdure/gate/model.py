"""The whole model: extractor, lifetime evidence, evidence model, and what they were fitted on.

One safetensors file and one JSON file hold it; loading needs nothing else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from torch import Tensor

from perdure.calibration.scores import CalibrationScores
from perdure.checkpoint import load_checkpoint, save_checkpoint
from perdure.config import fingerprint, from_dict, to_dict
from perdure.evidence.config import ModelConfig
from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.network import TrackNetwork
from perdure.gate.operation import DEFAULT_RATES, Operation, Rates
from perdure.gate.streams import TrackStreams

_PARTS = ("model", "operation", "lifetime", "score_scale", "calibration")
"""What the JSON file of a model must hold."""


class PersistenceModel(TrackNetwork):
    """Crops, hits and boxes in, evidence of persistence out.

    Args:
        config: sizes of the networks.
        operation: how tracks and crops are made.
        lifetime: fitted closed-form lifetime evidence.
        score_scale: mean and standard deviation of detection scores on training data.
        calibration: scores of the calibration split; None before calibration.
        rates: error rates that it is meant for.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        operation: Operation,
        lifetime: LifetimeModel,
        score_scale: tuple[float, float] = (0.0, 1.0),
        calibration: CalibrationScores | None = None,
        rates: Rates = DEFAULT_RATES,
    ) -> None:
        super().__init__(config, lifetime=lifetime, score_scale=score_scale)
        self.operation, self.calibration, self.rates = operation, calibration, rates

    def save(self, path: Path, extra: dict[str, Any] | None = None) -> None:
        """Writes weights (safetensors) and everything else (JSON beside it) atomically."""
        info = {
            "model": to_dict(self.config),
            "operation": to_dict(self.operation),
            "lifetime": self.lifetime.to_dict(),
            "score_scale": list(self.score_scale),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "rates": to_dict(self.rates),
            **(extra or {}),
        }
        save_checkpoint(path, dict(self.state_dict()), info)

    @classmethod
    def load(cls, path: Path) -> PersistenceModel:
        """Returns the model stored at `path`, in evaluation mode.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version, or its weights do not fit its configuration.
        """
        tensors, info = load_checkpoint(path)
        where = str(path.with_suffix(".json"))
        missing = [name for name in _PARTS if name not in info]
        if missing:
            raise ValueError(f"weights: {where} has no '{missing[0]}', so it is no model; give final_model.safetensors")
        calibration = info["calibration"]
        model = cls(
            from_dict(ModelConfig, info["model"], where=where),
            operation=from_dict(Operation, info["operation"], where=where),
            lifetime=LifetimeModel.from_dict(info["lifetime"]),
            score_scale=(info["score_scale"][0], info["score_scale"][1]),
            calibration=None if calibration is None else CalibrationScores.from_dict(calibration),
            rates=from_dict(Rates, info["rates"], where=where) if "rates" in info else DEFAULT_RATES,
        )
        model.load_weights(tensors, path)
        return model.eval()

    @property
    def uses_pixels(self) -> bool:
        """Whether frames must be given."""
        return self.config.evidence.uses_pixels

    def init_streams(self) -> TrackStreams:
        """Returns the state of a stream before its first frame."""
        return TrackStreams(self)

    def fingerprint(self) -> str:
        """Returns a short hash of configuration and weights; the state of a stream fits only the model it is from."""
        digest = hashlib.sha256(fingerprint(self.config).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def load_weights(self, tensors: dict[str, Tensor], path: Path) -> None:
        """Takes over weights; a name or shape that does not fit is a ValueError that names the file."""
        try:
            self.load_state_dict(tensors)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise ValueError(f"weights: {path} does not fit its configuration: {first}") from error
