"""Tracks from a seeded random walk of evidence, and attention on the clips that they live in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perdure.evaluation.attention_sample import AttentionSample
from perdure.metrics.decisions import DecisionRecord

NUM_FRAMES = 32
HORIZON = 16
MAX_MISSES = 5
BOUND = 3.2
SIDE_PX = 96
RADIUS_PX = 6


@dataclass(frozen=True, kw_only=True)
class SimulatedTrack:
    """One track: its verdict, its evidence from age 1 on, how long it and its object live when nothing stops it."""

    record: DecisionRecord
    evidence: np.ndarray
    num_frames: int
    lifetime: int


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
    return SimulatedTrack(record=record, evidence=evidence, num_frames=num_frames, lifetime=lifetime)


def drawn_scene(rng: np.random.Generator, tracks: list[SimulatedTrack]) -> tuple[np.ndarray, np.ndarray]:
    """Returns frames (t, h, w, 3) with a bright disc for every object that lives, and all boxes (n, t, 4)."""
    frames = rng.normal(110, 9, (NUM_FRAMES, SIDE_PX, SIDE_PX, 3))
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    boxes = np.zeros((len(tracks), NUM_FRAMES, 4))
    for index, track in enumerate(tracks):
        start, velocity = rng.uniform(20, SIDE_PX - 20, 2), rng.uniform(-0.5, 0.5, 2)
        colour = rng.uniform(0, 255, 3)
        for frame in range(NUM_FRAMES):
            x, y = start + velocity * (frame - track.record.first_frame)
            boxes[index, frame] = x - RADIUS_PX, y - RADIUS_PX, x + RADIUS_PX, y + RADIUS_PX
            if 0 <= frame - track.record.first_frame < track.lifetime:
                frames[frame, (columns - x) ** 2 + (rows - y) ** 2 < RADIUS_PX**2] = colour
    return frames.clip(0, 255).astype(np.uint8), boxes


def attention_sample(clip_id: str, tracks: list[SimulatedTrack], rng: np.random.Generator) -> AttentionSample:
    """Invents attention for the tracks of a clip: more on persistent tokens, most of it just after birth."""
    frames, boxes = drawn_scene(rng, tracks)
    shape = (len(tracks), NUM_FRAMES)
    xyxy_px, attention, evidence = np.full((*shape, 4), np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    is_hit = np.zeros(shape, dtype=bool)
    for row, track in enumerate(tracks):
        first, last = track.record.first_frame, track.record.last_frame
        age = np.arange(last - first + 1)
        live = slice(first, last + 1)
        xyxy_px[row, live] = boxes[row, live]
        is_hit[row, live] = (age < track.lifetime) & (rng.random(len(age)) < 0.9)
        scale = 1.3 if track.record.true_label == "persistent" else 0.45
        attention[row, live] = scale * (1 + np.exp(-age / 4)) * rng.lognormal(0, 0.25, len(age))
        seen = track.evidence[: len(age)]
        evidence[row, first : first + len(seen)] = seen
    is_persistent = np.array([track.record.true_label == "persistent" for track in tracks])
    has_both = is_persistent.any() and not is_persistent.all()
    ratio = np.nanmean(attention[is_persistent]) / np.nanmean(attention[~is_persistent]) if has_both else 1.0
    return AttentionSample(
        clip_id=clip_id,
        frames=frames,
        frame_index=np.arange(NUM_FRAMES),
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
    """Returns tracks of all clips; the first clips are drawn and carry attention."""
    rng = np.random.default_rng(seed)
    tracks: list[SimulatedTrack] = []
    samples = []
    for index in range(num_clips):
        clip_id = f"clip_{index:04d}"
        births = [(bool(rng.random() < 0.5), int(rng.integers(0, 16))) for _ in range(int(rng.integers(2, 6)))]
        here = [
            simulated_track(
                rng, clip_id=clip_id, track_id=row, is_persistent=truth, first_frame=first, strength=strength
            )
            for row, (truth, first) in enumerate(births)
        ]
        tracks += here
        if index < num_samples:
            samples.append(attention_sample(clip_id, here, rng))
    return tracks, samples
