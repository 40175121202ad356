"""Batches of whole scenes from track windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from perdure.evidence.inputs import EvidenceInput
from perdure.tokenizer.model import to_input
from perdure.training.windows import SCORE_COLUMN, TrackWindows


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tracks of a few scenes.

    Args:
        crops: windows in [-1, 1].
        inputs: everything for the evidence model but the picture features.
        is_persistent: truth as 0 or 1.
        weight: class-balanced weight of every frame; 0 where there is no frame.
        shown_until: last frame at which a track's tokens are shown to the others.
    """

    crops: Float[Tensor, "slot time 3 height width"]
    inputs: EvidenceInput
    is_persistent: Float[Tensor, " slot"]
    weight: Float[Tensor, "slot time"]
    shown_until: Int[Tensor, " slot"]


class WindowTensors:
    """Track windows as tensors, with the lifetime evidence computed once and scores standardised."""

    def __init__(self, windows: TrackWindows, lifetime: Float[np.ndarray, "n l"], score_scale: tuple[float, float]) -> None:
        geometry = windows.geometry.copy()
        score = np.clip((geometry[..., SCORE_COLUMN] - score_scale[0]) / score_scale[1], -4.0, 4.0)
        geometry[..., SCORE_COLUMN] = score * windows.is_hit
        self.crops = torch.from_numpy(windows.crops)
        self.geometry = torch.from_numpy(geometry)
        self.lifetime = torch.from_numpy(np.where(windows.is_valid, lifetime, 0.0).astype(np.float32))
        self.frame = torch.from_numpy(windows.frame)
        self.is_valid: Bool[Tensor, "n l"] = torch.from_numpy(windows.is_valid)
        self.is_persistent = torch.from_numpy(windows.is_persistent.astype(np.float32))
        self.scene = torch.from_numpy(windows.scene)
        self.rows_of_scene = [torch.from_numpy(np.flatnonzero(windows.scene == scene)) for scene in np.unique(windows.scene)]
        share = float(np.clip(windows.is_persistent.mean(), 0.01, 0.99))
        self.class_weight = (0.5 / (1 - share), 0.5 / share)

    @property
    def num_scenes(self) -> int:
        return len(self.rows_of_scene)

    def sample(self, num_scenes: int, gated_share: float, generator: torch.Generator) -> Batch:
        """Returns a random batch: random scenes, one random flip and one random colour order for all its crops."""
        scenes = torch.randint(self.num_scenes, (num_scenes,), generator=generator)
        rows = torch.cat([self.rows_of_scene[int(scene)] for scene in scenes])
        place = torch.cat([torch.full((len(self.rows_of_scene[int(s)]),), i) for i, s in enumerate(scenes)])
        crops = _augment(self.crops[rows], generator)
        shown_until = self._shown_until(rows, place, num_scenes, gated_share, generator)
        return self._batch(rows, place, crops, shown_until)

    def whole(self, rows: Int[Tensor, " row"]) -> Batch:
        """Returns a batch of given tracks as they are."""
        never = torch.full((len(rows),), torch.iinfo(torch.int64).max)
        return self._batch(rows, self.scene[rows], self.crops[rows], never)

    def _batch(self, rows: Tensor, scene: Tensor, crops: Tensor, shown_until: Tensor) -> Batch:
        is_valid, is_persistent = self.is_valid[rows], self.is_persistent[rows]
        age = torch.arange(1, is_valid.shape[1] + 1).expand_as(is_valid)
        weight = torch.where(is_persistent > 0, self.class_weight[1], self.class_weight[0])[:, None] * is_valid
        inputs = EvidenceInput(
            feature=None,
            geometry=self.geometry[rows],
            age=age,
            frame=self.frame[rows],
            is_valid=is_valid,
            lifetime=self.lifetime[rows],
            scene=scene,
        )
        return Batch(
            crops=to_input(crops), inputs=inputs, is_persistent=is_persistent, weight=weight, shown_until=shown_until
        )

    def _shown_until(
        self, rows: Tensor, place: Tensor, num_scenes: int, gated_share: float, generator: torch.Generator
    ) -> Int[Tensor, " row"]:
        """Draws the age at which each track vanishes from the others' sight, for a share of the scenes."""
        is_gated = torch.rand(num_scenes, generator=generator)[place] < gated_share
        age = torch.randint(self.is_valid.shape[1], (len(rows),), generator=generator)
        return torch.where(is_gated, self.frame[rows, 0] + age, torch.iinfo(torch.int64).max)


def _augment(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Returns crops after a random flip or transposition and a random order of the colours."""
    flips = torch.rand(3, generator=generator) < 0.5
    if flips[0]:
        crops = crops.flip(-2)
    if flips[1]:
        crops = crops.flip(-3)
    if flips[2]:
        crops = crops.transpose(-2, -3)
    return crops[..., torch.randperm(3, generator=generator)]
