"""The one loop over a labelled stream: what it notes of tracks, how it labels them, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.street import write_street
from perdure.data.labelled_stream import LabelledStream, clip_stream, sequence_stream
from perdure.data.mot_sequence import read_mot_sequence
from perdure.data.track_labels import MatchConfig
from perdure.track_table import TrackTable
from perdure.tracking.tracker import Tracker, TrackerConfig
from perdure.tracks.follow import follow, track_table
from perdure.types import NO_OWNER, Clip, ClipTruth, Detections

# Objects: 0 persistent, 1 transient (alive in frames 0 and 1 only), 2 persistent.
PERSISTENT_A, TRANSIENT, PERSISTENT_B = 0, 1, 2
THERE = Detections(xyxy_px=np.array([[0.0, 0, 10, 10]]), score=np.ones(1))


def stream_of(owners: list[int | None]) -> LabelledStream:
    """Returns a clip with one detection a frame, none where the owner is None."""
    is_alive = np.ones((3, len(owners)), dtype=bool)
    is_alive[TRANSIENT, 2:] = False
    truth = ClipTruth(
        is_persistent=np.array([True, False, True]),
        birth_frame=np.zeros(3, dtype=int),
        last_frame=np.array([len(owners) - 1, 1, len(owners) - 1]),
        xyxy_px=np.zeros((3, len(owners), 4)),
        is_alive=is_alive,
        cue=np.zeros((3, len(owners))),
        detection_owner=tuple(np.array([] if one is None else [one], dtype=np.int64) for one in owners),
    )
    detections = tuple(Detections.empty() if one is None else THERE for one in owners)
    frames = np.zeros((len(owners), 20, 20, 3), np.uint8)
    return clip_stream(Clip(clip_id="a", frames=frames, frame_rate_hz=10.0, detections=detections, truth=truth))


@pytest.mark.parametrize(
    ("owners", "is_persistent"),
    [
        ([PERSISTENT_A], True),
        ([PERSISTENT_A, PERSISTENT_A, NO_OWNER], True),
        ([PERSISTENT_A, NO_OWNER], False),
        ([PERSISTENT_A, NO_OWNER, NO_OWNER], False),
        ([TRANSIENT, TRANSIENT, PERSISTENT_A], False),
        ([TRANSIENT, PERSISTENT_A, PERSISTENT_A], True),
        # As on recorded sequences it does not matter which of the persistent objects it lies on.
        ([PERSISTENT_A, PERSISTENT_B], True),
        # After its death a hit in the gate of the transient object is a hit on nothing, and so is one before.
        ([TRANSIENT, TRANSIENT, TRANSIENT, TRANSIENT], False),
        ([NO_OWNER, NO_OWNER], False),
        # Missed frames do not count.
        ([PERSISTENT_A, None, None, None, PERSISTENT_A], True),
    ],
)
def test_the_majority_of_its_hits_labels_a_track(owners: list[int | None], is_persistent: bool) -> None:
    assert follow(stream_of(owners), TrackerConfig(), least_frames=1).is_persistent.tolist() == [is_persistent]


def test_each_track_has_its_own_label_also_after_another_one_was_deleted() -> None:
    table = follow(stream_of([TRANSIENT, None, PERSISTENT_A]), TrackerConfig(max_misses=1), least_frames=1)
    assert table.is_persistent.tolist() == [False, True]
    assert table.birth_frame.tolist() == [0, 2] and table.known("track_id").tolist() == [0, 1]


def test_the_whole_life_labels_a_track_and_its_first_ages_are_noted() -> None:
    owners: list[int | None] = [NO_OWNER, NO_OWNER, None, *[PERSISTENT_A] * 3]
    table = follow(stream_of(owners), TrackerConfig(), num_ages=3, least_frames=1)
    assert table.is_persistent.tolist() == [True]
    assert table.is_hit.tolist() == [[True, True, False]] and table.is_valid.all()
    assert table.known("score").tolist() == [[1.0, 1.0, 0.0]]
    assert table.frame.tolist() == [[0, 1, 2]]


def test_tracks_born_too_late_are_left_out() -> None:
    owners: list[int | None] = [None, None, *[PERSISTENT_A] * 5]
    assert len(follow(stream_of(owners), TrackerConfig(), least_frames=5)) == 1
    assert len(follow(stream_of(owners), TrackerConfig(), least_frames=6)) == 0


def test_links_by_truth_keep_objects_apart_and_start_nothing_on_nothing() -> None:
    stream = stream_of([PERSISTENT_A, TRANSIENT, NO_OWNER, PERSISTENT_A])
    table = follow(stream, TrackerConfig(), uses_truth=True, least_frames=1)
    assert table.is_persistent.tolist() == [True, False]
    assert table.birth_frame.tolist() == [0, 1]


def test_a_column_is_asked_on_every_frame_and_stands_at_its_ages(tmp_path_factory: pytest.TempPathFactory) -> None:
    sequence = read_mot_sequence(write_street(tmp_path_factory.mktemp("street") / "S", seed=1))
    stream, asked = sequence_stream(sequence, MatchConfig()), []

    def evidence(frame: object, tracks: object, rows: np.ndarray) -> np.ndarray:
        asked.append(tracks)
        return tracks.frame_index + tracks.track_id[rows] / 1000  # type: ignore[attr-defined]

    table = follow(stream, TrackerConfig(), num_ages=7, columns={"evidence": evidence})
    assert len(asked) == sequence.num_frames
    expected = table.frame + table.known("track_id")[:, None] / 1000
    np.testing.assert_array_equal(table.known("evidence")[table.is_valid], expected[table.is_valid])
    assert np.isnan(table.known("evidence")[~table.is_valid]).all() and not table.is_valid.all()
    linker = Tracker(TrackerConfig())
    boxes = {}
    for index in range(sequence.num_frames):
        seen = linker.update(sequence.detections_at(index))
        boxes |= {(one, index): box for one, box in zip(seen.track_id.tolist(), seen.xyxy_px, strict=True)}
    for row, track_id in enumerate(table.known("track_id").tolist()):
        for age in np.flatnonzero(table.is_valid[row]):
            np.testing.assert_array_equal(table.known("xyxy_px")[row, age], boxes[track_id, table.frame[row, age]])


def test_a_table_holds_any_streams_and_names_what_it_lacks(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clip and a recorded scene twice: features of both in one table, so that one model reads both."""
    sequence = read_mot_sequence(write_street(tmp_path_factory.mktemp("street") / "S", seed=2))
    recorded = sequence_stream(sequence, MatchConfig(), scene=3)
    clip = replace(stream_of([PERSISTENT_A] * 12), scene=9)
    table = track_table([recorded, clip, recorded], TrackerConfig(), columns=("features", "geometry"))
    assert table.sequence == ("S", "a", "S") and table.scene == (0, 1, 0)
    assert set(table.unit.tolist()) == {0, 1} and set(table.group.tolist()) == {0, 1, 2}
    assert np.isfinite(table.known("features")[table.is_valid][:, 0]).all()
    assert np.isnan(table.known("features")[~table.is_valid]).all()
    assert not table.known("geometry")[~table.is_valid].any()
    with pytest.raises(ValueError, match="got none with crops, expected this column"):
        table.known("crops")
    with pytest.raises(ValueError, match="S: got no pixels, expected them for the crops of tracks"):
        track_table([recorded], TrackerConfig(), columns=("crops",))
    with pytest.raises(ValueError, match="empty: got no frames, expected some"):
        follow(replace(recorded, name="empty", frames=lambda: iter(())), TrackerConfig())


def test_joined_tables_keep_groups_and_scenes_apart() -> None:
    table = follow(stream_of([PERSISTENT_A] * 12), TrackerConfig())
    twice = TrackTable.join([table.with_columns(scene=(4,)), table, table.with_columns(cue=None)])
    assert twice.group.tolist() == [0, 1, 2] and twice.scene == (4, 5, 6)
    assert twice.cue is None, "two thirds of a column is none"
    assert twice.take(twice.group == 1).unit.tolist() == [5]
