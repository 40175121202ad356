"""Clips and tracks to look at one by one: which are worth it, and what is stored of each.

Knows decisions and what belongs to a clip; neither how a model came to it nor how it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from perdure.evaluation.attention_sample import AttentionSample
from perdure.evaluation.tracks_evidence import SequenceEvidence
from perdure.metrics.decisions import REASONS, DecisionRecord

Key = tuple[str, int]
"""Clip or sequence, and track."""


def chosen_records(records: Sequence[DecisionRecord], most: int) -> list[DecisionRecord]:
    """Returns decisions that together show what there is: both kinds of error, every reason, early, late and close.

    Each kind names one in turn until there are enough.

    Args:
        records: all decisions.
        most: how many are wanted.
    """
    kinds: list[list[DecisionRecord]] = [
        [record for record in records if not record.is_right and record.true_label == "persistent"],
        [record for record in records if not record.is_right and record.true_label == "transient"],
        *([record for record in records if record.reason == reason] for reason in REASONS),
        sorted(records, key=lambda record: record.decision_frame),
        sorted(records, key=lambda record: -record.decision_frame),
        sorted((record for record in records if record.is_right), key=lambda record: abs(record.evidence)),
    ]
    chosen: dict[Key, DecisionRecord] = {}
    for place in range(len(records)):
        for kind in kinds:
            if place < len(kind) and len(chosen) < most:
                chosen.setdefault((kind[place].clip_id, kind[place].track_id), kind[place])
        if len(chosen) >= most:
            break
    return list(chosen.values())


def chosen_clips(records: Sequence[DecisionRecord], most: int) -> list[str]:
    """Returns the clips of the first chosen decisions, each once."""
    return list(dict.fromkeys(record.clip_id for record in chosen_records(records, len(records))))[:most]


def clip_row(sample: AttentionSample, file: str, frame_rate_hz: float) -> dict[str, Any]:
    """Returns what is stored of a clip beside its pictures.

    Args:
        sample: frames, tracks and attention, all frames of the clip.
        file: name of the pictures, in the folder of this row.
        frame_rate_hz: of the clip.
    """
    height, width = sample.frames.shape[1:3]
    tracks = [
        {
            "track_id": int(sample.track_id[row]),
            "first_frame": int(sample.first_frame[row]),
            **_course(
                sample.xyxy_px[row], sample.is_hit[row], {"evidence": sample.evidence[row], "attention": attention}
            ),
        }
        for row, attention in enumerate(sample.attention)
    ]
    return {
        "clip_id": sample.clip_id,
        "file": file,
        "view_px": [0, 0, width, height],
        "num_frames": len(sample.frames),
        "frame_rate_hz": frame_rate_hz,
        "tracks": tracks,
    }


def track_row(found: SequenceEvidence, row: int) -> dict[str, Any]:
    """Returns what is stored of a recorded track: boxes and evidence at its first ages, and no pictures."""
    table = found.table
    box = np.where(table.is_valid[row][:, None], table.known("xyxy_px")[row], np.nan)
    low, high = np.nanmin(box[:, :2], axis=0), np.nanmax(box[:, 2:], axis=0)
    margin = 0.5 * max((high - low).max(), 1.0)
    track = {
        "track_id": int(table.known("track_id")[row]),
        "first_frame": int(table.birth_frame[row]),
        **_course(box, table.is_hit[row], {"evidence": found.evidence[row]}),
    }
    return {
        "clip_id": found.name,
        "file": None,
        "view_px": [round(float(value), 1) for value in (*(low - margin), *(high + margin))],
        "num_frames": int(table.is_valid[row].sum()),
        "frame_rate_hz": None,
        "tracks": [track],
    }


def track_rows(sequences: Iterable[SequenceEvidence], records: Sequence[DecisionRecord]) -> list[dict[str, Any]]:
    """Returns rows of the tracks that some decisions are about, as far as they are among these."""
    wanted = {(record.clip_id, record.track_id) for record in records}
    rows = []
    for found in sequences:
        ids = found.table.track_id
        for row, track_id in enumerate([] if ids is None else ids.tolist()):
            if (found.name, track_id) in wanted:
                rows.append(track_row(found, row))
    return rows


def _course(box: np.ndarray, is_hit: np.ndarray, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the course of a track from birth on, as long as it is there; what is not known at an age is null."""
    live = np.flatnonzero(np.isfinite(box).all(axis=-1))
    since = slice(int(live[0]), int(live[-1]) + 1) if len(live) else slice(0, 0)
    return {
        "xyxy_px": [[_plain(value, 1) for value in row] for row in box[since].tolist()],
        "is_hit": [int(value) for value in is_hit[since]],
        **{name: [_plain(value, 3) for value in row[since].tolist()] for name, row in values.items()},
    }


def _plain(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
