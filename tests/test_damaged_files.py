"""Files that are damaged, edited, of another model or made to hurt: one line that names the file, at once."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perdure
from gate.small_model import small_model
from perdure.arrays import ARRAYS_SEAL, load_arrays, save_arrays
from perdure.cli import main
from perdure.files import SEAL
from perdure.gate.load import load_gate, load_model
from perdure.gate.site_calibration import SiteCalibration
from perdure.track_table import TrackTable
from resealed import edit

WEIGHTS = Path(perdure.__file__).parent / "weights"
NUM_MUTANTS = 150
"""Of each kind of file: enough to meet each mistake of reading that was ever found; 1,500 of each were tried once."""
STRANGE: tuple[Any, ...] = (None, True, -1, 0, 1e308, 10**30, "", "nan", [], [[]], {}, {"a": 1}, [None], "\x1b[2J")
SECONDS = 10.0
"""Far more than reading any of these takes, and far less than making what a size of 1e9 asks for."""


def detections(folder: Path) -> Path:
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS / f"detections{suffix}", folder / f"weights{suffix}")
    edit(folder / "weights.json", _shorten)  # a mutation would else mostly hit one of 20,000 scores
    return folder / "weights.safetensors"


def _shorten(info: dict[str, Any]) -> None:
    for name in ("persistent", "transient", "transient_hits"):
        if name in info["calibration"]:
            info["calibration"][name] = info["calibration"][name][:4]


def network(folder: Path) -> Path:
    path = folder / "weights.safetensors"
    small_model().save(path)
    return path


def site(folder: Path) -> Path:
    is_hit = np.ones((6, 4), dtype=bool)
    table = TrackTable(
        evidence=np.linspace(-1, 1, 24).reshape(6, 4), is_hit=is_hit, is_valid=is_hit, score=0.5 * is_hit,
        is_persistent=np.arange(6) % 2 == 0, class_id=np.zeros(6, np.int64), group=np.arange(6),
    )  # fmt: skip
    calibration = SiteCalibration(
        model="0" * 16, source="site", frame_rate_hz=25.0, hit_alive=0.9, hit_dead=0.1, max_false_confirm=0.5,
        max_miss=None, delta=0.2, horizon=4, on_timeout="transient", num_ages=4, seed=0, tracks=table,
    )  # fmt: skip
    calibration.save(folder / "site.json")
    return folder / "site.json"


KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "detections": (detections, load_model),
    "network": (network, load_model),
    "site": (site, SiteCalibration.load),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the way to every value inside an object; of long lists to the first ones alone."""
    parts = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*at, name)
        yield from places(part, (*at, name))


