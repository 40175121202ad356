"""Real RTSP on loopback: a server that says nothing, one that falls silent, one that goes away, one that comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.fake_gate import FakeGate
from perdure.gate.results import GateResult
from perdure.live.watch import watch
from perdure.types import Detections
from perdure.video import live, reader
from perdure.video.reader import open_video
from video.moving_square import HEIGHT, WIDTH, square_frames
from video.rtsp_server import RtspServer

NUM_FRAMES = 16


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "TIMEOUT_S", (3.0, 0.8))
    monkeypatch.setattr(live, "FIRST_DELAY_S", 0.01)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_a_server_that_accepts_and_says_nothing_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "TIMEOUT_S", (0.5, 0.5))
    with (
        RtspServer(square_frames(2), is_mute=True) as server,
        pytest.raises(ValueError, match=rf"video: {server.url} cannot be opened as video \(no answer within 0.5 s\)"),
    ):
        open_video(server.url)


@pytest.mark.parametrize("then", ["silent", "close"])
def test_a_stream_that_stops_is_opened_again_and_goes_on(then: str) -> None:
    with RtspServer(square_frames(NUM_FRAMES), then=then) as server, open_video(server.url) as camera:
        assert (camera.width, camera.height, camera.is_live) == (WIDTH, HEIGHT, True)
        times_s = []
        for item in camera:
            assert item.frame_index == len(times_s)
            times_s.append(item.time_s)
            if server.num_connections == 3:
                break
        assert camera.problem is None
    assert times_s == sorted(set(times_s))


class _Unplugging(FakeGate):
    """Pulls the plug of the camera on frame 10."""

    server: RtspServer

    def update(self, frame: object, detections: Detections, *, time_s: float | None = None) -> GateResult:
        if self.tracker.get_state().next_frame_index == 10:
            self.server.stop()
        return super().update(frame, detections, time_s=time_s)  # type: ignore[arg-type]


def test_a_camera_that_is_gone_for_good_ends_the_watching_with_all_that_was_seen(tmp_path: Path) -> None:
    gate = _Unplugging()
    with RtspServer(square_frames(200)) as gate.server:
        summary = watch(gate.server.url, gate, out_dir=tmp_path)
    assert summary.num_frames > 10
    # Beside it may stand how many frames were dropped, which depends on the machine.
    (problem,) = [text for text in summary.problems if text.startswith("video: ") and "gave no frame" in text]
    assert problem.startswith(f"video: {gate.server.url} gave no frame in {live.MAX_FAILURES} connections (")
    with open_video(tmp_path / "annotated.mp4") as annotated:
        assert len(list(annotated)) == summary.num_frames
    assert len({line.split(",")[0] for line in (tmp_path / "tracks.csv").read_text().splitlines()[1:]}) > 0
