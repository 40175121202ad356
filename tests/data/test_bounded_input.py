"""Files that ask for more than they should get: other files, memory without end, a reader that waits for ever."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from data.street import write_street
from perdure.data.mot_sequence import read_mot_sequence
from perdure.video import image_folder
from perdure.video.mot import read_mot_table
from perdure.video.reader import open_video


def said(folder: Path, line: str) -> str:
    """Returns what reading a sequence says whose `seqinfo.ini` has one more line."""
    with (folder / "seqinfo.ini").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"seqinfo\.ini is not a MOT sequence file") as caught:
        read_mot_sequence(folder)
    return str(caught.value)


@pytest.mark.parametrize("key", ["video", "imDir"])
@pytest.mark.parametrize("place", ["../elsewhere/secret.mp4", "/etc/hostname", "a/../../b"])
def test_pixels_lie_inside_of_the_folder(key: str, place: str, tmp_path: Path) -> None:
    write_street(tmp_path / "street", seed=0)
    assert f"{key}: got {place}, expected a name inside of the folder" in said(tmp_path / "street", f"{key}={place}")


def test_a_length_of_years_is_refused(tmp_path: Path) -> None:
    write_street(tmp_path / "street", seed=0)
    line = "seqLength: got 5e+08, expected at most 10,000,000 frames"
    assert line in said(tmp_path / "street", "seqLength=500000000")


def test_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    """With interpolation, a name could take in other values, or grow without end."""
    write_street(tmp_path / "street", seed=0)
    with (tmp_path / "street" / "seqinfo.ini").open("a", encoding="utf-8") as file:
        file.write("note=%(name)s ${name} 100 %\n")
    assert read_mot_sequence(tmp_path / "street").num_frames == 60


def test_a_large_picture_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "1.png")
    Image.new("RGB", (40, 31)).save(tmp_path / "2.png")
    monkeypatch.setattr(image_folder, "MAX_PIXELS", 40 * 30)
    monkeypatch.setattr(
        Image.Image, "convert", lambda image, mode: pytest.fail("decoded") if image.height > 30 else image
    )
    with open_video(tmp_path) as reader:
        assert len(list(reader)) == 1
    assert (
        reader.problem is not None
        and "2.png cannot be read as an image (40x31 pixels, expected at most 8K)" in reader.problem
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_among_pictures_is_not_opened(tmp_path: Path) -> None:
    """Opening one waits until somebody writes into it: the reader never came back."""
    Image.new("RGB", (40, 30)).save(tmp_path / "1.png")
    os.mkfifo(tmp_path / "0.png")
    with open_video(tmp_path) as reader:
        assert reader.num_frames == 1 and len(list(reader)) == 1


def test_a_table_takes_little_more_than_its_numbers(tmp_path: Path) -> None:
    """As rows of Python's own numbers it took five times as much, beside the whole text."""
    num = 20_000
    text = "".join(f"{k // 10 + 1},-1,{k % 900}.25,{k % 500}.5,40.0,80.0,0.83,-1,-1,-1\n" for k in range(num))
    (tmp_path / "det.txt").write_text(text, encoding="utf-8")
    del text
    tracemalloc.start()
    table = read_mot_table(tmp_path / "det.txt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == num and peak < 2 * table.values.nbytes + 1_000_000
