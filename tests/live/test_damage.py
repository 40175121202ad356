"""Watching damaged video: what came before is kept, what is wrong is said in one line, nothing is left half done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from live.fake_gate import FakeGate
from perdure.live.watch import watch
from perdure.video.reader import open_video
from video.moving_square import HEIGHT, RATE_HZ, WIDTH, square_frames, write_video

NUM_FRAMES = 30
CODECS = {"mp4": "", "avi": "mpeg4", "mkv": "libx264", "ts": "libx264", "gif": "gif"}
COMPLETE = {"annotated.mp4", "confirmed.txt", "decisions.jsonl", "summary.json", "tracks.csv"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same frames in containers of different kinds."""
    folder, frames = tmp_path_factory.mktemp("whole"), square_frames(NUM_FRAMES, first=8)
    found = {}
    for ending, codec in CODECS.items():
        path = folder / f"whole.{ending}"
        if codec:
            _write(path, codec, frames)
        else:
            write_video(path, frames)
        found[ending] = path.read_bytes()
    return found


def _write(path: Path, codec: str, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=round(RATE_HZ))
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def damaged(whole: bytes, seed: int) -> bytes:
    """Returns bytes that are changed, zeroed, cut off, inserted, or changed at the beginning alone, by turns."""
    rng, data = np.random.default_rng(seed), bytearray(whole)
    kind, num = seed % 5, len(data)
    if kind == 0:
        for place in rng.integers(0, num, int(rng.integers(1, 80))):
            data[place] = int(rng.integers(256))
    elif kind == 1:
        for place in rng.integers(0, num, int(rng.integers(1, 6))):
            length = min(int(rng.integers(8, 2000)), num - place)
            data[place : place + length] = bytes(length)
    elif kind == 2:
        del data[int(rng.integers(1, num)) :]
    elif kind == 3:
        for place in rng.integers(0, num, int(rng.integers(1, 4))):
            data[place:place] = rng.bytes(int(rng.integers(1, 600)))
    else:
        for place in rng.integers(0, min(num, 1500), int(rng.integers(1, 12))):
            data[place] = int(rng.integers(256))
    return bytes(data)


@pytest.mark.parametrize(
    ("ending", "seed"), [(ending, seed) for ending in CODECS for seed in range(40 if ending == "mp4" else 8)]
)
def test_damage_costs_what_lies_behind_it_and_no_more(
    videos: dict[str, bytes], ending: str, seed: int, tmp_path: Path
) -> None:
    path, out = tmp_path / f"damaged.{ending}", tmp_path / "out"
    path.write_bytes(damaged(videos[ending], seed))
    try:
        summary = watch(path, FakeGate(), out_dir=out)
    except ValueError as error:
        assert str(error).startswith(f"video: {path} ") and "\n" not in str(error)
        assert not out.exists()  # there is no frame, so there is nothing to keep
        return
    assert {entry.name for entry in out.iterdir()} == COMPLETE
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["num_frames"] == summary.num_frames
    with open_video(out / "annotated.mp4") as reader:
        assert len(list(reader)) == summary.num_frames
        assert reader.problem is None
    with (out / "tracks.csv").open(encoding="utf-8") as file:
        frames = [int(line.split(",")[0]) for line in file.readlines()[1:]]
    assert all(0 <= frame < summary.num_frames for frame in frames)
    assert all("\n" not in problem for problem in summary.problems)


def test_whole_files_of_these_kinds_are_watched_without_a_problem(videos: dict[str, bytes], tmp_path: Path) -> None:
    for ending, whole in videos.items():
        (tmp_path / f"whole.{ending}").write_bytes(whole)
        summary = watch(tmp_path / f"whole.{ending}", FakeGate(), out_dir=tmp_path / ending)
        assert (summary.num_frames, summary.problems) == (NUM_FRAMES, ()), ending
        assert summary.num_persistent >= 1, ending
        shutil.rmtree(tmp_path / ending)
