"""Settings of the tokenizer; loads no torch, so that a command line can show them quickly."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizerConfig:
    """Binary code book {-1, +1}^num_bits and the weights of its losses."""

    num_bits: int = 10
    """Bits per token; the code book has 2^num_bits entries."""
    entropy_weight: float = 0.05
    """Weight of (per-token entropy - diversity_weight x entropy of the mean code); 0 collapses to a few codes."""
    diversity_weight: float = 1.0
    """Weight of the entropy of the mean code inside the entropy loss (gamma in the paper)."""
    commitment_weight: float = 0.25
    """Weight of the squared distance between latent and code."""
    inverse_temperature: float = 100.0
    """Sharpness of the soft code assignment in the entropy loss; 1 collapses."""

    def __post_init__(self) -> None:
        if not 2 <= self.num_bits <= 18:
            raise ValueError(f"num_bits: got {self.num_bits}, expected 2 to 18")
        if self.inverse_temperature <= 0:
            raise ValueError(f"inverse_temperature: got {self.inverse_temperature}, expected a positive number")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerConfig:
    """Sizes of encoder and decoder."""

    crop_px: int = 32
    """Side of the square input crop."""
    patch_px: int = 4
    """Space-to-depth factor before the first convolution."""
    num_channels: tuple[int, ...] = (32, 96)
    """Channels per level; each further level halves height and width."""
    num_blocks: int = 1
    """Residual blocks per level."""
    is_factorised: bool = True
    """Spatial and temporal convolutions apart (True) or full 3x3x3 kernels (False)."""
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    """Code book and its losses."""

    def __post_init__(self) -> None:
        if self.crop_px % self.reduction_px:
            raise ValueError(f"crop_px: got {self.crop_px}, expected a multiple of {self.reduction_px}")
        if any(count % 8 for count in self.num_channels):
            raise ValueError(f"num_channels: got {self.num_channels}, expected multiples of 8")

    @property
    def reduction_px(self) -> int:
        """Pixels per token along one side."""
        return self.patch_px * 2 ** (len(self.num_channels) - 1)

    @property
    def grid(self) -> int:
        """Tokens along one side of a crop."""
        return self.crop_px // self.reduction_px

    @property
    def feature_dim(self) -> int:
        """Numbers per frame: all bits of the token grid."""
        return self.grid**2 * self.quantizer.num_bits
