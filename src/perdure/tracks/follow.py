"""The one loop: a tracker over a labelled stream, and what is noted of every track at its first ages.

Knows no source and no model: what else is noted than hits, scores and boxes comes in as columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perdure.data.labelled_stream import LabelledFrame, LabelledStream
from perdure.data.track_labels import TrackLabel, majority_label
from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_features import FeatureStream
from perdure.evidence.track_geometry import track_geometry
from perdure.track_table import TrackTable
from perdure.tracking.crops import CropConfig, crop_tracks
from perdure.tracking.tracker import Tracker, TrackerConfig
from perdure.tracks.tracks_config import HORIZON
from perdure.types import TrackFrame

LAST_FRAMES = 10
"""Tracks born this close to the end of a sequence are left out: nobody can tell what they would have become."""
BORDER = 0.02
"""Share of the picture's size within which the last box of a track counts as at its border."""
Column = Callable[[LabelledFrame, TrackFrame, Int[np.ndarray, " m"]], np.ndarray]
"""Returns what is noted of the tracks in some rows of a frame; it is called on every frame in turn."""
ColumnName = Literal["features", "crops", "geometry"]
"""What `columns_of` can note."""


def follow(
    stream: LabelledStream,
    tracker: TrackerConfig,
    *,
    num_ages: int = HORIZON,
    columns: Mapping[str, Column] | None = None,
    uses_truth: bool = False,
    least_frames: int = LAST_FRAMES + 1,
) -> TrackTable:
    """Returns the tracks of a stream that are TRUE or FALSE, in order of birth, as one group.

    A track is TRUE if most of its detections, over its whole life, lie on objects that count; those on ignored objects
    are left out.

    Args:
        stream: with its labels.
        tracker: how detections are linked.
        num_ages: frames of each track that are noted, from birth on.
        columns: what is noted beside hits, scores, cues, boxes and classes, by name of the table's column.
        uses_truth: whether detections are linked by the objects they lie on, which clips know.
        least_frames: frames from its birth to the end of the stream that a track must have.

    Raises:
        ValueError: the stream has no frames.
    """
    linker, noted = Tracker(tracker), defaultdict[str, list[np.ndarray]](list)
    num_frames = 0
    for frame in stream.frames():
        owner = frame.owner if uses_truth else None
        tracks = linker.update(frame.detections, owner=owner, camera_motion=frame.camera_motion)
        rows, hits = np.flatnonzero(tracks.age <= num_ages), np.flatnonzero(tracks.is_hit)
        noted["hit_id"].append(tracks.track_id[hits])
        noted["label"].append(frame.label[tracks.detection_index[hits]])
        noted["is_last_open"].append(at_border(tracks.xyxy_px[hits], stream.image_size))
        live = tracks.track_id
        for name in ("track_id", "age", "is_hit", "score", "xyxy_px", "class_id"):
            noted[name].append(getattr(tracks, name)[rows])
        noted["cue"].append(tracks.cue[rows].astype(np.float32))
        noted["birth_frame"].append(frame.frame_index + 1 - tracks.age[rows])
        for name, column in (columns or {}).items():
            noted[name].append(column(frame, tracks, rows))
        num_frames += 1
    if not num_frames:
        raise ValueError(f"{stream.name}: got no frames, expected some")
    table, label = _stacked({name: np.concatenate(parts) for name, parts in noted.items()}, num_ages, live)
    is_kept = (table.birth_frame + least_frames <= num_frames) & (label != TrackLabel.IGNORE)
    return table.with_columns(sequence=(stream.name,), scene=()).take(np.flatnonzero(is_kept))


def at_border(xyxy_px: Float[np.ndarray, "n 4"], image_size: tuple[int, int]) -> Bool[np.ndarray, " n"]:
    """Returns which boxes touch the border of the picture, where objects leave."""
    size = np.array(image_size, dtype=np.float64)
    return np.any((xyxy_px[:, :2] <= BORDER * size) | (xyxy_px[:, 2:] >= (1 - BORDER) * size), axis=1)


