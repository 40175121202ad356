"""The networks of a model: what turns crops, hits and boxes into evidence, one frame at a time or all at once."""

from __future__ import annotations

from torch import nn

from perdure.evidence.config import ModelConfig
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.model import EvidenceModel
from perdure.extractors.magvit import MagvitExtractor
from perdure.extractors.registry import build_extractor


class TrackNetwork(nn.Module):
    """Extractor, lifetime evidence and evidence model; a stream needs no more of a model.

    Args:
        config: sizes of the networks.
        lifetime: fitted closed-form lifetime evidence.
        score_scale: mean and standard deviation of detection scores on training data.
    """

    def __init__(self, config: ModelConfig, *, lifetime: LifetimeModel, score_scale: tuple[float, float]) -> None:
        super().__init__()
        self.config, self.lifetime, self.score_scale = config, lifetime, score_scale
        self.extractor: MagvitExtractor = build_extractor(config.extractor, config.tokenizer)
        self.evidence = EvidenceModel(config.evidence, self.extractor.feature_dim)
