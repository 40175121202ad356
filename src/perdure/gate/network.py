"""The networks of a model, which turn crops, hits and boxes into evidence, and what they remember of a stream."""

from __future__ import annotations

import time

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from perdure.evidence.config import ModelConfig
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.model import EvidenceInput, EvidenceModel
from perdure.evidence.track_geometry import track_geometry
from perdure.extractors.magvit import MagvitExtractor
from perdure.extractors.registry import build_extractor
from perdure.gate.results import GateCost
from perdure.gate.streams import SlotStep
from perdure.modules.streaming import reset_rows, resize_rows, state_from_arrays, state_to_arrays
from perdure.rewind import Rewindable
from perdure.tokenizer.model import to_input
from perdure.types import TrackFrame


class TrackNetwork(nn.Module):
    """Extractor, lifetime evidence and evidence model: what a stream needs of a model.

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


class NetworkSlots(Rewindable):
    """Runs extractor and evidence model one frame at a time.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: TrackNetwork) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self._extractor = model.extractor.init_state(0)
        self._evidence = model.evidence.init_state(0)
        self._tracks: TrackFrame | None = None
        self._image_size: tuple[int, int] | None = None

    def resize(self, num: int) -> None:
        """Has so many slots from now on."""
        extra = max(num - len(self._evidence.total), 0)
        self._extractor = resize_rows(self._extractor, num, self.model.extractor.init_state(extra))
        self._evidence = resize_rows(self._evidence, num, self.model.evidence.init_state(extra))

    def reset(self, slots: Int[np.ndarray, " n"]) -> None:
        """Makes slots fresh."""
        rows = torch.from_numpy(slots).to(self.device)
        self._extractor = reset_rows(self._extractor, rows, self.model.extractor.init_state(len(slots)))
        self._evidence = reset_rows(self._evidence, rows, self.model.evidence.init_state(len(slots)))

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None, rows: Int[np.ndarray, " n"]) -> None:
        """Takes in a frame; this model knows tracks by their tokens alone."""
        self._tracks, self._image_size = tracks, image_size

    @torch.inference_mode()
    def step(self, step: SlotStep, cost: GateCost) -> Float[np.ndarray, " n"]:
        """Returns the evidence of tracks on the frame that was seen last; all other slots stay as they are.

        Raises:
            ValueError: the size of the picture is not known.
        """
        tracks, size = self._tracks, self._image_size
        if tracks is None or size is None:
            raise ValueError("image_size: got None, expected (width, height) in pixels since there are no frames")
        geometry = track_geometry(tracks, size, self.model.score_scale)[step.rows]
        rows = torch.from_numpy(step.slots).to(self.device)
        active = torch.zeros(len(self._evidence.total), dtype=torch.bool, device=self.device)
        active[rows] = True
        start = time.perf_counter()
        feature = None if step.crops is None else self._features(step.crops, rows, active)
        encoded = time.perf_counter()
        inputs = self._inputs(step, rows, feature, geometry, tracks.frame_index)
        output, self._evidence = self.model.evidence(inputs, self._evidence, active)
        evidence = output.evidence[rows, 0].cpu().numpy().astype(np.float64)
        cost.extractor_s += encoded - start
        cost.evidence_s += time.perf_counter() - encoded
        cost.flops += self._flops(len(rows), has_crops=feature is not None)
        return evidence

    def _features(self, crops: UInt8[np.ndarray, "n size size 3"], rows: Tensor, active: Tensor) -> Tensor:
        size = crops.shape[1]
        pixels = to_input(torch.from_numpy(crops).to(self.device)[:, None])
        x = pixels.new_zeros(len(active), 1, 3, size, size).index_copy(0, rows, pixels)
        feature, self._extractor = self.model.extractor(x, self._extractor, active)
        return feature

    def _inputs(
        self, step: SlotStep, rows: Tensor, feature: Tensor | None, geometry: np.ndarray, frame_index: int
    ) -> EvidenceInput:
        """Returns one frame of evidence input with the given slots filled in."""
        num = len(self._evidence.total)

        def full(value: np.ndarray) -> Tensor:
            given = torch.from_numpy(np.ascontiguousarray(value)).to(self.device)
            return given.new_zeros(num, 1, *given.shape[1:]).index_copy(0, rows, given[:, None])

        return EvidenceInput(
            feature=feature,
            geometry=full(geometry),
            age=full(step.age),
            frame=torch.full((num, 1), frame_index, device=self.device),
            is_valid=full(np.ones(len(rows), dtype=bool)),
            lifetime=full(step.lifetime.astype(np.float32)),
            scene=torch.zeros(num, dtype=torch.int64, device=self.device),
        )

    def _flops(self, num_tracks: int, *, has_crops: bool) -> int:
        keys = len(self._evidence.total) * self.model.config.evidence.memory_frames + num_tracks
        evidence = self.model.evidence.flops(num_tracks, keys)
        return evidence + (num_tracks * self.model.extractor.flops_per_frame if has_crops else 0)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        return state_to_arrays(self._extractor, "extractor") | state_to_arrays(self._evidence, "evidence")

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""
        self._extractor = state_from_arrays(arrays, "extractor", self._extractor)
        self._evidence = state_from_arrays(arrays, "evidence", self._evidence)
