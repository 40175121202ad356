"""Video in pieces: whole files named after when they began, old ones removed and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from perdure.video.reader import open_video
from perdure.video.segments import SegmentedWriter, seconds_of

BEGIN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FRAME = np.zeros((32, 48, 3), dtype=np.uint8)


class Clock:
    """A time of day that goes with the stream."""

    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


def written(folder: Path, times_s: list[float], *, segment_s: float = 2.0, keep_s: float | None = None) -> list[str]:
    clock = Clock()
    with SegmentedWriter(folder, segment_s=segment_s, keep_s=keep_s, frame_rate_hz=5.0, clock=clock) as writer:
        for time_s in times_s:
            clock.now = BEGIN + timedelta(seconds=time_s)
            writer.write(FRAME, time_s=time_s)
    assert [path for path in writer.paths if path.exists()] == writer.paths
    return [path.name for path in writer.paths]


def frames_in(path: Path) -> list[float]:
    with open_video(path) as reader:
        return [round(frame.time_s, 2) for frame in reader]


def test_each_piece_is_whole_and_no_frame_is_lost(tmp_path: Path) -> None:
    names = written(tmp_path, [0.2 * index for index in range(25)])
    assert names == ["2026-03-01T12-00-00Z.mp4", "2026-03-01T12-00-02Z.mp4", "2026-03-01T12-00-04Z.mp4"]
    found = [frames_in(tmp_path / name) for name in names]
    assert [len(times_s) for times_s in found] == [10, 10, 5]
    assert all(times_s[:3] == [0.0, 0.2, 0.4] for times_s in found), "each begins at 0"


def test_old_pieces_go_those_of_an_earlier_process_too_and_nothing_else(tmp_path: Path) -> None:
    old, young = (BEGIN - timedelta(seconds=seconds) for seconds in (60, 1))
    for name in (f"{old:%Y-%m-%dT%H-%M-%SZ}.mp4", f"{young:%Y-%m-%dT%H-%M-%SZ}.mp4", "2020-01-01 holiday.mp4"):
        (tmp_path / name).write_bytes(b"kept by hand")
    (tmp_path / "2020-01-01T00-00-00Z.txt").write_text("a note")
    names = written(tmp_path, [float(index) for index in range(8)], keep_s=4.0)
    assert names == [f"2026-03-01T12-00-0{second}Z.mp4" for second in (2, 4, 6)], "the first is more than 4 s old"
    others = {path.name for path in tmp_path.iterdir()} - set(names)
    assert others == {"2020-01-01 holiday.mp4", "2020-01-01T00-00-00Z.txt"}


def test_two_pieces_of_one_second_have_two_names(tmp_path: Path) -> None:
    for _ in range(2):
        written(tmp_path, [0.0, 0.2])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-03-01T12-00-00Z-2.mp4",
        "2026-03-01T12-00-00Z.mp4",
    ]


@pytest.mark.parametrize("text", ["", "7 days", "-1", "0.5s", "nan", "1w"])
def test_what_is_no_time_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a time of a second or more, such as 90s, 10m, 12h or 7d"):
        seconds_of(text)
    with pytest.raises(ValueError, match=r"segment: got 0\.1 s, expected 1 s or more"):
        SegmentedWriter(Path(), segment_s=0.1, frame_rate_hz=5.0)
