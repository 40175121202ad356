"""A signal in the middle of a frame: all outputs hold the same frames."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import UInt8
from numpy import ndarray

from live.fake_gate import FakeGate
from perdure.gate.results import GateResult
from perdure.live.interrupts import WholeFrames
from perdure.live.watch import watch
from perdure.types import Detections
from perdure.video.reader import open_video
from perdure.video.writer import VideoWriter


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """A process that was started in the background of a script ignores Ctrl-C, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class _Interrupted(FakeGate):
    """Hears Ctrl-C before it decides on its third frame."""

    def update(
        self, frame: UInt8[ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> GateResult:
        if frame is not None and frame.mean() == pytest.approx(100, abs=3):
            signal.raise_signal(signal.SIGINT)
        return super().update(frame, detections, time_s=time_s)


def test_all_outputs_end_with_the_frame_in_which_ctrl_c_was_heard(tmp_path: Path) -> None:
    """The video held a frame more than the summary when the signal came between the two."""
    with VideoWriter(tmp_path / "in.mp4", frame_rate_hz=10) as writer:
        for index in range(5):
            writer.write(np.full((64, 64, 3), 50 * index, np.uint8))
    before = signal.getsignal(signal.SIGINT)
    summary = watch(tmp_path / "in.mp4", _Interrupted(), out_dir=tmp_path / "out")
    with open_video(tmp_path / "out" / "annotated.mp4") as reader:
        assert len(list(reader)) == 3
    assert summary.num_frames == 3 and summary.problems[0] == "interrupted after frame 2"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["num_frames"] == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_between_frames_and_a_second_one_within_are_answered_at_once() -> None:
    with WholeFrames() as whole:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        done = []
        with pytest.raises(KeyboardInterrupt), whole.frame():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            done.append("to the end")
        assert done
