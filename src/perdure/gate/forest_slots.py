"""What a gate whose evidence is a forest remembers of a stream: the features of all its tracks, and looks at crops.

Numpy only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_evidence import TrackEvidence
from perdure.evidence.track_features import FeatureStream
from perdure.gate.results import GateCost
from perdure.gate.streams import SlotStep
from perdure.rewind import Rewindable
from perdure.types import TrackFrame

if TYPE_CHECKING:
    from perdure.gate.crop_looker import CropLooker


class ForestSlots(Rewindable):
    """Gives evidence on tracks from features of the whole stream, and from their crops where there is a looker.

    Args:
        evidence: forest and what belongs to it.
        looker: what looks at crops; None where the forest reads detections alone.
        known_scores: of the same detector, that scores are ranked among; None ranks among those of the stream so far.
    """

    def __init__(
        self,
        evidence: TrackEvidence,
        looker: CropLooker | None = None,
        known_scores: Float[np.ndarray, " k"] | None = None,
    ) -> None:
        self.evidence, self.looker = evidence, looker
        self._scale = StreamScale.given(known_scores)
        self._features: FeatureStream | None = None
        self._seen = np.zeros((0, 0))
        self.noted_age = 0
        """Tracks up to this age are described on every frame, looked at or not: for whoever learns from them."""
        self.noted = (np.zeros(0, dtype=np.int64), np.zeros((0, 0)))
        """Rows of the latest frame that are described, and their features."""

    def resize(self, num: int) -> None:
        """Has so many slots from now on."""
        if self.looker is not None:
            self.looker.resize(num)

    def reset(self, slots: Int[np.ndarray, " n"]) -> None:
        """Makes slots fresh; what their tracks looked like stays in the memory of the scene."""
        if self.looker is not None:
            self.looker.reset(slots)

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None, rows: Int[np.ndarray, " n"]) -> None:
        """Takes in all tracks of a frame.

        Raises:
            ValueError: the size of the picture is not known.
        """
        if self._features is None:
            if image_size is None:
                raise ValueError("image_size: got None, expected (width, height) in pixels since there are no frames")
            self._features = FeatureStream(image_size=image_size, scale=self._scale)
        if not self.noted_age:
            self._seen = self._features.step(tracks, rows)
            return
        wanted = np.union1d(rows, np.flatnonzero(tracks.age <= self.noted_age))
        self.noted = wanted, self._features.step(tracks, wanted)
        self._seen = self.noted[1][np.searchsorted(wanted, rows)]

    def step(self, step: SlotStep, cost: GateCost) -> Float[np.ndarray, " n"]:
        """Returns the evidence of tracks on the frame that was seen last."""
        start, looks = time.perf_counter(), None
        if self.looker is not None and step.crops is not None:
            looks = self.looker.look(step.slots, step.crops)
            cost.flops += len(step.rows) * self.looker.flops_per_frame
        looked = time.perf_counter()
        evidence = self.evidence.evidence(self._seen, step.lifetime, looks)
        cost.extractor_s += looked - start
        cost.evidence_s += time.perf_counter() - looked
        return evidence

    @staticmethod
    def together(asked: Sequence[tuple[ForestSlots, SlotStep, GateCost]]) -> list[Float[np.ndarray, " n"]]:
        """Returns the evidence of several streams of one model at once; each bears its share of the cost."""
        if any(slots.looker is not None for slots, _, _ in asked):
            return [slots.step(step, cost) for slots, step, cost in asked]
        start = time.perf_counter()
        model, lifetime = asked[0][0].evidence, np.concatenate([step.lifetime for _, step, _ in asked])
        evidence = model.evidence(np.concatenate([slots._seen for slots, _, _ in asked]), lifetime)
        second = (time.perf_counter() - start) / max(len(lifetime), 1)
        for _, step, cost in asked:
            cost.evidence_s += second * len(step.rows)
        return np.split(evidence, np.cumsum([len(step.rows) for _, step, _ in asked])[:-1])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        features = {} if self._features is None else self._features.to_arrays()
        looks = {} if self.looker is None else self.looker.to_arrays("looks.")
        return {f"features.{name}": value for name, value in features.items()} | looks

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""
        part = "features."
        stored = {name.removeprefix(part): value for name, value in arrays.items() if name.startswith(part)}
        self._features = FeatureStream.from_arrays(stored) if stored else None
        if self.looker is not None:
            self.looker.set_arrays(arrays, "looks.")
