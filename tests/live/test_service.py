"""Watching a camera that never ends, as a service that is told to stop, or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perdure.video.reader import open_video
from video.mjpeg_server import mjpeg_camera


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/parts", "/parts.mjpg"])
def test_jpegs_over_http_are_a_live_source(path: str) -> None:
    """They were refused, as no file that can be decoded."""
    with mjpeg_camera() as address, open_video(address + path) as reader:
        assert reader.is_live
        frames = [item.frame for item, _ in zip(reader, range(5), strict=False)]
    assert len(frames) == 5 and frames[0].shape == (96, 160, 3)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_service_keeps_what_was_done_however_it_is_ended(name: str, tmp_path: Path) -> None:
    """`docker stop` sends SIGTERM and a closed terminal SIGHUP; both lost everything, as being killed did."""
    out, number = tmp_path / "out", getattr(signal, name)
    if name != "SIGKILL" and signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as nohup has it, and then stays ignored")
    with mjpeg_camera() as address:
        words = ["watch", f"{address}/parts", "--weights", "detections", "--out", str(out)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-m", "perdure", *words], env=environment) as process:
            try:
                _wait_for(out / "annotated.mp4", 3000, process)
                _wait_for(out / "tracks.csv", 200, process)
                process.send_signal(number)
                code = process.wait(60)
            finally:
                process.kill()
    with open_video(out / "annotated.mp4") as reader:
        num_frames = len(list(reader))
        assert num_frames >= 1 and reader.problem is None
    assert (out / "tracks.csv").read_text().endswith("\n")
    if name == "SIGKILL":
        return
    assert code == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["problems"][0].startswith("interrupted after frame")
    assert (summary["num_frames"], not list(out.glob(".*"))) == (num_frames, True)


def _wait_for(path: Path, size: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or path.stat().st_size < size:
        assert process.poll() is None and time.monotonic() < deadline, f"{path} does not grow"
        time.sleep(0.1)
