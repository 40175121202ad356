"""What the evidence model reads beside the picture: numbers per track and frame, from geometry and score alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceInput:
    """One chunk of tokens: S slots, T frames.

    Args:
        feature: extractor output, all bits of the token grid; None for a gate without pixels.
        geometry: columns of `track_geometry`.
        age: frames since birth, birth = 1.
        frame: index of the frame in its scene.
        is_valid: whether the slot has a token on that frame.
        lifetime: closed-form lifetime evidence up to that frame, nats.
        scene: scene of each slot; tokens of different scenes never meet.
    """

    feature: Float[Tensor, "slot time feature"] | None
    geometry: Float[Tensor, "slot time geometry"]
    age: Int[Tensor, "slot time"]
    frame: Int[Tensor, "slot time"]
    is_valid: Bool[Tensor, "slot time"]
    lifetime: Float[Tensor, "slot time"]
    scene: Int[Tensor, " slot"]

    def rows(self, rows: Int[Tensor, " row"]) -> EvidenceInput:
        """Returns the input of some slots."""

        def taken(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return EvidenceInput(**{item.name: taken(item.name) for item in fields(self)})
