"""Tracks from a seeded random walk of evidence, and attention on the clips that they live in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perdure.evaluation.attention_sample import AttentionSample
from perdure.metrics.decisions import DecisionRecord
from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip

NUM_FRAMES = 32
HORIZON = 16
MAX_MISSES = 5
BOUND = 3.2


@dataclass(frozen=True, kw_only=True)
class SimulatedTrack:
    """One track: its verdict, its evidence from age 1 on, and how long it lives when nothing stops it."""

    record: DecisionRecord
    evidence: np.ndarray
    num_frames: int


def simulated_track(
    rng: np.random.Generator, *, clip_id: str, track_id: int, is_persistent: bool, first_frame: int, strength: float
) -> SimulatedTrack:
    """Walks until a bound, the horizon or the deletion of the track."""
    lifetime = NUM_FRAMES if is_persistent else int(rng.integers(1, 4))
    num_frames = min(NUM_FRAMES - first_frame, lifetime + (0 if is_persistent else MAX_MISSES))
    sign = 1 if is_persistent else -1
    evidence = np.cumsum(rng.normal(sign * strength**2 / 2, strength, HORIZON))
    crossed = np.flatnonzero(np.abs(evidence) >= BOUND)
    age = int(crossed[0]) + 1 if len(crossed) else HORIZON
    reason = "evidence" if len(crossed) else "timeout"
    if age > num_frames:
        age, reason = num_frames, "deleted"
    value = float(evidence[age - 1])
    says_persistent = reason == "timeout" or (reason == "evidence" and value > 0)
    record = DecisionRecord(
        clip_id=clip_id,
        track_id=track_id,
        true_label="persistent" if is_persistent else "transient",
        label="persistent" if says_persistent else "transient",
        evidence=value,
        probability=1 / (1 + math.exp(-value)),
        decision_frame=age,
        decided=reason != "timeout",
        reason=reason,
        first_frame=first_frame,
        last_frame=first_frame + num_frames - 1,
        frames_encoded=age,
        reopened=False,
    )
    return SimulatedTrack(record=record, evidence=evidence, num_frames=num_frames)


def attention_sample(clip: Clip, tracks: list[SimulatedTrack], rng: np.random.Generator) -> AttentionSample:
    """Invents attention for the tracks of a clip: more on persistent tokens, most of it around the decision."""
    truth, num = clip.truth, len(tracks)
    assert truth is not None
    shape = (num, clip.num_frames)
    xyxy_px, attention, evidence = np.full((*shape, 4), np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    is_hit = np.zeros(shape, dtype=bool)
    for row, track in enumerate(tracks):
        first, last = track.record.first_frame, track.record.last_frame
        live = slice(first, last + 1)
        xyxy_px[row, live] = truth.xyxy_px[row, live]
        is_hit[row, live] = [row in truth.detection_owner[frame] for frame in range(first, last + 1)]
        age = np.arange(last - first + 1)
        scale = 1.3 if track.record.true_label == "persistent" else 0.45
        attention[row, live] = scale * (1 + np.exp(-age / 4)) * rng.lognormal(0, 0.25, len(age))
        seen = track.evidence[: len(age)]
        evidence[row, first : first + len(seen)] = seen
    is_persistent = np.array([track.record.true_label == "persistent" for track in tracks])
    has_both = is_persistent.any() and not is_persistent.all()
    ratio = np.nanmean(attention[is_persistent]) / np.nanmean(attention[~is_persistent]) if has_both else 1.0
    return AttentionSample(
        clip_id=clip.clip_id,
        frames=np.asarray(clip.frames),
        frame_index=np.arange(clip.num_frames),
        track_id=np.array([track.record.track_id for track in tracks]),
        true_label=tuple(track.record.true_label for track in tracks),
        label=tuple(track.record.label for track in tracks),
        first_frame=np.array([track.record.first_frame for track in tracks]),
        decision_frame=np.array([track.record.decision_frame for track in tracks]),
        xyxy_px=xyxy_px,
        is_hit=is_hit,
        attention=attention,
        evidence=evidence,
        ratio=float(ratio),
    )


def simulated_clips(
    *, seed: int, num_clips: int, num_samples: int, strength: float
) -> tuple[list[SimulatedTrack], list[AttentionSample]]:
    """Returns tracks of all clips; the first clips come from the synthetic world and carry attention."""
    rng = np.random.default_rng(seed)
    world = WorldConfig()
    tracks: list[SimulatedTrack] = []
    samples = []
    for index in range(num_clips):
        clip_id = f"clip_{index:04d}"
        clip = generate_clip(world, seed=seed, index=index, clip_id=clip_id) if index < num_samples else None
        if clip is not None and clip.truth is not None:
            births = list(zip(clip.truth.is_persistent.tolist(), clip.truth.birth_frame.tolist(), strict=True))
        else:
            births = [(bool(rng.random() < 0.5), int(rng.integers(0, 16))) for _ in range(int(rng.integers(2, 6)))]
        here = [
            simulated_track(
                rng, clip_id=clip_id, track_id=row, is_persistent=truth, first_frame=first, strength=strength
            )
            for row, (truth, first) in enumerate(births)
        ]
        tracks += here
        if clip is not None:
            samples.append(attention_sample(clip, here, rng))
    return tracks, samples
