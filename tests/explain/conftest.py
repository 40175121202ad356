"""A small stream and its explanations, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perdure.data.detection_files import read_detection_files
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.live.confirm import ConfirmConfig, confirm
from perdure.stopping.streak import Like

NUM_FRAMES = 40


def write_detections(path: Path) -> Path:
    """Writes three walkers that are missed now and then, and clutter at places of its own."""
    rng, lines = np.random.default_rng(3), []
    for index in range(NUM_FRAMES):
        for walker in range(3):
            if rng.uniform() < 0.8:
                x = 60 + 110 * walker + 3 * index
                lines.append(f"{index + 1},-1,{x},{100 + 40 * walker},30,80,{rng.uniform(0.3, 0.6):.3f},-1")
        for x, y in rng.uniform(0, 400, (2, 2)):
            lines.append(f"{index + 1},-1,{x:.1f},{y:.1f},25,60,{rng.uniform(0.3, 0.6):.3f},-1")
    path.write_text("\n".join(lines) + "\n")
    return path


def confirmed(
    out: Path, *, is_traced: bool, like: Like = "three in a row", gate: PersistenceGate | None = None
) -> Path:
    """Runs the gate over the stream."""
    found = read_detection_files(write_detections(out.parent / f"{out.name}.txt"), image_size=(500, 300))
    gate = gate or load_gate("detections", like=like, image_size=(500, 300))
    confirm(found, gate, out_dir=out, config=ConfirmConfig(is_traced=is_traced, weights="detections"))
    return out


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a traced stream; not to be changed."""
    return confirmed(tmp_path_factory.mktemp("explain") / "traced", is_traced=True)


@pytest.fixture(scope="session")
def promised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a promise on error rates."""
    return confirmed(tmp_path_factory.mktemp("explain") / "promised", is_traced=True, like="promise")


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with rates by what becomes of each track."""
    gate = load_gate("detections", hold=0.3, hold_miss=0.3, image_size=(500, 300))
    return confirmed(tmp_path_factory.mktemp("explain") / "held", is_traced=True, gate=gate)


@pytest.fixture(scope="session")
def untraced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a trace."""
    return confirmed(tmp_path_factory.mktemp("explain") / "untraced", is_traced=False)
