"""The gate frame by frame gives what whole clips give; slots come, go and grow without anybody noticing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gate.scripted import NEVER, CueRule, Recorder, Script, evidence_by_age, play
from gate.small_model import blind_to_others, small_model
from perdure.data.dataset import ClipDataset
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.gate.results import GateResult
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of
from perdure.training.windows import clip_windows
from perdure.types import Clip


def run_clip(gate: PersistenceGate, clip: Clip) -> Iterator[GateResult]:
    """Yields the results of a clip with association by truth."""
    assert clip.truth is not None
    for frame, found, owner in zip(clip.frames, clip.detections, clip.truth.detection_owner, strict=True):
        yield gate.observe(frame, gate.link(found, owner=owner))


def whole(clip: Clip, model: PersistenceModel) -> TrackTable:
    return clip_windows([clip], operation=model.operation, num_ages=clip.num_frames)


def test_frame_by_frame_equals_whole_clips(dataset: ClipDataset, model: PersistenceModel) -> None:
    for clip_id in dataset.split("test")[:4]:
        clip = dataset.clip(clip_id)
        windows = whole(clip, model)
        offline = evidence_of(model, windows)
        live = evidence_by_age(list(run_clip(PersistenceGate(model, NEVER, is_gated=False), clip)))
        assert len(live) == len(windows)
        for track, values in live.items():
            np.testing.assert_allclose(values, offline[track][: len(values)], atol=1e-3, rtol=0)
            assert np.isnan(offline[track][len(values) :]).all()
        assert np.nanstd(offline) > 1, "evidence is flat, so nothing was compared"


def test_tokens_frame_by_frame_equal_those_of_whole_clips(dataset: ClipDataset, model: PersistenceModel) -> None:
    clip = dataset.clip(dataset.split("test")[0])
    windows = whole(clip, model)
    streamed = np.full((*windows.is_valid.shape, model.extractor.feature_dim), np.nan)
    gate = PersistenceGate(model, NEVER, is_gated=False)
    rows: list[torch.Tensor] = []
    model.extractor.register_forward_hook(lambda _, inputs, output: rows.append(output[0][inputs[2]][:, 0]))
    for result in run_clip(gate, clip):
        if result.num_encoded:
            slots = np.argsort(gate.streams._slots.rows(np.array(result.encoded_track_ids)))
            for row, place in enumerate(slots):
                track_id = result.encoded_track_ids[place]
                streamed[track_id, gate.memories[track_id].age - 1] = rows[-1][row].numpy()
    with torch.no_grad():
        z, _ = model.extractor.latents(to_input(torch.from_numpy(windows.crops)))
    z_flat = z.flatten(2).numpy()
    is_clear = (np.abs(z_flat) >= 1e-4) & windows.is_valid[:, :, None]
    assert is_clear.sum() > 0.9 * windows.is_valid.sum() * z_flat.shape[2]
    np.testing.assert_array_equal(streamed[is_clear], np.where(z_flat > 0, 1.0, -1.0)[is_clear])


def test_evidence_is_finite_on_every_frame(dataset: ClipDataset, model: PersistenceModel) -> None:
    for clip_id in dataset.split("test")[:3]:
        for result in run_clip(PersistenceGate(model, CueRule(), is_gated=False), dataset.clip(clip_id)):
            assert np.isfinite([[track.evidence, track.probability] for track in result.tracks]).all()


def test_many_tracks_at_once_are_each_as_if_alone(model: PersistenceModel) -> None:
    """Slots grow from 8 to 32, are freed and taken again by later tracks in another order."""
    blind_to_others(model)
    marks = ["+++", "0000000000", "---", "0.00..0+++", "-.--", "00000", "+0+0+0", "0-0-0-", "0......", "++.+"]
    scripts = [Script(marks[place % len(marks)], start=(place * 5) % 3) for place in range(20)]
    scripts = [*scripts, *(replace(script, start=script.start + 11) for script in scripts[:6])]
    results = list(play(PersistenceGate(model, CueRule(horizon=10)), scripts, 26))
    assert max(result.num_encoded for result in results) > 16
    by_track = evidence_by_age(results)
    order = sorted(range(len(scripts)), key=lambda place: (scripts[place].start, place))
    for track_id, place in enumerate(order):
        alone = [script if number == place else None for number, script in enumerate(scripts)]
        gate, start = PersistenceGate(model, CueRule(horizon=10)), scripts[place].start
        own = evidence_by_age(list(play(gate, alone, start + 12, start=start)))[0]
        np.testing.assert_allclose(by_track[track_id][:12], own[: len(by_track[track_id])], atol=1e-4, rtol=0)


def test_slots_shrink_after_a_crowd(model: PersistenceModel) -> None:
    """Capacity once stayed where the largest crowd had put it, and every later frame paid for empty slots."""
    gate = PersistenceGate(model, CueRule())
    scripts = [Script("0" * 14), *(Script("+++") for _ in range(20)), Script("0" * 6)]
    capacity = [len(gate.streams.to_arrays()["evidence.0"]) for _ in play(gate, scripts, 14)]
    # 22 tracks; then two, of which the last in the table goes after its fifth miss, on frame 10.
    assert capacity == [32] * 10 + [8] * 4
    assert len(gate.streams) == 1


def test_a_stored_stream_continues_bit_for_bit(model: PersistenceModel, tmp_path: Path) -> None:
    """Slots freed before the state was stored were once handed out in another order after it was loaded."""
    marks = ["+++", "-------------+++++++", "00000000", "0-0-0-0-", "0000..0.0", "++.+", "0...", "--.-...", "+.+.+"]
    scripts = [Script(marks[place % len(marks)], start=(place * 3) % 11) for place in range(20)]
    rule = CueRule(horizon=10, on_timeout="transient")
    for stop in (4, 9, 14):
        straight, first = PersistenceGate(model, rule), PersistenceGate(model, rule)
        expected = list(play(straight, scripts, 26))
        list(play(first, scripts, stop))
        first.save_state(tmp_path / "state.safetensors")
        second = PersistenceGate(model, rule)
        second.load_state(tmp_path / "state.safetensors")
        assert list(play(second, scripts, 26, start=stop)) == expected[stop:]
        assert second.cost.track_frames == straight.cost.track_frames
        assert second.cost.flops == straight.cost.flops


def test_a_state_needs_its_file_and_its_kind(model: PersistenceModel, tmp_path: Path) -> None:
    gate = PersistenceGate(model, NEVER)
    with pytest.raises(FileNotFoundError, match=r"state\.safetensors does not exist"):
        gate.load_state(tmp_path / "state.safetensors")
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="is not the state of a gate; give a file written by save_state"):
        gate.load_state(tmp_path / "model.safetensors")


def test_a_state_of_another_model_is_refused(model: PersistenceModel, tmp_path: Path) -> None:
    gate = PersistenceGate(model, NEVER)
    list(play(gate, [Script("000")], 3))
    gate.save_state(tmp_path / "state.safetensors")
    for other in (small_model(num_layers=2), small_model(width=32)):
        with pytest.raises(ValueError, match=r"state\.safetensors was stored by a gate with another model"):
            PersistenceGate(other, NEVER).load_state(tmp_path / "state.safetensors")


def test_no_frame_is_encoded_twice_and_none_is_skipped_while_undecided(model: PersistenceModel) -> None:
    marks = [("+++++++", 0), ("0-.-0-000", 0), ("0....", 0), ("00000000000000", 0), ("+.++", 4)]
    scripts = [Script(hits, start) for hits, start in marks]
    gate = PersistenceGate(model, CueRule(horizon=8))
    recorder = Recorder(gate)
    results = list(play(gate, scripts, 20))
    # Decided at: three hits with a cue; three misses in between count as frames; a deleted track has no crop on the
    # frame of its deletion; the horizon.
    last_age = [3, 6, 5, 8, 4]
    expected = [(place, scripts[place].start + age) for place, last in enumerate(last_age) for age in range(last)]
    assert sorted(recorder.seen) == sorted(expected)
    assert gate.cost.track_frames == len(expected) == sum(result.num_encoded for result in results)


def test_without_gating_every_frame_until_deletion_is_encoded_once(model: PersistenceModel) -> None:
    gate = PersistenceGate(model, CueRule(horizon=8), is_gated=False)
    recorder = Recorder(gate)
    results = list(play(gate, [Script("+++++++"), Script("---")], 20))
    # Seven hits, then four misses; the fifth deletes the track.
    assert sorted(recorder.seen) == [(0, frame) for frame in range(11)] + [(1, frame) for frame in range(7)]
    assert [(decision.age, decision.label) for result in results for decision in result.decisions] == [
        (3, "persistent"),
        (3, "transient"),
    ]


def test_decided_tracks_cost_nothing(model: PersistenceModel) -> None:
    gate = PersistenceGate(model, CueRule())
    recorder = Recorder(gate)
    scripts = [Script("+++++++++++++"), Script("---.-.-.-..-.")]
    list(play(gate, scripts, 4))
    spent = (gate.cost.flops, gate.cost.track_frames, gate.cost.crop_s, gate.cost.extractor_s, gate.cost.evidence_s)
    assert recorder.num_calls == 3
    list(play(gate, scripts, 11, start=4))
    assert recorder.num_calls == 3
    after = (gate.cost.flops, gate.cost.track_frames, gate.cost.crop_s, gate.cost.extractor_s, gate.cost.evidence_s)
    assert after == spent
    assert len(gate.streams) == 0
