"""Settings of the evidence model."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.tokenizer.config import TokenizerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceConfig:
    """Sizes and inputs of the evidence model."""

    uses_pixels: bool = True
    """Whether the token grid of the extractor enters."""
    uses_cue: bool = False
    """Whether the sensor's cue on detections enters as a number (for gates without pixels)."""
    uses_score: bool = True
    """Whether the detection score enters; off for weights that are to serve any detector, since scales differ."""
    width: int = 96
    """Width of the transformer."""
    num_layers: int = 2
    """Transformer layers."""
    num_heads: int = 4
    """Attention heads per layer."""
    memory_frames: int = 8
    """Frames that a token stays visible; also the age from which all ages are embedded alike."""
    max_increment: float = 12.0
    """Largest evidence (nats) that one frame may add; only |evidence| below about 7 matters for errors of 0.1 %."""

    def __post_init__(self) -> None:
        if self.memory_frames < 4:
            raise ValueError(f"memory_frames: got {self.memory_frames}, expected at least 4")
        for name in ("num_layers", "num_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if self.width < 1 or self.width % self.num_heads:
            raise ValueError(f"width: got {self.width}, expected a multiple of num_heads ({self.num_heads})")
        if not self.max_increment > 0:
            raise ValueError(f"max_increment: got {self.max_increment}, expected above 0 nats")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """Everything that shapes the network."""

    extractor: str = "magvit"
    """Name of the extractor that turns crops into features."""
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    """Sizes of the MagVIT tokenizer."""
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    """Sizes and inputs of the evidence model."""
