"""Columns of text files as people really have them: commas, tabs or spaces, a header, remarks, any mark of encoding.

Knows lines and columns. Does not know what the columns mean.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

REMARK = "#"
"""Lines that begin so are left out."""


def read_text(path: Path, *, what: str, fallback: str | None = None) -> str:
    r"""Returns the text of a file in UTF-8, or UTF-16 with its mark, which PowerShell writes; line ends become `\n`.

    Args:
        path: the file.
        what: what messages call it.
        fallback: encoding to take where it is no UTF-8; None refuses it.

    Raises:
        ValueError: it is not text.
    """
    content = path.read_bytes()
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if fallback is None:
            raise ValueError(f"{what}: {path} is not text ({error.reason})") from error
        text = content.decode(fallback)
    return text.replace("\r\n", "\n").replace("\r", "\n")


Header = Callable[[int, list[str], bool], None]
"""Takes the number of a first line that is no row, its columns, and whether it is a remark."""


def text_rows(path: Path, *, what: str, on_header: Header | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yields the number of each line that holds something, from 1, and its columns.

    A first line whose first column is no number is a header, which `on_header` gets; lines that begin with `REMARK` are
    left out. Where semicolons stand between columns, a comma is a decimal point.

    Raises:
        ValueError: it is no text, or JSON or XML.
    """
    is_first = True
    for number, line in enumerate(_lines(path, what), start=1):
        text = line.strip()
        is_remark = text.startswith(REMARK)
        if not text or (is_remark and not is_first):
            continue
        columns = _columns(text.lstrip(REMARK))
        if is_first and text[0] in "[{<":  # all of it may be one line, which would pass for a header
            raise ValueError(f"{what}: {path} looks like JSON or XML, expected rows of numbers")
        if is_first and (is_remark or (columns and not _is_number(columns[0]))):
            is_first = is_remark
            if on_header is not None:
                on_header(number, columns, is_remark)
            continue
        is_first = False
        yield number, columns


def _lines(path: Path, what: str) -> Iterator[str]:
    """Yields the lines of a text, as `read_text` decodes it, one at a time: files of detections may be large."""
    with path.open("rb") as file:
        is_wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        with path.open(encoding="utf-16" if is_wide else "utf-8-sig") as lines:
            yield from lines
    except UnicodeDecodeError as error:
        raise ValueError(f"{what}: {path} is not text ({error.reason})") from error


def _columns(text: str) -> list[str]:
    r"""Returns the columns of a line.

    >>> _columns("1;2,5;3"), _columns("1, 2,"), _columns("1\t2  3")
    (['1', '2.5', '3'], ['1', '2'], ['1', '2', '3'])
    """
    if ";" in text:
        columns = [column.strip().replace(",", ".") for column in text.split(";")]
    else:
        columns = [column.strip() for column in text.split(",")] if "," in text else text.split()
    while columns and not columns[-1]:
        columns.pop()
    return columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
