"""Hand-written streams on which every decision is known beforehand.

Tracks stand still on stripes whose colour names track and frame; the rule reads cues alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.stopping.rules import Horizon, Observation, TruncatedSPRT, Verdict
from perdure.types import Detections

STRIPE_PX = 40
BOX_PX = 10.0
NEVER = TruncatedSPRT(upper=float("inf"), lower=float("-inf"), horizon=64)
"""A rule that never decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CueRule(Horizon):
    """Confirms at a total cue of 3, rejects at -3: three hits with a cue of 1 or -1."""

    def decide(self, observation: Observation) -> Verdict:
        """Returns what the cues say."""
        total = observation.cue_total
        return self.verdict(observation.age, confirm=total >= 3, reject=total <= -3)


@dataclass(frozen=True)
class Script:
    """One track.

    Args:
        hits: a character a frame from birth on: `+` and `-` are hits with a cue of 1 and -1, `0` one without, `.` none.
        start: frame of birth.
    """

    hits: str
    start: int = 0

    def mark(self, frame: int) -> str:
        """Returns the character of a frame; `.` before birth and after the end."""
        age = frame - self.start
        return self.hits[age] if 0 <= age < len(self.hits) else "."


def picture(num_stripes: int, frame: int) -> np.ndarray:
    """Returns a frame of stripes: red counts stripes, green counts frames; a crop inside a stripe has one colour."""
    image = np.zeros((STRIPE_PX, STRIPE_PX * num_stripes, 3), np.uint8)
    image[..., 0] = np.repeat(np.arange(num_stripes) * 7, STRIPE_PX)
    image[..., 1] = frame * 5
    return image


def detections(scripts: Sequence[Script | None], frame: int) -> Detections:
    """Returns the hits of one frame; each track stands in the middle of its stripe, None leaves a stripe empty."""
    marks = [(place, script.mark(frame)) for place, script in enumerate(scripts) if script is not None]
    hit = [(place, mark) for place, mark in marks if mark != "."]
    centre = np.array([(place + 0.5) * STRIPE_PX for place, _ in hit])
    half, middle = np.full(len(hit), BOX_PX / 2), np.full(len(hit), STRIPE_PX / 2)
    return Detections(
        xyxy_px=np.stack([centre - half, middle - half, centre + half, middle + half], axis=1),
        score=np.full(len(hit), 0.5),
        cue=np.array([{"+": 1.0, "-": -1.0, "0": 0.0}[mark] for _, mark in hit]),
    )


def play(
    gate: PersistenceGate, scripts: Sequence[Script | None], num_frames: int, *, start: int = 0, pixels: bool = True
) -> Iterator[GateResult]:
    """Yields what the gate says to each frame from `start` on."""
    for frame in range(start, num_frames):
        image = picture(len(scripts), frame) if pixels else None
        yield gate.update(image, detections(scripts, frame))


class Recorder:
    """Counts what the extractor is really run on, by the colours of `picture`: (stripe, frame) of every crop."""

    def __init__(self, gate: PersistenceGate) -> None:
        self.seen: list[tuple[int, int]] = []
        self.num_calls = 0
        self.features: list[Tensor] = []
        gate.model.extractor.register_forward_hook(self._note)

    def _note(self, _: object, inputs: tuple[Tensor, object, Tensor], output: tuple[Tensor, object]) -> None:
        crops, _, active = inputs
        pixels = (crops[active][:, 0] + 1) * 127.5
        assert torch.equal(pixels.amin((2, 3)), pixels.amax((2, 3))), "a crop reached beyond its stripe"
        colour = pixels[:, :, 0, 0].round().int().tolist()
        self.seen += [(red // 7, green // 5) for red, green, _ in colour]
        self.features.append(output[0][active][:, 0])
        self.num_calls += 1


def evidence_by_age(results: Sequence[GateResult]) -> dict[int, list[float]]:
    """Returns the evidence of each track id on each of its frames."""
    values: dict[int, list[float]] = {}
    for result in results:
        for track in result.tracks:
            values.setdefault(track.track_id, []).append(track.evidence)
    return values
