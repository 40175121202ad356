"""From a data set to weights that know more than hits and misses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gate.small_model import OPERATION, SMALL, windows_of
from perdure.data.config import DataConfig
from perdure.data.generate import generate_dataset
from perdure.data.labelled_stream import clip_stream
from perdure.evidence.lifetime import fit_lifetime
from perdure.gate.model import PersistenceModel
from perdure.gate.site_tracks import SiteRequest, calibrate_site
from perdure.track_table import TrackTable
from perdure.training.batches import WindowTensors
from perdure.training.config import TrainingConfig
from perdure.training.losses import persistence_loss
from perdure.training.run import TrainingRequest, build_model, train_model
from perdure.training.windows import score_scale, split_windows
from perdure.world.config import WorldConfig
from training.conftest import NUM_AGES, Log


def enough_tracks(windows: TrackTable) -> TrackTable:
    """Returns ten and more of each class, as the lifetime fit needs."""
    return TrackTable.join([windows, windows_of("test", NUM_AGES), windows_of("calibration", NUM_AGES)])


REQUEST = TrainingRequest(model=SMALL, operation=OPERATION, training=TrainingConfig(num_ages=NUM_AGES), seed=3)


def test_fresh_weights_depend_on_the_seed_and_touch_no_other_randomness(windows: TrackTable) -> None:
    windows = enough_tracks(windows)
    torch.manual_seed(0)
    one = build_model(REQUEST, windows)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after)
    assert build_model(REQUEST, windows).fingerprint() == one.fingerprint()
    assert build_model(replace(REQUEST, seed=4), windows).fingerprint() != one.fingerprint()


def test_the_model_is_fitted_on_the_training_tracks(windows: TrackTable) -> None:
    windows = enough_tracks(windows)
    model = build_model(REQUEST, windows)
    assert model.lifetime == fit_lifetime(windows.is_hit, windows.is_valid, windows.is_persistent)
    assert model.score_scale == score_scale(windows)
    assert model.operation == OPERATION
    assert model.calibration is None
    fewer = windows.take(np.arange(len(windows) - 3))
    assert build_model(REQUEST, fewer).score_scale != model.score_scale


@pytest.mark.slow
def test_training_beats_the_evidence_of_hits_and_misses(tmp_path: Path) -> None:
    """A plain cue on every frame: at birth hits tell nothing, the picture nearly all."""
    world = WorldConfig(
        num_frames=10, horizon=6, frame_width_px=64, frame_height_px=64, max_objects=3, cue_strength=4.0,
        disc_share=0.7, texture_grey=2.0,
    )  # fmt: skip
    data = DataConfig(world=world, num_train=100, num_validation=40, num_calibration=0, num_test=0)
    dataset = generate_dataset(data, tmp_path / "data", seed=2, num_workers=1)
    training = TrainingConfig(
        num_steps=300, scenes_per_step=6, num_ages=5, reconstructed_tracks=2, uses_bfloat16=False, learning_rate=4e-3,
        log_steps=100,
    )  # fmt: skip
    request = replace(REQUEST, operation=replace(OPERATION, horizon=6), training=training, num_workers=1)
    log = Log()
    model = train_model(dataset, request, checkpoint=tmp_path / "state.safetensors", log=log)
    assert not model.training
    held_out = WindowTensors(
        split_windows(dataset, "validation", operation=request.operation, num_ages=5, num_workers=1), model
    )
    batch = held_out.whole(torch.arange(len(held_out.is_persistent)))
    of_lifetime = float(persistence_loss(batch.inputs.lifetime, batch))
    assert log.rows[-1]["validation_persistence"] < 0.4 * of_lifetime
    assert log.rows[-1]["validation_accuracy_age_1"] > 0.85
    assert log.rows[-1]["psnr_db"] > log.rows[0]["psnr_db"]
    streams = [clip_stream(dataset.clip(clip_id), scene) for scene, clip_id in enumerate(dataset.split("train")[:20])]
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="of the tracks of clips are among those that these weights were trained on"):
        calibrate_site(PersistenceModel.load(tmp_path / "model.safetensors"), streams, SiteRequest(), source="clips")
