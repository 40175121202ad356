"""Live sources, with threads and no clock: a scripted camera says when it goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from perdure.video import live
from perdure.video.frames import VideoFrame, VideoReader
from perdure.video.live import LiveReader


class Camera(VideoReader):
    """Gives its frames at once; the gate of each, if any, is waited for before the frame."""

    def __init__(self, values: list[int], *, gates: dict[int, threading.Event] | None = None, width: int = 4) -> None:
        super().__init__(frame_rate_hz=10.0, width=width, height=2, num_frames=None)
        self.values, self.gates, self.is_closed = values, gates or {}, False

    def _frames(self) -> Iterator[VideoFrame]:
        for index, value in enumerate(self.values):
            if index in self.gates:
                self.gates[index].wait(10)
            yield VideoFrame(index, 0.0, np.full((2, self.width, 3), value, np.uint8))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_DELAY_S", 0.0)


def connections(*cameras: Camera | Exception) -> Iterator[Camera | Exception]:
    yield from cameras
    while True:
        yield ValueError("video: camera is gone")


def reader_of(*cameras: Camera | Exception) -> LiveReader:
    script, ticks = connections(*cameras), iter(range(1000))

    def connect() -> VideoReader:
        camera = next(script)
        if isinstance(camera, Exception):
            raise camera
        return camera

    return LiveReader(connect, name="camera", clock=lambda: float(next(ticks)))


def test_a_slow_consumer_gets_the_newest_frame_and_the_rest_is_counted() -> None:
    """A queue would hand out frame 1 next, and fall further behind with every frame."""
    last, done = threading.Event(), threading.Event()
    reader = reader_of(Camera([10, 11, 12, 13, 14], gates={1: last}), Camera([15], gates={0: done}))
    with reader:
        frames = iter(reader)
        first = next(frames)
        last.set()  # frames 11 to 14 come while the first one is still worked on
        while reader.num_dropped < 3:
            pass
        second = next(frames)
        done.set()
        assert (first.frame[0, 0, 0], second.frame[0, 0, 0]) == (10, 14)
        assert (first.frame_index, second.frame_index) == (0, 1)
        assert first.time_s == 0.0 and second.time_s == 4.0
        assert reader.num_dropped == 3


def test_a_broken_connection_is_made_again_and_a_lost_camera_given_up() -> None:
    cameras = [Camera([1]), Camera([2])]
    with reader_of(cameras[0], ValueError("video: busy"), cameras[1]) as reader:
        values = {int(item.frame[0, 0, 0]) for item in reader}
    assert values <= {1, 2} and 2 in values
    assert all(camera.is_closed for camera in cameras)
    assert reader.problem == "video: camera gave no frame in 6 connections (video: camera is gone)"


def test_a_camera_that_comes_back_with_another_size_is_not_mixed_in() -> None:
    with reader_of(Camera([1]), Camera([2], width=6)) as reader:
        assert {item.frame.shape for item in reader} == {(2, 4, 3)}


def test_closing_ends_the_waiting_for_a_silent_camera() -> None:
    silent = threading.Event()
    camera = Camera([1, 2], gates={1: silent})
    reader = reader_of(camera)
    frames = iter(reader)
    next(frames)
    closer = threading.Thread(target=reader.close)
    closer.start()
    assert next(frames, None) is None
    silent.set()
    closer.join(10)
    assert not closer.is_alive() and camera.is_closed and reader.problem is None


def test_closing_before_reading_lets_go_of_the_camera() -> None:
    camera = Camera([1])
    reader_of(camera).close()
    assert camera.is_closed


def test_a_camera_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="camera is gone"):
        reader_of(ValueError("video: camera is gone"))
