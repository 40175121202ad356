"""Files in, frames out: round trips, damage of every kind, and the limits that keep a file from reaching others."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from perdure.video import reader as reader_module
from perdure.video.reader import StreamReader, open_video
from perdure.video.writer import VideoWriter
from video.moving_square import HEIGHT, RATE_HZ, WIDTH, square_frames, write_video

NUM_FRAMES = 40


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "square.mp4", square_frames(NUM_FRAMES))


def test_what_was_written_is_read_again(video: Path) -> None:
    with open_video(video) as reader:
        assert (reader.width, reader.height, reader.num_frames) == (WIDTH, HEIGHT, NUM_FRAMES)
        assert reader.frame_rate_hz == pytest.approx(RATE_HZ)
        items = list(reader)
    assert [item.frame_index for item in items] == list(range(NUM_FRAMES))
    assert [item.time_s for item in items] == pytest.approx([index / RATE_HZ for index in range(NUM_FRAMES)], abs=1e-4)
    for item, frame in zip(items, square_frames(NUM_FRAMES), strict=True):
        assert item.frame.dtype == np.uint8 and item.frame.shape == frame.shape
        # Lossy compression of noise: far less than the difference to a neighbouring frame at the square's edge.
        assert np.abs(item.frame.astype(int) - frame).mean() < 6
    assert reader.problem is None


def test_colours_come_in_the_order_red_green_blue(tmp_path: Path) -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:] = (220, 40, 10)
    write_video(tmp_path / "red.mp4", [frame] * 3)
    with open_video(tmp_path / "red.mp4") as reader:
        assert next(iter(reader)).frame.mean(axis=(0, 1)) == pytest.approx([220, 40, 10], abs=8)


def test_a_reader_is_read_once(video: Path) -> None:
    with open_video(video) as reader:
        list(reader)
        with pytest.raises(ValueError, match="call open_video again"):
            iter(reader)


def test_missing_empty_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.mp4 does not exist"):
        open_video(tmp_path / "nothing.mp4")
    contents = {
        "empty.mp4": (b"", "is empty"),
        "text.mp4": (b"frame,id,x,y\nthis is no video\n" * 200, "cannot be opened as video"),
        "bytes.mp4": (np.random.default_rng(0).bytes(5000), "cannot be opened as video"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            open_video(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_with_sound_only_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate, sound.pts = 44100, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="holds no video stream"):
        open_video(tmp_path / "sound.mp4")


def test_a_cut_file_gives_its_beginning_and_says_so(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 9 // 10])
    with open_video(tmp_path / "cut.mp4") as reader:
        items = list(reader)
    assert 1 <= len(items) < NUM_FRAMES
    assert reader.problem is not None and "breaks off after" in reader.problem
    assert [item.frame_index for item in items] == list(range(len(items)))


def test_a_file_that_ends_early_without_an_error_is_noticed(video: Path, tmp_path: Path) -> None:
    """The end of a cut Matroska file comes like a normal end; only its stated length gives it away."""
    with av.open(str(video)) as source, av.open(str(tmp_path / "whole.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 9 // 10])
    problems = []
    for name in ("whole.mkv", "cut.mkv"):
        with open_video(tmp_path / name) as reader:
            assert reader.num_frames is None
            assert reader.frame_rate_hz == RATE_HZ  # its average rate says 30000
            list(reader)
            problems.append(reader.problem)
    assert problems[0] is None
    assert problems[1] is not None and ("before its stated end" in problems[1] or "breaks off" in problems[1])


def test_a_long_last_frame_of_a_watch_that_was_killed_is_no_damage(tmp_path: Path) -> None:
    """A machine that fell behind wrote a frame every two seconds; the file then "ended 2 s before its stated end"."""
    with VideoWriter(tmp_path / "watched.mp4", frame_rate_hz=10.0) as writer:
        for index in range(90):
            writer.write(
                np.full((64, 64, 3), 2 * index, np.uint8), time_s=0.1 * min(index, 40) + 2.0 * max(index - 40, 0)
            )
        (tmp_path / "killed.mp4").write_bytes((tmp_path / "watched.mp4").read_bytes())
    with open_video(tmp_path / "killed.mp4") as reader:
        times = [item.time_s for item in reader]
        assert 41 < len(times) < 90 and times[-1] - times[-2] == pytest.approx(2.0)
        assert reader.problem is None


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_gives_frames_or_one_line(video: Path, tmp_path: Path, seed: int) -> None:
    """Neither a crash nor a hang nor another kind of error, whatever bytes are changed; frames keep their size."""
    rng = np.random.default_rng(seed)
    data = bytearray(video.read_bytes())
    for position in rng.integers(0, len(data), int(rng.integers(1, 80))):
        data[position] = int(rng.integers(256))
    path = tmp_path / "damaged.mp4"
    path.write_bytes(bytes(data))
    try:
        with open_video(path) as reader:
            for index, item in enumerate(reader):
                assert item.frame_index == index
                assert item.frame.shape == (reader.height, reader.width, 3)
                assert index < NUM_FRAMES
    except ValueError as error:
        assert str(error).startswith("video: ") and "\n" not in str(error)
        return
    if index + 1 < NUM_FRAMES:
        assert reader.problem is not None and "\n" not in reader.problem


def test_frames_that_the_decoder_patched_are_counted(tmp_path: Path) -> None:
    """H.264 decoders hide damage inside a picture and go on; one should know.

    Damage may happen to be a valid picture, and encoders do not give the same bytes every time: so nine are damaged.
    """
    path = write_video(tmp_path / "patched.mp4", square_frames(12, noise=30))
    with av.open(str(path)) as container:
        packets = [(packet.size, packet.pos) for packet in container.demux(video=0) if packet.pos is not None]
    data = bytearray(path.read_bytes())
    for size, start in packets[3:]:
        data[start + size // 2 : start + size // 2 + 64] = b"\xff" * 64
    path.write_bytes(bytes(data))
    with open_video(path) as reader:
        num_read = len(list(reader))
    assert reader.problem is not None and "frame(s), which the decoder patched" in reader.problem
    assert num_read == 12


def test_fewer_frames_than_stated_are_noticed(video: Path) -> None:
    with open_video(video) as reader:
        reader.num_frames = NUM_FRAMES + 10
        list(reader)
    assert reader.problem == f"video: {video} ends after {NUM_FRAMES} of {NUM_FRAMES + 10} frames"


def test_a_trimmed_clip_whose_visible_frames_were_all_read_is_whole(video: Path, tmp_path: Path) -> None:
    """Lossless trimming keeps all frames in the file and an edit list that hides some; it was called damaged."""
    data = bytearray(video.read_bytes())
    at = data.index(b"elst")
    (length,) = struct.unpack(">I", data[at + 12 : at + 16])
    data[at + 12 : at + 16] = struct.pack(">I", length // 2)  # ticks that are shown
    (tmp_path / "trimmed.mp4").write_bytes(bytes(data))
    with open_video(tmp_path / "trimmed.mp4") as reader:
        num_read = len(list(reader))
    assert num_read < NUM_FRAMES * 3 // 4
    assert reader.problem is None


def test_a_play_list_in_disguise_opens_no_other_file(video: Path, tmp_path: Path) -> None:
    (tmp_path / "other.mp4").write_bytes(video.read_bytes())
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    (tmp_path / "stream.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n")
    for name in ("list.mp4", "stream.mp4"):
        with pytest.raises(ValueError, match="cannot be opened as video"):
            open_video(tmp_path / name)


def test_a_name_with_a_colon_is_a_file(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("concat:b.mp4").write_bytes(video.read_bytes())
    with open_video("concat:b.mp4") as reader:
        assert reader.num_frames == NUM_FRAMES


def test_frames_beyond_the_limit_are_refused(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(ValueError, match="160x96, expected at most 8K"):
        open_video(video)


def test_unknown_schemes_are_refused_and_passwords_not_shown() -> None:
    with pytest.raises(ValueError, match="ftp://host/video") as caught:
        open_video("ftp://user:secret@host/video.mp4")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("degrees", "corner"), [(90, "bottom left"), (180, "bottom right"), (270, "top right")])
def test_a_picture_stored_lying_is_turned_upright(tmp_path: Path, degrees: int, corner: str) -> None:
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:16, :16] = 255
    upright = write_video(tmp_path / "upright.mp4", [frame] * 3)
    with av.open(str(upright)) as source, av.open(str(tmp_path / "lying.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        turn = f"h264_metadata=display_orientation=insert:rotate={degrees}"
        turning = BitStreamFilterContext(turn, source.streams.video[0], stream)
        for packet in source.demux(source.streams.video[0]):
            for turned in turning.filter(packet if packet.dts is not None else None):
                turned.stream = stream
                target.mux(turned)
    with open_video(tmp_path / "lying.mp4") as reader:
        shown = next(iter(reader)).frame
        assert (reader.width, reader.height) == ((96, 64) if degrees == 180 else (64, 96))
    bright = {
        "top left": shown[4, 4], "top right": shown[4, -5], "bottom left": shown[-5, 4], "bottom right": shown[-5, -5]
    }  # fmt: skip
    assert [name for name, pixel in bright.items() if pixel.mean() > 128] == [corner]


def test_time_stamps_never_stand_still(video: Path) -> None:
    """A stamp that is missing or goes back is replaced: rates and filters divide by the difference."""
    with open_video(video) as reader:
        assert isinstance(reader, StreamReader)

        class Frame:
            pts, time_base = 0, reader._stream.time_base

        assert [reader._time_s(Frame()) for _ in range(2)] == pytest.approx([1 / RATE_HZ, 2 / RATE_HZ])


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peaks = []
    for num_frames in (30, 120):
        path = write_video(tmp_path / f"{num_frames}.mp4", square_frames(num_frames))
        tracemalloc.start()
        with open_video(path) as reader:
            for _ in reader:
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + WIDTH * HEIGHT * 3


def test_recorded_video_is_read_whole(real_data: Path) -> None:
    with open_video(real_data / "video" / "PETS09-S2L1" / "vtest.avi") as reader:
        assert (reader.width, reader.height) == (768, 576)
        num_read = sum(1 for _ in reader)
    assert num_read == 795 and reader.problem is None
