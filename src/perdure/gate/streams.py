"""The streaming state of all encoded tracks: slots of extractor and evidence model that grow with the scene.

Knows tensors and slots. Does not know what is decided, or why a slot is taken or freed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from perdure.evidence.inputs import EvidenceInput
from perdure.evidence.lifetime import LifetimeState
from perdure.evidence.track_geometry import HIT_COLUMN
from perdure.gate.network import TrackNetwork
from perdure.gate.results import GateCost
from perdure.gate.slots import SlotTable
from perdure.modules.streaming import State, flatten_state, map_state, reset_rows, unflatten_state
from perdure.tokenizer.model import to_input
from perdure.types import TrackFrame


class TrackStreams:
    """Runs extractor and evidence model one frame at a time for the tracks that own a slot."""

    def __init__(self, model: TrackNetwork) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self._slots = SlotTable()
        self._lifetime = model.lifetime.init_state(0)
        self._extractor = model.extractor.init_state(0)
        self._evidence = model.evidence.init_state(0)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._slots

    def open(self, track_ids: Iterable[int]) -> None:
        """Gives each track a fresh slot."""
        self._slots.add(track_ids)
        self._fit()

    def close(self, track_ids: Iterable[int]) -> None:
        """Frees slots and forgets their tokens, so that no other track sees them any more."""
        slots = [self._slots.release(track_id) for track_id in track_ids]
        if not slots:
            return
        rows = torch.tensor(slots, device=self.device)
        self._extractor = reset_rows(self._extractor, rows, self.model.extractor.init_state(len(slots)))
        self._evidence = reset_rows(self._evidence, rows, self.model.evidence.init_state(len(slots)))
        self._lifetime = self._lifetime.reset(np.array(slots))
        self._slots.shrink()
        self._fit()

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None) -> None:
        """Takes in nothing: this model knows tracks by their tokens alone."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state of `get_state` as arrays."""
        return {name: value.numpy() for name, value in self.get_state().items()}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""
        self.set_state({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})

    def get_state(self) -> dict[str, Tensor]:
        """Returns the state of all slots as named tensors; `set_state` continues from it exactly."""
        state = {
            "slots": torch.tensor(self._slots.to_rows(), dtype=torch.int64).reshape(-1, 2),
            "capacity": torch.tensor(self._slots.capacity),
            "lifetime.log_ratio": torch.from_numpy(self._lifetime.log_ratio),
            "lifetime.age": torch.from_numpy(self._lifetime.age),
        }
        for name, part in (("extractor", self._extractor), ("evidence", self._evidence)):
            state |= {f"{name}.{index}": value for index, value in enumerate(flatten_state(part))}
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def set_state(self, state: dict[str, Tensor]) -> None:
        """Continues from a state of `get_state` of the same model."""
        self._slots = SlotTable.from_rows(map(tuple, state["slots"].tolist()), int(state["capacity"]))
        self._lifetime = replace(
            self.model.lifetime.init_state(0),
            log_ratio=state["lifetime.log_ratio"].numpy().copy(),
            age=state["lifetime.age"].numpy().copy(),
        )
        self._extractor = self._unflattened(state, "extractor", self.model.extractor.init_state(0))
        self._evidence = self._unflattened(state, "evidence", self.model.evidence.init_state(0))

    def _unflattened(self, state: dict[str, Tensor], name: str, like: State) -> State:
        num = len(flatten_state(like))
        return unflatten_state([state[f"{name}.{index}"].clone().to(self.device) for index in range(num)], like)

    def _fit(self) -> None:
        """Makes the state as long as the table of slots: fresh rows at the end, or free ones cut off."""
        capacity = self._slots.capacity
        extra = capacity - len(self._evidence.total)
        if extra == 0:
            return
        if extra < 0:
            self._extractor, self._evidence = (
                map_state(lambda value: value[:capacity].clone(), state) for state in (self._extractor, self._evidence)
            )
            kept = {name: getattr(self._lifetime, name)[:capacity] for name in ("log_ratio", "age")}
            self._lifetime = replace(self._lifetime, **kept)
            return

        def join(old: Tensor, new: Tensor) -> Tensor:
            return torch.cat([old, new])

        self._extractor = map_state(join, self._extractor, self.model.extractor.init_state(extra))
        self._evidence = map_state(join, self._evidence, self.model.evidence.init_state(extra))
        self._lifetime = self._lifetime.grown(extra)

    @torch.inference_mode()
    def advance(
        self,
        track_ids: list[int],
        *,
        crops: UInt8[np.ndarray, "n size size 3"] | None,
        geometry: Float[np.ndarray, "n geometry"],
        age: Int[np.ndarray, " n"],
        frame_index: int,
        cost: GateCost,
    ) -> Float[np.ndarray, " n"]:
        """Returns the evidence of the given tracks after one more frame; all other slots stay as they are.

        Args:
            track_ids: tracks that own a slot.
            crops: their windows; None for a model without pixels.
            geometry: rows of `track_geometry`.
            age: frames since each track was opened, 1 at first.
            frame_index: of the frame; all tracks of the stream share it.
            cost: seconds, operations and track-frames are added here.
        """
        slots = np.array(self._slots.rows(track_ids))
        capacity = self._slots.capacity
        rows = torch.from_numpy(slots).to(self.device)
        active = torch.zeros(capacity, dtype=torch.bool, device=self.device)
        active[rows] = True
        start = time.perf_counter()
        feature = None if crops is None else self._features(crops, rows, active)
        encoded = time.perf_counter()
        lifetime, self._lifetime = self._lifetime_step(slots, geometry)
        inputs = self._inputs(rows, feature=feature, geometry=geometry, age=age, frame=frame_index, lifetime=lifetime)
        output, self._evidence = self.model.evidence(inputs, self._evidence, active)
        evidence = output.evidence[rows, 0].cpu().numpy().astype(np.float64)
        cost.extractor_s += encoded - start
        cost.evidence_s += time.perf_counter() - encoded
        cost.flops += self._flops(len(track_ids), has_crops=crops is not None)
        cost.track_frames += len(track_ids)
        return evidence

    def _features(self, crops: UInt8[np.ndarray, "n size size 3"], rows: Tensor, active: Tensor) -> Tensor:
        size = crops.shape[1]
        pixels = to_input(torch.from_numpy(crops).to(self.device)[:, None])
        x = pixels.new_zeros(len(active), 1, 3, size, size).index_copy(0, rows, pixels)
        feature, self._extractor = self.model.extractor(x, self._extractor, active)
        return feature

    def _lifetime_step(self, slots: np.ndarray, geometry: np.ndarray) -> tuple[np.ndarray, LifetimeState]:
        is_hit = geometry[:, HIT_COLUMN] > 0
        return self._lifetime.advanced(slots, is_hit)

    def _inputs(
        self,
        rows: Tensor,
        *,
        feature: Tensor | None,
        geometry: np.ndarray,
        age: np.ndarray,
        frame: int,
        lifetime: np.ndarray,
    ) -> EvidenceInput:
        """Returns one frame of evidence input with the given rows filled in."""
        capacity = self._slots.capacity

        def full(value: np.ndarray) -> Tensor:
            given = torch.from_numpy(np.ascontiguousarray(value)).to(self.device)
            return given.new_zeros(capacity, 1, *given.shape[1:]).index_copy(0, rows, given[:, None])

        return EvidenceInput(
            feature=feature,
            geometry=full(geometry),
            age=full(age),
            frame=torch.full((capacity, 1), frame, device=self.device),
            is_valid=full(np.ones(len(rows), dtype=bool)),
            lifetime=full(lifetime.astype(np.float32)),
            scene=torch.zeros(capacity, dtype=torch.int64, device=self.device),
        )

    def _flops(self, num_tracks: int, *, has_crops: bool) -> int:
        keys = self._slots.capacity * self.model.config.evidence.memory_frames + num_tracks
        evidence = self.model.evidence.flops(num_tracks, keys)
        return evidence + (num_tracks * self.model.extractor.flops_per_frame if has_crops else 0)
