"""Batches of whole scenes from track windows."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from perdure.evidence.model import EvidenceInput
from perdure.gate.model import PersistenceModel
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable
from perdure.training.offline import NEVER, evidence_input, visible_until


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

    def to(self, device: torch.device) -> Batch:
        """Returns the batch on a device."""
        values = {item.name: getattr(self.inputs, item.name) for item in fields(self.inputs)}
        inputs = replace(self.inputs, **{name: value.to(device) for name, value in values.items() if value is not None})
        rest = {item.name: getattr(self, item.name).to(device) for item in fields(self) if item.name != "inputs"}
        return Batch(inputs=inputs, **rest)


class WindowTensors:
    """Track windows as tensors, with the lifetime evidence computed once and scores standardised.

    Args:
        windows: tracks of one source, or several sources; the two classes weigh alike within each source, so that no
            source teaches the model how common its objects are.
        model: gives lifetime evidence and score scale.
        is_photometric: whether batches also vary in contrast, brightness and colour.
    """

    def __init__(
        self, windows: TrackTable | list[TrackTable], model: PersistenceModel, *, is_photometric: bool = False
    ) -> None:
        sources = windows if isinstance(windows, list) else [windows]
        self.balance = torch.cat([_balance(source) for source in sources])
        windows, self.is_photometric = TrackTable.join(sources), is_photometric
        self.crops = torch.from_numpy(windows.known("crops"))
        self.inputs = evidence_input(windows, model)
        self.visible_until = torch.from_numpy(visible_until(windows))
        self.is_persistent = torch.from_numpy(windows.is_persistent.astype(np.float32))
        scenes = np.unique(windows.unit)
        self.rows_of_scene = [torch.from_numpy(np.flatnonzero(windows.unit == scene)) for scene in scenes]

    @property
    def num_scenes(self) -> int:
        """Scenes that have a track."""
        return len(self.rows_of_scene)

    @property
    def num_ages(self) -> int:
        """Frames of each track, from birth on."""
        return int(self.inputs.is_valid.shape[1])

    def sample(self, num_scenes: int, gated_share: float, generator: torch.Generator) -> Batch:
        """Returns random scenes, all their crops under one random flip or transposition and order of the colours."""
        scenes = torch.randint(self.num_scenes, (num_scenes,), generator=generator).tolist()
        rows = torch.cat([self.rows_of_scene[scene] for scene in scenes])
        place = torch.cat([torch.full((len(self.rows_of_scene[scene]),), i) for i, scene in enumerate(scenes)])
        crops = _augmented(self.crops[rows], generator)
        if self.is_photometric:
            crops = _relit(crops, place, generator)
        shown_until = self._shown_until(rows, place, gated_share, generator)
        return self._batch(rows, place, crops, shown_until)

    def whole(self, rows: Int[Tensor, " row"]) -> Batch:
        """Returns a batch of given tracks as they are."""
        return self._batch(rows, self.inputs.scene[rows], self.crops[rows], self.visible_until[rows])

    def _batch(self, rows: Tensor, scene: Tensor, crops: Tensor, shown_until: Tensor) -> Batch:
        inputs = self.inputs.rows(rows)
        is_persistent = self.is_persistent[rows]
        return Batch(
            crops=to_input(crops),
            inputs=replace(inputs, scene=scene),
            is_persistent=is_persistent,
            weight=self.balance[rows, None] * inputs.is_valid,
            shown_until=shown_until,
        )

    def _shown_until(
        self, rows: Tensor, place: Tensor, gated_share: float, generator: torch.Generator
    ) -> Int[Tensor, " row"]:
        """Draws the age at which each track vanishes from the others' sight, for a share of the scenes.

        Where that does not come first, its tokens vanish when the tracker deletes it.
        """
        is_gated = torch.rand(int(place[-1]) + 1, generator=generator)[place] < gated_share
        age = torch.randint(self.num_ages, (len(rows),), generator=generator)
        return torch.where(is_gated, self.inputs.frame[rows, 0] + age, NEVER).minimum(self.visible_until[rows])


def _balance(windows: TrackTable) -> Float[Tensor, " n"]:
    """Returns weights under which both classes count alike, mean 1."""
    share = float(np.clip(windows.is_persistent.mean(), 0.01, 0.99))
    return torch.from_numpy(np.where(windows.is_persistent, 0.5 / share, 0.5 / (1 - share)).astype(np.float32))


def _relit(
    crops: UInt8[Tensor, "slot time size size 3"], place: Int[Tensor, " slot"], generator: torch.Generator
) -> UInt8[Tensor, "slot time size size 3"]:
    """Returns crops with contrast, brightness and saturation drawn anew for each scene."""
    num_scenes = int(place[-1]) + 1
    drawn = torch.rand(num_scenes, 3, generator=generator)[place][:, :, None, None, None, None]
    x = crops.float()
    grey = x.mean(-1, keepdim=True)
    # A third of all scenes is grey, as cameras for heat and for the night are.
    saturation = (1.5 * drawn[:, 0] - 0.5).clamp(0.0, 1.0)
    x = grey + saturation * (x - grey)
    contrast, shift = 0.3 + 0.9 * drawn[:, 1], 80.0 * (drawn[:, 2] - 0.5)
    return ((x - 127.5) * contrast + 127.5 + shift).clamp(0, 255).to(torch.uint8)


def _augmented(
    crops: UInt8[Tensor, "slot time size size 3"], generator: torch.Generator
) -> UInt8[Tensor, "slot time size size 3"]:
    """Returns crops after a random flip or transposition and a random order of the colours."""
    flips = torch.rand(3, generator=generator) < 0.5
    if flips[0]:
        crops = crops.flip(-2)
    if flips[1]:
        crops = crops.flip(-3)
    if flips[2]:
        crops = crops.transpose(-2, -3)
    return crops[..., torch.randperm(3, generator=generator)]
