"""Compiled loops: loaded beside the work once that pays, with the same results, and never needed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evidence.test_neighbourhood import boxes, frame
from perdure import compiled
from perdure.compiled import Compiled, load_all
from perdure.evidence import box_pairs, neighbourhood
from perdure.evidence.forest import LEAF, Forest
from perdure.evidence.neighbourhood import around_dead, around_tracks
from perdure.evidence.track_features import FeatureStream

has_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves no compiled loop to other tests, which are to run without."""
    monkeypatch.setattr(Compiled, "spent_s", 0.0)
    monkeypatch.setattr(Compiled, "_is_asked", False)
    yield
    for one in Compiled.every:
        one.run = None


def random_forest(rng: np.random.Generator) -> Forest:
    """Returns trees of 31 nodes with thresholds that many values are equal to."""
    inner = np.arange(31) < 15
    trees = [
        {
            "feature": np.where(inner, rng.integers(0, 5, 31), LEAF), "threshold": rng.integers(0, 8, 31) / 4,
            "left": np.where(inner, 2 * np.arange(31) + 1, 0), "right": np.where(inner, 2 * np.arange(31) + 2, 0),
            "value": rng.random(31),
        }
        for _ in range(9)
    ]  # fmt: skip
    return Forest.join(trees)


@has_numba
@pytest.mark.parametrize("all_pairs", [1 << 17, 0], ids=["all pairs", "grid"])
def test_results_are_the_same_to_the_last_bit(all_pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (box_pairs, neighbourhood):
        monkeypatch.setattr(module, "ALL_PAIRS", all_pairs)
    rng = np.random.default_rng(0)
    forest, values = random_forest(rng), rng.integers(-1, 9, (40, 5)) / 4
    tracks = frame(rng, 70, 500.0)
    rows, birth = np.flatnonzero(rng.random(70) < 0.8), rng.integers(60, 100, 70)
    last_score = np.where(tracks.is_hit, tracks.score, rng.integers(1, 20, 70) / 20)[rows]
    dead = np.column_stack([boxes(rng, 90, 500.0), rng.integers(1, 9, 90), np.sort(rng.integers(60, 100, 90))])
    dead[1, :4] = dead[0, :4]

    def everything() -> list[bytes]:
        found = (forest.share(values), around_tracks(tracks, rows, last_score),
                 around_dead(tracks.xyxy_px, birth, dead))  # fmt: skip
        return [part.tobytes() for part in found]

    without = everything()
    assert load_all()
    assert everything() == without
    assert all(one.run is not None for one in Compiled.every)


@has_numba
@pytest.mark.parametrize("num", [(0, 0), (400, 37), (0, 5), (3, 0)])
def test_sums_of_kernels_are_the_same_to_fifteen_digits(num: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    stream = FeatureStream(image_size=(640, 480))
    stream.veterans.add(rng.normal(0, 1, (num[0], 5)))
    stream.flickers.add(rng.normal(0, 1, (num[1], 5)))
    own = rng.normal(0, 1, (5, 23))

    def experience() -> np.ndarray:
        found = np.zeros((6, 23))
        stream._experience(own, found)
        return found

    without = experience()
    assert load_all()
    assert np.allclose(experience(), without, rtol=1e-13, atol=1e-13)
    assert not np.array_equal(without[:4], np.zeros((4, 23))) or num == (0, 0)


def test_work_goes_on_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not load_all()
    assert all(one.run is None for one in Compiled.every)


def test_an_installation_that_cannot_compile_is_named_and_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        __spec__ = importlib.util.find_spec("json")
        core = SimpleNamespace(errors=SimpleNamespace())

        @staticmethod
        def njit(*_: object, **__: object) -> None:
            raise RuntimeError("no such processor")

    monkeypatch.setitem(sys.modules, "numba", Broken)
    assert not load_all()
    assert "numba: could not compile (no such processor); going on without it" in caplog.text


def test_loops_are_loaded_once_so_much_was_spent_that_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Thread:
        def __init__(self, **given: object) -> None:
            asked.append(str(given["name"]))

        def join(self) -> None:
            pass

        def start(self) -> None:
            """Does nothing."""

    monkeypatch.setattr(compiled.threading, "Thread", Thread)
    one = Compiled.every[0]
    with one.without():
        pass
    assert not asked
    monkeypatch.setattr(Compiled, "spent_s", compiled.PAYS_AFTER_S)
    for _ in range(3):
        with one.without():
            pass
    assert asked == ["perdure compiled loops"], "once"


_WATCHED = """
import sys, types
{first}
class Watched(types.ModuleType):
    def __setattr__(self, name, value):
        if name in ("stdout", "stderr"):
            exchanged.append(name)
        super().__setattr__(name, value)
exchanged = []
sys.__class__ = Watched
from perdure import compiled
import perdure.evidence.loops
assert compiled.load_all()
print(len(exchanged))
"""


_ENDS_AT_ONCE = """
import atexit, threading
atexit.register(lambda: print([one.name for one in threading.enumerate() if one.daemon]))
from perdure.compiled import Compiled
import perdure.evidence.loops
Compiled.spent_s = 1.0
with Compiled.every[0].without():
    pass
"""


@has_numba
def test_a_program_that_ends_while_it_compiles_waits_for_one_loop(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", _ENDS_AT_ONCE]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[]\n", "")
    assert len(list(tmp_path.rglob("*.nbi"))) <= 1 < len(Compiled.every)


@has_numba
@pytest.mark.skipif(importlib.util.find_spec("colorama") is None, reason="colorama is not installed")
@pytest.mark.parametrize("first", ["", "import numba"])
def test_streams_of_the_program_are_left_alone_while_it_compiles(first: str, tmp_path: Path) -> None:
    words = [sys.executable, "-c", _WATCHED.format(first=first)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    assert said.stdout.split() == ["0"]
    assert list(tmp_path.rglob("*.nbi")), "nothing was compiled"
