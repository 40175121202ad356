"""What every extractor offers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

from perdure.modules.streaming import State


@runtime_checkable
class Extractor(Protocol):
    """Turns the crops of a track into one feature vector per frame.

    Attributes:
        feature_dim: length of a feature vector.
        window: frames it looks back over, its own included; what it pays for on every new frame.
        latency_frames: frames between a crop and its feature.
    """

    feature_dim: int
    window: int
    latency_frames: int

    @property
    def flops_per_frame(self) -> int:
        """Floating-point operations for one new frame of one track, as it runs live."""
        ...

    def init_state(self, num_slots: int) -> State:
        """Returns the state of fresh slots."""
        ...

    def __call__(
        self,
        crops: Float[Tensor, "slot time 3 height width"],
        state: State | None = None,
        active: Bool[Tensor, " slot"] | None = None,
    ) -> tuple[Float[Tensor, "slot time feature"], State]:
        """Returns features of a chunk of crops in [-1, 1] (zeros for slots that are not active), and the new state."""
        ...