def mutant(values: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Returns an object with one value removed, or another one in its place."""
    changed = copy.deepcopy(values)
    ways = [way for way in places(changed) if way[0] not in (SEAL, ARRAYS_SEAL)]
    *way, last = ways[rng.integers(len(ways))]
    holder: Any = changed
    for name in way:
        holder = holder[name]
    if rng.random() < 0.25:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(STRANGE[rng.integers(len(STRANGE))])
    return changed


@pytest.mark.slow
@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_stands_in_a_file_it_is_read_or_named(kind: str, tmp_path: Path) -> None:
    """354 of 10,808 such files ended as unexpected errors; a size of 1e9 asked for terabytes."""
    make, read = KINDS[kind]
    path = make(tmp_path)
    beside = path.with_suffix(".json")
    values, rng = json.loads(beside.read_text()), np.random.default_rng(0)
    num_refused = 0
    for _ in range(NUM_MUTANTS):
        changed = mutant(values, rng)
        edit(beside, lambda info, changed=changed: (info.clear(), info.update(changed)))
        start = time.monotonic()
        try:
            read(path)
        except ValueError as error:
            num_refused += 1
            assert str(tmp_path) in str(error) and "\n" not in str(error), (error, changed.keys())
        assert time.monotonic() - start < SECONDS
    assert num_refused > NUM_MUTANTS / 4


@pytest.mark.parametrize("kind", KINDS)
def test_an_edited_file_is_told_from_what_was_written(kind: str, tmp_path: Path) -> None:
    """A calibration whose evidence was edited by hand went on to promise a rate."""
    make, read = KINDS[kind]
    path = make(tmp_path)
    read(path)
    beside = path.with_suffix(".json")
    values = json.loads(beside.read_text())
    values |= {"max_false_confirm": 0.4} if kind == "site" else {"rates": {"delta": 0.5}}
    beside.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="was changed since it was written"):
        read(path)


def test_weights_beside_the_settings_of_another_run_are_refused(tmp_path: Path) -> None:
    """They claimed the rates that the other model had been calibrated for."""
    for seed, name in enumerate(("one", "other")):
        small_model(seed=seed).save(tmp_path / f"{name}.safetensors")
    shutil.copy(tmp_path / "other.json", tmp_path / "one.json")
    with pytest.raises(ValueError, match=r"one\.safetensors is not of the one\.json beside it; copy both files"):
        load_model(tmp_path / "one.safetensors")


@cache
def _forest() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return load_arrays(WEIGHTS / "detections.safetensors")


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("forest.left", 0, 0, "leads back"),
        ("forest.right", 0, 10**6, "leads back or out of it"),
        ("forest.value", 5, np.nan, "no finite number"),
        ("forest.value", 5, 1.5, "none from 0 to 1"),
        ("forest.threshold", 0, np.nan, "no finite number"),
        ("forest.feature", 0, 500, "asks for inputs beyond"),
        ("forest.feature", 0, -7, "a node that is not in it"),
        ("forest.root", 0, -1, "a node that is not in it"),
        ("score_scale.knots", 0, np.inf, "not finite, or not sorted"),
    ],
)
def test_a_forest_that_would_not_end_or_lie_is_refused(
    name: str, place: int, value: float, said: str, tmp_path: Path
) -> None:
    """A leaf of NaN made two objects transient without a word; a node that points to itself never returned."""
    arrays, info = _forest()
    changed = arrays[name].copy()
    changed[place] = value
    save_arrays(tmp_path / "weights.safetensors", arrays | {name: changed}, info)
    with pytest.raises(ValueError, match=said) as caught:
        load_gate(tmp_path / "weights.safetensors")
    assert str(tmp_path) in str(caught.value)


def test_a_state_of_more_slots_than_it_holds_is_refused(tmp_path: Path) -> None:
    """A thousand million of them were made before anything was compared."""
    gate, path = load_gate("detections", image_size=(640, 480)), tmp_path / "state.safetensors"
    gate.save_state(path)
    arrays, info = load_arrays(path)
    info.pop("format_version")
    save_arrays(path, arrays | {"streams.capacity": np.array(10**9)}, info)
    with pytest.raises(ValueError, match=r"state\.safetensors is damaged .*slots: got 1000000000, expected 0"):
        gate.load_state(path)


def test_a_network_with_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    model = small_model()
    next(model.parameters()).data.view(-1)[0] = float("nan")
    model.save(tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"weights\.safetensors holds numbers in '.*' that are not finite"):
        load_model(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("words", [["watch", "a.mp4"], ["confirm", "det.txt"]])
def test_no_control_character_of_a_file_reaches_the_terminal(
    words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = detections(tmp_path)
    edit(path.with_suffix(".json"), lambda info: info.update(kind="\x1b[2J"))
    (tmp_path / "det.txt").write_text("1,-1,1,1,9,9,1\n")
    words = [str(tmp_path / word) if "." in word else word for word in words]
    assert main([*words, "--weights", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err
    assert "\x1b" not in said and "\\x1b[2J" in said


def test_what_evidence_depends_on_makes_another_model() -> None:
    """A calibration fitted weights with another context of crops, score scale or law of lifetimes as well."""
    model = small_model()
    crop = replace(model.operation.crop, context=model.operation.crop.context + 0.5)
    tracker = replace(model.operation.tracker, max_misses=9)
    others = [
        small_model(operation=replace(model.operation, **part)) for part in ({"crop": crop}, {"tracker": tracker})
    ]
    scaled, lived = small_model(), small_model()
    scaled.score_scale = (0.4, 0.2)
    lived.lifetime = replace(model.lifetime, hit_alive=0.8)
    prints = {made.fingerprint() for made in (model, *others, scaled, lived)}
    assert len(prints) == 5
    later = small_model(operation=replace(model.operation, horizon=6))
    assert later.fingerprint() == model.fingerprint(), "when a decision is forced is no matter of evidence"
