"""Ways to a guarantee that was not earned, as people take them by accident: each is refused, or promises nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perdure
from data.street import write_street
from perdure.calibration.rates import Rates
from perdure.data.labelled_stream import site_streams
from perdure.files import SEAL
from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_model
from perdure.gate.site_calibration import SiteCalibration
from perdure.gate.site_tracks import SiteRequest, calibrate_site
from perdure.recipes.verify import verify
from perdure.tracks.real_data import read_bench_data
from perdure.tracks.tracks_config import RealData
from perdure.training.track_fit import TrackTrainingConfig
from perdure.training.tracks_model import fit_tracks_model

NUM_TRAINED, NUM_SITES = 3, 5
REQUEST = SiteRequest(max_false_confirm=0.2, delta=0.1)


@dataclass(frozen=True)
class Place:
    """Weights, the streets that they were trained on, streets that they have not seen, and a calibration on those."""

    root: Path
    weights: Path
    trained: Path
    site: Path
    calibration: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    pytest.importorskip("sklearn", reason="forests are fitted with scikit-learn (extra tracks)")
    root = tmp_path_factory.mktemp("promise")
    for number in range(NUM_TRAINED):
        write_street(root / "trained" / f"t{number}", seed=number)
    for number in range(NUM_SITES):
        write_street(root / "site" / f"s{number}", seed=100 + number)
    request = RealData()
    data = read_bench_data(request, leave_one_out=root / "trained")
    forest = TrackTrainingConfig(num_trees=8)
    fit_tracks_model(data, request, forest, rates=Rates(max_false_confirm=0.3), seed=0).save(root / "own.safetensors")
    place = Place(root, root / "own.safetensors", root / "trained", root / "site", root / "site.json")
    calibrate(place, place.site).save(place.calibration)
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """A copy that a test may spoil."""
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    return Place(
        tmp_path, *(tmp_path / getattr(made, name).name for name in ("weights", "trained", "site", "calibration"))
    )


def calibrate(place: Place, data: Path, request: SiteRequest = REQUEST) -> SiteCalibration:
    model = load_model(place.weights)
    streams = site_streams(data, has_pixels=False, split="calibration", min_score=model.operation.tracker.min_score)
    return calibrate_site(model, streams, request, source=data)


def is_promised(place: Place) -> bool:
    perdure.load(place.weights, calibration=place.calibration, image_size=(400, 200))
    return SiteCalibration.load(place.calibration).rule().is_guaranteed


def recalibrated(place: Place, data: Path, request: SiteRequest = REQUEST) -> bool:
    calibrate(place, data, request).save(place.calibration)
    return is_promised(place)


def asked(place: Place, **changes: Any) -> bool:
    SiteCalibration.load(place.calibration).asked(**changes).save(place.calibration)
    return is_promised(place)


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_what_is_earned_is_promised(place: Place) -> None:
    """Without this, all that follows could pass since nothing is ever promised."""
    assert is_promised(place)
    perdure.load(place.weights, calibration=place.calibration, image_size=(480, 240))  # near enough
    assert all(link.is_whole for link in verify(place.calibration, place.weights))
    assert all(link.is_whole for link in verify(place.weights))


def cut(folder: Path, num_frames: int) -> None:
    for name in ("det/det.txt", "gt/gt.txt"):
        lines = (folder / name).read_text().splitlines()
        kept = [line for line in lines if int(line.split(",")[0]) <= num_frames]
        (folder / name).write_text("\n".join(kept) + "\n")
    edit_info(folder, "seqLength=60", f"seqLength={num_frames}")


def edit_info(folder: Path, old: str, new: str) -> None:
    text = (folder / "seqinfo.ini").read_text()
    assert old in text
    (folder / "seqinfo.ini").write_text(text.replace(old, new))


def shuffled(folder: Path) -> None:
    for path in folder.glob("*/det/det.txt"):
        lines = np.array(path.read_text().splitlines())
        path.write_text("\n".join(np.random.default_rng(0).permutation(lines)) + "\n")


def one_street_copied(place: Place) -> bool:
    few = place.root / "few"
    for number in range(4):
        shutil.copytree(place.site / "s0", few / f"copy{number}")
    return recalibrated(place, few)


def renamed(place: Place) -> Path:
    for number, path in enumerate(sorted(place.trained.iterdir())):
        path.rename(place.root / f"new{number}")
        shutil.move(place.root / f"new{number}", place.trained / f"north{number}")
    return place.trained


def all_cut(place: Place) -> Path:
    for path in place.trained.iterdir():
        cut(path, 45)
    return place.trained


def mixed(place: Place) -> Path:
    for path in list(place.trained.iterdir())[:1]:
        shutil.copytree(path, place.site / "one_more")
    return place.site


def all_rates(place: Place, rate: str) -> Path:
    for path in place.site.iterdir():
        edit_info(path, "frameRate=10", f"frameRate={rate}")
    return place.site


def shuffle(place: Place) -> Path:
    shuffled(place.trained)
    return place.trained


def of_other_weights(place: Place) -> bool:
    model = load_model(place.weights)
    assert isinstance(model, ForestModel)
    forest = replace(model.evidence.forest, value=np.clip(model.evidence.forest.value + np.float32(0.1), 0, 1))
    replace(model, evidence=replace(model.evidence, forest=forest)).save(place.weights)
    return is_promised(place)


def with_operation(place: Place, **changes: Any) -> bool:
    model = load_model(place.weights)
    assert isinstance(model, ForestModel)
    tracker = replace(model.operation.tracker, **changes)
    replace(model, operation=replace(model.operation, tracker=tracker)).save(place.weights)
    return is_promised(place)


def with_known_scores(place: Place) -> bool:
    perdure.load(
        place.weights, calibration=place.calibration, image_size=(400, 200), known_scores=np.linspace(0, 1, 50)
    )
    return True


def of_another_run(place: Place) -> bool:
    shutil.copy(perdure_weights(), place.weights.with_suffix(".json"))
    return is_promised(place)


def perdure_weights() -> Path:
    return Path(perdure.__file__).parent / "weights" / "detections.json"


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Place], bool]:
    def cheat(place: Place) -> bool:
        edited(getattr(place, name) if name == "calibration" else place.weights.with_suffix(".json"), change)
        return is_promised(place)

    return cheat


def truncated(place: Place) -> bool:
    text = place.calibration.read_text(encoding="utf-8")
    place.calibration.write_text(text[: len(text) // 2], encoding="utf-8")
    return is_promised(place)


def fewer_rows(values: dict[str, Any]) -> None:
    values["tracks"] = values["tracks"][: len(values["tracks"]) // 2]


def better_rows(values: dict[str, Any]) -> None:
    for row in values["tracks"]:
        row["evidence"] = [(5.0 if row["label"] == "persistent" else -5.0) for _ in row["evidence"]]


def other_units(values: dict[str, Any]) -> None:
    for number, row in enumerate(values["tracks"]):
        row["unit"] = number


def flipped_rows(values: dict[str, Any]) -> None:
    for row in values["tracks"][::2]:
        row["label"] = "transient" if row["label"] == "persistent" else "persistent"


def on_pictures(place: Place, size: tuple[int, int]) -> bool:
    perdure.load(place.weights, calibration=place.calibration, image_size=size)
    return True


CHEATS: dict[str, Callable[[Place], bool]] = {
    "the training data": lambda place: recalibrated(place, place.trained),
    "the training data under other names": lambda place: recalibrated(place, renamed(place)),
    "the training data with their lines in another order": lambda place: recalibrated(place, shuffle(place)),
    "three quarters of the training data": lambda place: recalibrated(place, all_cut(place)),
    "one training street among the others": lambda place: recalibrated(place, mixed(place)),
    "one street copied four times": one_street_copied,
    "tiny blocks on one street": lambda p: recalibrated(p, p.site / "s0", replace(REQUEST, block_s=1e-9)),
    "frame rate 0": lambda place: recalibrated(place, all_rates(place, "0")),
    "frame rate below 0": lambda place: recalibrated(place, all_rates(place, "-5")),
    "frame rate of a day": lambda place: recalibrated(place, all_rates(place, "0.00001")),
    "frame rate that is none": lambda place: recalibrated(place, all_rates(place, "nan")),
    "a rate that so few cannot prove": lambda place: asked(place, max_false_confirm=1e-3),
    "a surety that they cannot give": lambda place: asked(place, delta=1e-12),
    "other forest": of_other_weights,
    "another gate of the tracker": lambda place: with_operation(place, max_misses=9),
    "another least score of the tracker": lambda place: with_operation(place, min_score=0.4),
    "known scores that calibration had not": with_known_scores,
    "the JSON of another run": of_another_run,
    "pictures ten times smaller": lambda place: on_pictures(place, (40, 20)),
    "width and height swapped": lambda place: on_pictures(place, (200, 400)),
    "pictures twice as large": lambda place: on_pictures(place, (800, 400)),
    "half of the file": truncated,
    "fewer tracks": edit("calibration", fewer_rows),
    "better scores": edit("calibration", better_rows),
    "more independent units": edit("calibration", other_units),
    "other labels": edit("calibration", flipped_rows),
    "another delta": edit("calibration", lambda values: values.update(delta=0.9)),
    "another rate": edit("calibration", lambda values: values.update(max_false_confirm=0.0001)),
    "another horizon": edit("calibration", lambda values: values.update(horizon=3)),
    "another label of forced decisions": edit("calibration", lambda values: values.update(on_timeout="persistent")),
    "weights that it is not of": edit("calibration", lambda values: values.update(model="0123456789abcdef")),
    "another seed of the draw": edit("calibration", lambda values: values.update(seed=99)),
    "a promise written in": edit("calibration", lambda values: values.update(is_guaranteed=True, lines=["certain"])),
    "an older version": edit("calibration", lambda values: values.update(version=1)),
    "another seal": edit("calibration", lambda values: values.update({SEAL: "0" * 64})),
    "other rates of the weights": edit("weights", lambda values: values["rates"].update(max_false_confirm=1e-6)),
    "another horizon of the weights": edit("weights", lambda values: values["operation"].update(horizon=4)),
    "other scores of the weights": edit("weights", lambda values: values["calibration"].update(transient=[[-9.0]])),
    "no calibration of the weights": edit("weights", lambda values: values.update(calibration=None)),
    "another frame rate of the weights": edit("weights", lambda values: values["operation"].update(frame_rate_hz=99.0)),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_guarantee_that_was_not_earned_is_refused(name: str, place: Place) -> None:
    try:
        assert not CHEATS[name](place), "promised"
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) > 20
