"""The model that reads pixels: extractor, lifetime evidence, evidence model, and what they were fitted on."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from perdure.calibration.rates import DEFAULT_RATES, Rates
from perdure.calibration.scores import CalibrationScores
from perdure.checkpoint import load_module, module_arrays
from perdure.config import fingerprint, from_dict, to_dict
from perdure.evidence.config import ModelConfig
from perdure.evidence.lifetime import LifetimeModel
from perdure.files import understood
from perdure.gate.network import NetworkSlots, TrackNetwork
from perdure.gate.operation import Operation
from perdure.gate.streams import TrackStreams
from perdure.gate.weights import NO_TRACKS, PIXELS, Weights, check_sizes, made_with


class PersistenceModel(TrackNetwork):
    """Crops, hits and boxes in, evidence of persistence out.

    Args:
        config: sizes of the networks.
        operation: how tracks and crops are made.
        lifetime: fitted closed-form lifetime evidence.
        score_scale: mean and standard deviation of detection scores on training data.
        calibration: scores of the calibration split; None before calibration.
        rates: error rates that it is meant for.

    `trained_on` holds the keys of the tracks that it was trained on, once it is.
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
        self.trained_on = NO_TRACKS

    def save(self, path: Path) -> None:
        """Writes weights (safetensors) and everything else (JSON beside it) atomically."""
        settings = {
            "model": to_dict(self.config),
            "lifetime": self.lifetime.to_dict(),
            "score_scale": list(self.score_scale),
        }
        Weights(
            kind=PIXELS,
            operation=self.operation,
            calibration=self.calibration,
            rates=self.rates,
            tensors=module_arrays(self),
            settings=settings,
            trained_on=self.trained_on,
        ).save(path)

    @classmethod
    def load(cls, path: Path) -> PersistenceModel:
        """Returns the model stored at `path`, in evaluation mode.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, of another version or kind, or its weights do not fit its configuration.
        """
        stored = Weights.load(path, PIXELS)
        settings, where = stored.settings, str(path.with_suffix(".json"))
        with understood(where, "weights"):
            check_sizes(settings["model"], stored.tensors, where)
            mean, deviation = (float(value) for value in settings["score_scale"])
            if not (math.isfinite(mean) and 0 < deviation < math.inf):
                raise ValueError(f"score_scale: got {(mean, deviation)}, expected a mean and a deviation above 0")
            model = cls(
                from_dict(ModelConfig, settings["model"], where=where),
                operation=stored.operation,
                lifetime=LifetimeModel.from_dict(settings["lifetime"]),
                score_scale=(mean, deviation),
                calibration=stored.calibration,
                rates=stored.rates,
            )
        load_module(model, stored.tensors, path)
        model.trained_on = stored.trained_on
        return model.eval()

    @property
    def uses_pixels(self) -> bool:
        """Whether frames must be given."""
        return self.config.evidence.uses_pixels

    def init_streams(self) -> TrackStreams:
        """Returns the state of a stream before its first frame."""
        return TrackStreams(self.lifetime, NetworkSlots(self), self.operation.crop if self.uses_pixels else None)

    def fingerprint(self) -> str:
        """Returns a short hash of configuration, weights and all that evidence depends on besides."""
        law = fingerprint(self.config, self.lifetime.to_dict(), list(self.score_scale))
        digest = hashlib.sha256((law + made_with(self.operation)).encode())
        for name, value in sorted(module_arrays(self).items()):
            digest.update(name.encode() + value.tobytes())
        return digest.hexdigest()[:16]
