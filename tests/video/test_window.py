"""The window on the screen, with an OpenCV that shows nothing, and what is said where there can be none."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.video.window import Window, open_window

FRAME = np.zeros((4, 6, 3), np.uint8)
FRAME[:, :, 0] = 200  # red


class FakeOpenCv:
    """The part of `cv2` that a window needs; `keys` are those that are pressed one after the other."""

    WINDOW_NORMAL, WINDOW_KEEPRATIO, WINDOW_GUI_NORMAL, WND_PROP_VISIBLE = 0, 0, 16, 4
    __version__ = "4.10.0"
    error = RuntimeError

    def __init__(self, *, keys: tuple[int, ...] = (), framework: str = "QT") -> None:
        self.keys, self.framework, self.visible = list(keys), framework, 1.0
        self.shown: list[np.ndarray] = []
        self.size: tuple[int, int] | None = None

    def currentUIFramework(self) -> str:
        return self.framework

    def namedWindow(self, title: str, flags: int) -> None:
        self.size = (0, 0)

    def resizeWindow(self, title: str, width: int, height: int) -> None:
        self.size = (width, height)

    def imshow(self, title: str, image: np.ndarray) -> None:
        self.shown.append(image)

    def waitKey(self, delay_ms: int) -> int:
        assert delay_ms > 0, "0 waits for ever"
        return self.keys.pop(0) if self.keys else -1

    def getWindowProperty(self, title: str, which: int) -> float:
        return self.visible

    def destroyWindow(self, title: str) -> None:
        if self.size is None:
            raise self.error("no such window")
        self.size = None


def test_frames_are_shown_in_their_colours_and_the_window_is_closed() -> None:
    opencv = FakeOpenCv()
    window = Window(opencv, "title")
    assert isinstance(window, Window) and not window.is_ended() and opencv.size is None
    window.show(FRAME)
    assert opencv.size == (6, 4)
    assert opencv.shown[0][0, 0].tolist() == [0, 0, 200] and opencv.shown[0].flags.c_contiguous  # BGR
    window.close()
    window.close()
    assert opencv.size is None


@pytest.mark.parametrize("key", [ord("q"), ord("Q"), 27, ord("q") | 1 << 20])
def test_q_and_esc_ask_for_the_end_and_other_keys_do_not(key: int) -> None:
    """Some window systems put the state of the shift and lock keys above the lowest byte."""
    window = Window(FakeOpenCv(keys=(-1, ord("x"), key)), "title")
    window.show(FRAME)
    assert [window.is_ended() for _ in range(3)] == [False, False, True]


def test_closing_the_window_asks_for_the_end_unless_it_never_said_that_it_is_visible() -> None:
    opencv = FakeOpenCv()
    window = Window(opencv, "title")
    window.show(FRAME)
    assert not window.is_ended()
    opencv.visible, opencv.size = 0.0, None
    assert window.is_ended()
    window.close()  # it is gone already, which is no error
    opencv = FakeOpenCv()
    opencv.visible = -1.0
    window = Window(opencv, "title")
    window.show(FRAME)
    assert not window.is_ended() and not window.is_ended()


@pytest.mark.parametrize(
    ("environment", "framework", "opens", "message"),
    [
        ({}, "QT", True, "show: got no display"),
        ({"DISPLAY": ""}, "QT", True, "show: got no display"),
        ({"DISPLAY": ":0"}, "", True, "show: got OpenCV 4.10.0 without windows"),
        ({"DISPLAY": ":9", "WAYLAND_DISPLAY": "w"}, "QT", False, r"a display \(DISPLAY=:9, WAYLAND_DISPLAY=w\) that"),
    ],
)
def test_where_no_window_can_be_it_is_said_in_one_line(
    environment: dict[str, str], framework: str, opens: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        open_window(
            "t", opencv=FakeOpenCv(framework=framework), environment=environment, platform="linux", opens=lambda: opens
        )
    assert "\n" not in str(caught.value) and "leave --show out" in str(caught.value)


@pytest.mark.parametrize("environment", [{"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}])
def test_either_display_will_do(environment: dict[str, str]) -> None:
    opened = open_window("t", opencv=FakeOpenCv(), environment=environment, platform="linux", opens=lambda: True)
    assert isinstance(opened, Window)


def test_other_systems_name_no_display() -> None:
    opened = open_window("t", opencv=FakeOpenCv(), environment={}, platform="darwin", opens=lambda: False)
    assert isinstance(opened, Window)
    with pytest.raises(ValueError, match="without windows"):
        open_window("t", opencv=FakeOpenCv(framework=""), environment={}, platform="win32")


@pytest.mark.slow
def test_a_display_that_is_not_there_is_found_out_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ValueError, match=r"DISPLAY=:987\) that opens no window"):
        open_window("t", opencv=FakeOpenCv())
