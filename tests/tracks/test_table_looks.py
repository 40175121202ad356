"""What is seen of tracks that are known by their boxes: the right frames and places are looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.mot_folder import NUM_FRAMES, SIZE, write_sequence
from gate.small_model import OPERATION, small_model
from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence, read_mot_sequence
from perdure.data.track_labels import MatchConfig
from perdure.evidence.look_features import look_features
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable
from perdure.tracking.crops import crop_tracks
from perdure.tracking.tracker import TrackerConfig
from perdure.tracks.follow import track_table
from perdure.tracks.table_looks import table_looks
from perdure.video.reader import open_video


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> list[MotSequence]:
    root = tmp_path_factory.mktemp("tokens")
    found = []
    for name in ("a", "b"):
        folder = write_sequence(root / name)
        with (folder / "seqinfo.ini").open("a") as info:
            info.write(f"imWidth={SIZE[1]}\nimHeight={SIZE[0]}\nseqLength={NUM_FRAMES}\n")
        found.append(read_mot_sequence(folder))
    return found


@pytest.fixture(scope="module")
def table(sequences: list[MotSequence]) -> TrackTable:
    streams = [sequence_stream(one, MatchConfig(), scene=scene) for scene, one in enumerate(sequences)]
    return track_table(streams, TrackerConfig(max_misses=4))


def test_each_track_is_looked_at_where_it_is_also_when_missed(table: TrackTable, sequences: list[MotSequence]) -> None:
    model = small_model()
    found = table_looks(table, sequences, model.extractor, model.operation.crop)
    false = int(np.flatnonzero(~table.is_persistent)[-1])
    ages = np.flatnonzero(table.is_valid[false])
    assert not table.is_hit[false, ages].all()
    video = sequences[table.group[false]].video
    assert video is not None
    with open_video(video) as reader:
        frames = [one.frame for one in reader]
    config = model.operation.crop
    crops = [
        crop_tracks(
            frames[table.birth_frame[false] + age],
            table.xyxy_px[[false], age].astype(np.float64),
            size_px=config.size_px,
            context=config.context,
        )
        for age in ages
    ]
    with torch.no_grad():
        latents = model.extractor.latents(to_input(torch.from_numpy(np.stack(crops, axis=1))))[0].numpy()
    np.testing.assert_allclose(found[false, ages], look_features(latents, np.stack(crops, axis=1))[0], atol=1e-5)
    assert (found[false, ages[-1] + 1 :] == 0).all()


def test_looks_go_with_their_tracks(table: TrackTable, sequences: list[MotSequence]) -> None:
    looked_at = replace(table, looks=table_looks(table, sequences, small_model().extractor, OPERATION.crop))
    rows = np.array([2, 0])
    taken = looked_at.take(rows)
    assert taken.looks is not None and looked_at.looks is not None
    assert np.array_equal(taken.looks, looked_at.looks[rows])
    joined = TrackTable.join([looked_at, taken])
    assert joined.looks is not None and len(joined.looks) == len(joined)
    assert TrackTable.join([looked_at, table]).looks is None, "half of a table without is none"


def test_a_sequence_without_pixels_is_named(table: TrackTable, sequences: list[MotSequence]) -> None:
    blind = [replace(sequences[0], video=None), sequences[1]]
    with pytest.raises(ValueError, match="sequence: a names no video"):
        table_looks(table, blind, small_model().extractor, OPERATION.crop)
