"""What `seqinfo.ini` says of a sequence; what it does not say is None, and is found out elsewhere."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path, PurePath

from perdure.video.frames import IMAGE_SUFFIXES
from perdure.video.text_rows import read_text

INFO_NAME = "seqinfo.ini"
"""File that makes a folder a MOT folder, in any case of letters."""
LEAST_RATE_HZ, MOST_RATE_HZ = 0.01, 1000.0
"""Frame rates of cameras, from one picture in 100 s on."""
MAX_FRAMES = 10_000_000
"""Frames of one stream: nearly four days at 30 a second."""
IMAGES = "img1"
"""Folder of the pictures where `imDir` names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceInfo:
    """One `seqinfo.ini`.

    Args:
        name: of the sequence; the folder's where it is not given.
        frame_rate_hz: frames per second.
        num_frames: frames of the sequence.
        image_size: width and height in pixels.
        video: file that `video` names, or the folder of pictures.
        camera: `static` or `moving`.
    """

    name: str
    frame_rate_hz: float | None
    num_frames: int | None
    image_size: tuple[int, int] | None
    video: Path | None
    camera: str | None


def info_file(folder: Path) -> Path | None:
    """Returns the `seqinfo.ini` of a folder, None where there is none."""
    if not folder.is_dir():
        return None
    found = sorted(path for path in folder.iterdir() if path.name.lower() == INFO_NAME and path.is_file())
    return found[0] if found else None


def read_info(folder: Path) -> SequenceInfo:
    """Returns what the `seqinfo.ini` of a folder says; sections, keys and the name of the file in any case of letters.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is malformed.
    """
    path = info_file(folder)
    if path is None:
        raise FileNotFoundError(f"sequence: {folder / INFO_NAME} does not exist; expected a MOT folder")
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path, what="sequence", fallback="latin-1"))
        names = [name for name in parser.sections() if name.lower() == "sequence"]
        if not names:
            raise KeyError("no section [Sequence]")
        section = parser[names[0]]
        rate, width, height, length = (
            _number(section, key) for key in ("frameRate", "imWidth", "imHeight", "seqLength")
        )
        if rate is not None and not LEAST_RATE_HZ <= rate <= MOST_RATE_HZ:
            # Seconds make the units that a calibration counts, so a slip here would prove what is not proven.
            raise ValueError(f"frameRate: got {rate:g}, expected {LEAST_RATE_HZ:g} to {MOST_RATE_HZ:g} frames a second")
        if length is not None and length > MAX_FRAMES:
            raise ValueError(f"seqLength: got {length:g}, expected at most {MAX_FRAMES:,} frames")
        video = _video(folder, section)
    except (configparser.Error, KeyError, ValueError) as error:
        raise ValueError(f"sequence: {path} is not a MOT sequence file ({error})") from error
    return SequenceInfo(
        name=section.get("name", "").strip() or folder.resolve().name,
        frame_rate_hz=rate,
        num_frames=None if length is None else int(length),
        image_size=None if width is None or height is None else (int(width), int(height)),
        video=video,
        camera=section.get("camera", "").strip().lower() or None,
    )


def _number(section: configparser.SectionProxy, key: str) -> float | None:
    """Returns a number above 0, None where there is none."""
    text = section.get(key, "").strip()
    if not text:
        return None
    value = float(text)
    if not (0 <= value < 1e9):
        raise ValueError(f"{key}: got {text}, expected a number from 0")
    return value or None


def _video(folder: Path, section: configparser.SectionProxy) -> Path | None:
    """Returns the pixels of a sequence, which lie inside of its folder.

    Raises:
        ValueError: they are named elsewhere: a folder that somebody else made would choose what is opened here.
    """
    for key in ("video", "imDir"):
        place = PurePath(section.get(key, "").strip())
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(f"{key}: got {place}, expected a name inside of the folder; put a link there")
    named = section.get("video", "").strip()
    if named:
        return folder / named
    images = folder / (section.get("imDir", "").strip() or IMAGES)
    if images.is_dir() and any(path.suffix.lower() in IMAGE_SUFFIXES for path in images.iterdir()):
        return images
    return None
