"""Passwords of cameras never reach what is shown, whatever the form of the address."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.video.address import shown_address
from perdure.video.reader import open_video

SECRET = "S3cret"  # noqa: S105 - made up


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:S3cret@10.0.0.5:554/main", "rtsp://10.0.0.5:554/main"),
        ("rtsp://admin:p@S3cret@10.0.0.5/main", "rtsp://10.0.0.5/main"),
        ("rtsp://admin:p%40S3cret@10.0.0.5/main", "rtsp://10.0.0.5/main"),
        ("rtsp://admin:S3c/S3cret@10.0.0.5/main", "rtsp://10.0.0.5/main"),
        ("rtsp://admin:S3cret?x@10.0.0.5/main", "rtsp://..."),
        ("rtsp://admin:x#S3cret@10.0.0.5/main", "rtsp://..."),
        ("rtmp://10.0.0.5:9/bcs/c?user=admin&password=S3cret", "rtmp://10.0.0.5:9/bcs/c?..."),
        ("http://10.0.0.5/v?password=p@S3cret", "http://..."),
        ("http://10.0.0.5?pwd=S3cret", "http://10.0.0.5?..."),
        ("rtsp://10.0.0.5/user=admin&password=S3cret&channel=1.sdp", "rtsp://10.0.0.5/user?..."),
        ("rtsp://10.0.0.5/user=admin_password=x/S3cret", "rtsp://10.0.0.5/user?..."),
        ("rtsp://10.0.0.5/admin:S3cret/1", "rtsp://10.0.0.5/admin?..."),
        ("rtspt://admin:S3cret@10.0.0.5/x", "rtspt://10.0.0.5/x"),
        ("RTSP://admin:S3cret@10.0.0.5/x", "RTSP://10.0.0.5/x"),
        ("rtsp:/admin:S3cret@10.0.0.5/x", "rtsp:/10.0.0.5/x"),
        ("admin:S3cret@10.0.0.5/x", "...10.0.0.5/x"),
        ("street.mp4", "street.mp4"),
        ("/data/me@home/street.mp4", "/data/me@home/street.mp4"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert shown_address(address) == shown
    assert SECRET not in shown


def test_a_file_that_looks_like_an_address_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a:b@c.mp4"
    path.touch()
    assert shown_address(path) == str(path)


@pytest.mark.parametrize("address", ["http://a:p@S3cret@127.0.0.1:9/x", "rtspt://a:S3cret@h/x", "a:S3cret@h/x.mp4"])
def test_an_error_names_no_password_nor_does_what_caused_it(address: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        open_video(address)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__
