"""Tracks of a new site: evidence as the gate gives it, labels, units, and what is left out."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.mot_folder import write_sequence
from data.street import write_street
from gate.small_model import HORIZON, small_model
from perdure.data.dataset import ClipDataset
from perdure.data.labelled_stream import LabelledStream, clip_stream, site_streams
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.gate.site_tracks import SiteRequest, calibrate_site, hit_rates, watched_tracks
from perdure.stopping.rules import TruncatedSPRT

LOOSE = SiteRequest(max_false_confirm=0.5, max_miss=0.5, delta=0.6, horizon=6, on_timeout="persistent")


@pytest.fixture(scope="module")
def clips(dataset: ClipDataset) -> list[LabelledStream]:
    return [clip_stream(dataset.clip(clip_id), scene) for scene, clip_id in enumerate(dataset.split("train"))]


def test_evidence_is_that_of_the_gate_up_to_the_decision(model: PersistenceModel, clips: list[LabelledStream]) -> None:
    """The first pass is a gate that waits for the horizon; the second one runs under the rule of the first."""
    found = calibrate_site(model, clips, LOOSE, source="clips")
    tracks = found.tracks
    waiting = TruncatedSPRT(upper=math.inf, lower=-math.inf, horizon=HORIZON)
    first, _ = watched_tracks(model, clips, waiting, block_s=LOOSE.block_s, num_ages=HORIZON)
    rule = found.asked(tracks=first).rule().rule
    row = num_changed = 0
    for stream in clips:
        gate, seen = PersistenceGate(model, rule), {}
        for frame in stream.frames():
            for view in gate.update(frame.pixels, frame.detections).tracks:
                if view.decided_age in (0, view.age) and view.age <= HORIZON:
                    seen.setdefault(view.track_id, []).append(view.evidence)
        for _, values in sorted(seen.items()):
            own = tracks.evidence[min(row, len(tracks) - 1)]
            if not np.allclose(own[: len(values)], values, atol=1e-5):
                continue  # a track born too late to be watched to the end, which has no row
            in_sight = first.evidence[row]
            num_changed += not np.allclose(in_sight[: len(values)], values, atol=1e-3)
            np.testing.assert_allclose(own[len(values) :], in_sight[len(values) :], atol=1e-6)
            row += 1
    assert row == len(tracks), "a track of the calibration is not one of the gate's"
    assert num_changed > 0, "hiding decided tracks changes nothing here, so nothing was tested"


def test_clips_are_units_and_their_tracks_have_the_truth_of_their_objects(
    model: PersistenceModel, clips: list[LabelledStream], dataset: ClipDataset
) -> None:
    tracks = calibrate_site(model, clips, LOOSE, source="clips").tracks
    assert set(tracks.unit.tolist()) <= set(range(len(clips)))
    assert len(set(tracks.unit.tolist())) > len(clips) // 2
    truths = [dataset.clip(clip_id).truth for clip_id in dataset.split("train")]
    num_objects = sum(int(truth.is_persistent.sum()) for truth in truths if truth)
    # An object can be lost and found again, so there may be more tracks than objects, but not fewer by much.
    assert num_objects - 3 <= tracks.is_persistent.sum() <= num_objects + 5
    assert (~np.isnan(tracks.evidence)).sum(axis=1).min() >= 5, "a track ends before the tracker can delete it"


def test_a_mot_folder_is_labelled_blocked_and_cut_at_its_end(model: PersistenceModel, tmp_path: Path) -> None:
    """The square is born in frame 2 and the false box in frame 4, of 30: one moment, however short blocks are."""
    streams = site_streams(write_sequence(tmp_path / "a"), has_pixels=True, split="calibration")
    found = calibrate_site(model, streams, replace(LOOSE, block_s=3 / 25), source="a")
    tracks = found.tracks
    assert tracks.is_persistent.tolist() == [True, False]
    assert tracks.unit.tolist() == [0, 0]
    assert tracks.class_id.tolist() == [-1, -1]
    assert tracks.is_hit[1].tolist() == [True, True, *[False] * 6]
    assert (~np.isnan(tracks.evidence)).sum(axis=1).tolist() == [8, 6]
    np.testing.assert_allclose(tracks.score[:, 0], [0.9, 0.8])
    assert (found.frame_rate_hz, found.num_ages, found.horizon) == (25, 8, 6)
    assert (found.hit_alive, found.hit_dead) == (None, None), "too few frames for a hit rate"
    same = calibrate_site(model, streams, replace(LOOSE, block_s=9.0), source="a").tracks
    assert same.unit.tolist() == [0, 0]


def test_tracks_that_cannot_be_watched_to_the_horizon_are_left_out(model: PersistenceModel, tmp_path: Path) -> None:
    """Born in frame 22 of 30 a track is seen up to age 8, born in frame 23 it is not."""
    for first_frame, expected in ((22, [False, True]), (23, [False])):
        folder = write_sequence(tmp_path / str(first_frame), first_frame=first_frame)
        streams = site_streams(folder, has_pixels=True, split="calibration")
        rule = TruncatedSPRT(upper=9.0, lower=-9.0, horizon=8)
        gathered, _ = watched_tracks(model, streams, rule, block_s=LOOSE.block_s, num_ages=8)
        assert gathered.is_persistent.tolist() == expected


def test_classes_and_ignored_objects_come_from_the_files(model: PersistenceModel, tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "a")
    detections = folder / "det" / "det.txt"
    lines = detections.read_text().splitlines()
    detections.write_text("\n".join(line.replace(",-1,-1,-1", ",4,-1,-1") for line in lines) + "\n")
    stream = site_streams(folder, has_pixels=True, split="calibration")
    assert calibrate_site(model, stream, LOOSE, source="a").tracks.class_id.tolist() == [4, 4]
    truth = folder / "gt" / "gt.txt"
    # Where the false box lies there is now an object that is neither right nor wrong.
    truth.write_text(truth.read_text() + "5,2,70,48,10,10,0,8,1\n6,2,70,48,10,10,0,8,1\n")
    stream = site_streams(folder, has_pixels=True, split="calibration")
    with pytest.raises(ValueError, match="site: a has no transient track that is seen up to age 8"):
        calibrate_site(model, stream, LOOSE, source="a")


def test_weights_without_pixels_need_no_video(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "a")
    (folder / "clip.mp4").unlink()
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=a\nframeRate=25\nseqLength=30\nimWidth=96\nimHeight=64\n")
    with pytest.raises(ValueError, match="names no video"):
        site_streams(folder, has_pixels=True, split="calibration")
    streams = site_streams(folder, has_pixels=False, split="calibration")
    tracks = calibrate_site(small_model(uses_pixels=False), streams, LOOSE, source="a").tracks
    assert tracks.is_persistent.tolist() == [True, False]


def test_progress_counts_the_streams_of_both_passes(model: PersistenceModel, clips: list[LabelledStream]) -> None:
    told: list[tuple[int, int]] = []
    calibrate_site(model, clips[:4], LOOSE, source="clips", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_hit_rates_of_the_site_are_those_that_drift_looks_at() -> None:
    """Persistent: 240 hits and 60 misses right after a hit. Transient: 30 hits in 300 frames from age 4 on."""
    persistent = [*[True] * 241, *[False, True] * 60]
    transient = [*[True] * 3, *[True] * 30, *[False] * 269]
    truth = np.array([True, False])
    lives = [(persistent, False), (transient, True)]
    assert hit_rates(lives, truth, longest_life=3) == (0.8, 0.1), "the frame of its deletion is one without a hit"
    assert hit_rates([(persistent[1:], False), (transient, True)], truth, longest_life=3) == (None, 0.1)
    assert hit_rates([(persistent, False), (transient, False)], truth, longest_life=3) == (0.8, None)


def test_the_test_split_and_what_is_no_site_are_refused(dataset: ClipDataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 'test', expected another one; test clips serve evaluation alone"):
        site_streams(dataset.root, has_pixels=True, split="test")
    assert len(site_streams(dataset.root, has_pixels=True, split="calibration")) == 6
    with pytest.raises(FileNotFoundError, match="nowhere is no folder; give a MOT folder"):
        site_streams(tmp_path / "nowhere", has_pixels=True, split="calibration")
    with pytest.raises(FileNotFoundError, match=r"holds no folder with a seqinfo\.ini"):
        site_streams(tmp_path, has_pixels=True, split="calibration")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_false_confirm": 1.0}, "max_false_confirm: got 1.0, expected above 0 and below 1, or None"),
        ({"max_miss": 0.0}, "max_miss: got 0.0"),
        ({"delta": 1.5}, "delta: got 1.5"),
        ({"horizon": 1}, "horizon: got 1, expected 2 to 64 frames"),
        ({"block_s": 0.0}, "block_s: got 0.0, expected above 0 seconds"),
    ],
)
def test_requests_are_checked(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LOOSE, **changes)


@pytest.mark.parametrize("block_s", [1e-9, 0.04, 8 / 25])
def test_no_block_is_shorter_than_a_decision(block_s: float, pixelless: PersistenceModel, tmp_path: Path) -> None:
    """Blocks of a nanosecond made every track a unit of its own, and proved what was not proven."""
    streams = site_streams(write_street(tmp_path / "a", seed=3), has_pixels=False, split="calibration")
    found = calibrate_site(pixelless, streams, replace(LOOSE, block_s=block_s), source="a")
    most = streams[0].num_frames / found.num_ages + 1
    assert 2 < len(set(found.tracks.unit.tolist())) <= most < len(found.tracks.unit)


@pytest.mark.parametrize("rate", ["0.001", "-5", "2000"])
def test_a_frame_rate_of_no_camera_is_refused(rate: str, tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "a")
    text = (folder / "seqinfo.ini").read_text()
    (folder / "seqinfo.ini").write_text(re.sub("frameRate=.*", f"frameRate={rate}", text))
    with pytest.raises(ValueError, match=r"seqinfo\.ini .*frameRate: got"):
        site_streams(folder, has_pixels=False, split="calibration")
