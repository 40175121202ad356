"""What every extractor offers, and extractors by name."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from perdure.extractors.magvit import MagvitExtractor
from perdure.modules.streaming import State
from perdure.tokenizer.config import TokenizerConfig

EXTRACTORS = ("magvit",)


@runtime_checkable
class Extractor(Protocol):
    """Turns the crops of a track into one feature vector of `feature_dim` numbers per frame."""

    feature_dim: int

    @property
    def flops_per_frame(self) -> int:
        """Floating-point operations for one new frame of one track, as it runs live."""

    def init_state(self, num_slots: int) -> State:
        """Returns the state of fresh slots."""

    def __call__(
        self,
        crops: Float[Tensor, "slot time 3 height width"],
        state: State | None = None,
        active: Bool[Tensor, " slot"] | None = None,
    ) -> tuple[Float[Tensor, "slot time feature"], State]:
        """Returns features of a chunk of crops in [-1, 1] (zeros for slots that are not active), and the new state."""


def build_extractor(name: str, tokenizer: TokenizerConfig) -> MagvitExtractor:
    """Returns the extractor of that name.

    Raises:
        ValueError: there is none of that name.
    """
    if name != "magvit":
        raise ValueError(f"model.extractor: got '{name}', expected one of {', '.join(EXTRACTORS)}")
    return MagvitExtractor(tokenizer)
