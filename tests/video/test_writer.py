"""Frames out: sizes, times, and that a file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from perdure.video.reader import open_video
from perdure.video.writer import VideoWriter, WriterConfig
from video.moving_square import square_frames, write_video


def test_the_file_is_what_browsers_play(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", square_frames(5))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # playable before it is loaded to the end


@pytest.mark.parametrize(("width", "height"), [(65, 64), (64, 63), (33, 35), (2, 2), (1, 1)])
def test_odd_sizes_are_padded_with_their_edge(tmp_path: Path, width: int, height: int) -> None:
    frame = np.full((height, width, 3), 200, np.uint8)
    path = write_video(tmp_path / "odd.mp4", [frame] * 2)
    with open_video(path) as reader:
        assert (reader.width, reader.height) == (width + width % 2, height + height % 2)
        assert next(iter(reader)).frame.mean() == pytest.approx(200, abs=4)


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times_s = [0.0, 0.04, 0.3, 0.31, 2.0]
    with VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0) as writer:
        for time_s, frame in zip(times_s, square_frames(5), strict=True):
            writer.write(frame, time_s=time_s)
    with open_video(tmp_path / "a.mp4") as reader:
        assert [item.time_s for item in reader] == pytest.approx(times_s, abs=1e-4)


def test_times_that_go_back_do_not_break_the_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0) as writer:
        for time_s, frame in zip([0.0, 0.5, 0.2, 0.5], square_frames(4), strict=True):
            writer.write(frame, time_s=time_s)
    with open_video(tmp_path / "a.mp4") as reader:
        assert len(list(reader)) == 4


def test_the_length_counts_the_last_frame_as_long_as_the_one_before(tmp_path: Path) -> None:
    """Of frames that slowed down from 25 Hz to one in two seconds, 61 s were stated as 55 s."""
    times_s = [0.04 * index for index in range(30)] + [1.2 + 2.0 * index for index in range(30)]
    with VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0) as writer:
        for time_s, frame in zip(times_s, square_frames(60, noise=40), strict=True):
            writer.write(frame, time_s=time_s)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(61.2, abs=0.05)
        assert container.streams.video[0].frames == 60


def test_what_a_killed_process_leaves_can_be_played(tmp_path: Path) -> None:
    frames = square_frames(200, noise=20)
    writer = VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0).__enter__()
    for frame in frames:
        writer.write(frame)
    left = tmp_path / "left.mp4"
    left.write_bytes((tmp_path / "a.mp4").read_bytes())  # as it lies there when the process is killed now
    with open_video(left) as reader:
        assert len(list(reader)) >= 100
        assert reader.problem is None
    writer.__exit__(None, None, None)


def test_an_error_leaves_what_was_written_and_no_debris(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", square_frames(3))
    with pytest.raises(RuntimeError, match="stop"), VideoWriter(path, frame_rate_hz=25.0) as writer:
        writer.write(square_frames(1)[0])
        raise RuntimeError("stop")
    with open_video(path) as reader:
        assert len(list(reader)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_a_video_without_frames_is_an_error_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would have no frames"), VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_names_and_settings_are_refused(tmp_path: Path, as_user: None) -> None:
    with pytest.raises(ValueError, match=r"ends in \.mp4"):
        VideoWriter(tmp_path / "a.avi", frame_rate_hz=25.0)
    with pytest.raises(ValueError, match="frame_rate_hz: got 0"):
        VideoWriter(tmp_path / "a.mp4", frame_rate_hz=0.0)
    with pytest.raises(ValueError, match="crf: got 60"):
        WriterConfig(crf=60)
    with (
        pytest.raises(ValueError, match="frame 1: got shape"),
        VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0) as w,
    ):
        w.write(np.zeros((8, 8, 3), np.uint8))
        w.write(np.zeros((8, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="expected uint8"), VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0) as w:
        w.write(np.zeros((8, 8, 3)))


def test_a_smaller_crf_comes_closer_to_the_original(tmp_path: Path) -> None:
    frames, errors = square_frames(6, noise=12), []
    for crf in (5, 45):
        with VideoWriter(tmp_path / "a.mp4", frame_rate_hz=25.0, config=WriterConfig(crf=crf)) as writer:
            for frame in frames:
                writer.write(frame)
        with open_video(tmp_path / "a.mp4") as reader:
            errors.append(np.abs(list(reader)[-1].frame.astype(int) - frames[-1]).mean())
    assert errors[0] < errors[1] / 1.2