def _stacked(
    noted: dict[str, np.ndarray], num_ages: int, live: Int[np.ndarray, " m"]
) -> tuple[TrackTable, Int[np.ndarray, " n"]]:
    """Returns all tracks, whose numbers are their rows, and their labels; `live` are those alive at the end."""
    track_id = noted.pop("track_id")
    place = (track_id, noted.pop("age") - 1)
    num = int(track_id.max(initial=-1)) + 1
    counts = np.zeros((num, len(TrackLabel)), dtype=np.int64)
    hit_id = noted.pop("hit_id")
    np.add.at(counts, (hit_id, noted.pop("label")), 1)
    label = majority_label(counts)
    is_open = np.zeros(num, dtype=bool)
    is_open[hit_id] = noted.pop("is_last_open")  # the last detection of a track is written last
    is_open[live] = True
    columns: dict[str, Any] = {"track_id": np.arange(num), "num_hits": counts.sum(axis=1), "is_open": is_open}
    for name in ("birth_frame", "class_id"):
        columns[name] = np.zeros(num, dtype=np.int64)
        columns[name][track_id] = noted.pop(name)
    noted["is_valid"] = np.ones(len(track_id), dtype=bool)
    for name, values in noted.items():
        empty = np.nan if name in ("features", "evidence") else 0
        columns[name] = np.full((num, num_ages, *values.shape[1:]), empty, dtype=values.dtype)
        columns[name][place] = values
    is_persistent, group = label == TrackLabel.TRUE, np.zeros(num, dtype=np.int64)
    return TrackTable(**columns, is_persistent=is_persistent, group=group), label


def columns_of(
    stream: LabelledStream, names: Sequence[ColumnName], crop: CropConfig | None = None
) -> dict[str, Column]:
    """Returns what notes some columns of a stream.

    Args:
        stream: that is followed.
        names: of the columns; `crops` needs pixels.
        crop: how crops are cut.
    """
    described = FeatureStream(image_size=stream.image_size, scale=StreamScale.given(stream.known_scores))
    window = crop or CropConfig()

    def features(frame: LabelledFrame, tracks: TrackFrame, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m f"]:
        return described.step(tracks, rows).astype(np.float32)

    def crops(frame: LabelledFrame, tracks: TrackFrame, rows: Int[np.ndarray, " m"]) -> UInt8[np.ndarray, "m s s 3"]:
        if frame.pixels is None:
            raise ValueError(f"{stream.name}: got no pixels, expected them for the crops of tracks")
        return crop_tracks(frame.pixels, tracks.xyxy_px[rows], size_px=window.size_px, context=window.context)

    def geometry(frame: LabelledFrame, tracks: TrackFrame, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m g"]:
        pixels = frame.pixels
        size = stream.image_size if pixels is None else (pixels.shape[1], pixels.shape[0])
        return track_geometry(tracks, size, (0.0, 1.0))[rows]

    known: dict[ColumnName, Column] = {"features": features, "crops": crops, "geometry": geometry}
    return {name: known[name] for name in names}


def track_table(
    streams: Sequence[LabelledStream],
    tracker: TrackerConfig,
    *,
    columns: Sequence[ColumnName] = ("features",),
    crop: CropConfig | None = None,
    num_ages: int = HORIZON,
    uses_truth: bool = False,
    least_frames: int = LAST_FRAMES + 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrackTable:
    """Returns the labelled tracks of any streams, each of them a group, with the columns that are asked for.

    Args:
        streams: clips, MOT folders or synthetic scenes.
        tracker: how detections are linked.
        columns: what is noted beside hits, scores, cues, boxes and classes.
        crop: how crops are cut.
        num_ages: frames of each track.
        uses_truth: whether detections are linked by the objects they lie on, which clips know.
        least_frames: frames from its birth to the end of the stream that a track must have.
        on_progress: told how many streams are done.

    Raises:
        ValueError: a stream has no frames, or no pixels where crops are asked for.
    """
    parts = []
    for number, stream in enumerate(streams):
        parts.append(
            follow(
                stream,
                tracker,
                num_ages=num_ages,
                columns=columns_of(stream, columns, crop),
                uses_truth=uses_truth,
                least_frames=least_frames,
            )
        )
        on_progress(number + 1, len(streams))
    scene = np.unique([stream.scene for stream in streams], return_inverse=True)[1]
    return TrackTable.join(parts).with_columns(scene=tuple(scene.tolist()))
