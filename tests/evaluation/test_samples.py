"""What an attention figure shows: all of one shape, with gaps exactly where there is no track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate.small_model import HORIZON, small_model
from perdure.data.dataset import ClipDataset
from perdure.evaluation.attention import clip_attention, whole_clip
from perdure.evaluation.attention_sample import AttentionSample
from perdure.evaluation.decide import decide_clip
from perdure.evaluation.samples import attention_sample
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import attention_received, token_ratio
from perdure.metrics.decisions import DecisionRecord
from perdure.stopping.rules import TruncatedSPRT
from perdure.types import Clip

RULE = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=HORIZON)


@pytest.fixture(scope="module")
def clip(small_set: ClipDataset) -> Clip:
    """Returns the first test clip with both classes."""
    clips = [small_set.clip(clip_id) for clip_id in small_set.split("test")]
    return next(clip for clip in clips if clip.truth and 0 < clip.truth.is_persistent.mean() < 1)


@pytest.fixture(scope="module")
def records(clip: Clip) -> list[DecisionRecord]:
    return decide_clip(clip, PersistenceGate(small_model(), RULE), "truth").records


@pytest.fixture
def sample(clip: Clip, records: list[DecisionRecord], model: PersistenceModel) -> AttentionSample:
    return attention_sample(clip, model, records)


def test_everything_has_a_row_a_track_and_a_column_a_frame(
    sample: AttentionSample, clip: Clip, records: list[DecisionRecord]
) -> None:
    shape = (len(records), clip.num_frames)
    assert sample.attention.shape == sample.evidence.shape == sample.is_hit.shape == sample.xyxy_px.shape[:2] == shape
    assert sample.track_id.tolist() == [record.track_id for record in records]
    assert sample.label == tuple(record.label for record in records)
    assert sample.true_label == tuple(record.true_label for record in records)
    assert sample.decision_frame.tolist() == [record.decision_frame for record in records]
    assert sample.first_frame.tolist() == [record.first_frame for record in records]
    np.testing.assert_array_equal(sample.frames, clip.frames)
    assert sample.clip_id == clip.clip_id


def test_gaps_stand_exactly_where_a_track_is_not_alive(sample: AttentionSample, records: list[DecisionRecord]) -> None:
    for row, record in enumerate(records):
        is_live = np.zeros(len(sample.frame_index), dtype=bool)
        is_live[record.first_frame : record.last_frame + 1] = True
        for values in (sample.attention[row], sample.evidence[row], sample.xyxy_px[row, :, 0]):
            np.testing.assert_array_equal(~np.isnan(values), is_live)
        assert not sample.is_hit[row][~is_live].any()
        assert sample.is_hit[row, record.first_frame]


def test_attention_and_ratio_are_those_of_the_metric(
    sample: AttentionSample, clip: Clip, model: PersistenceModel
) -> None:
    attention = clip_attention(model, whole_clip(clip, model))
    received = attention_received(attention.relative, attention.allowed)
    for token in range(len(received)):
        assert sample.attention[attention.key_track[token], attention.key_frame[token]] == received[token]
    assert sample.ratio == token_ratio(received, attention.key_is_persistent)


def test_evidence_is_that_of_the_frame(sample: AttentionSample, records: list[DecisionRecord], clip: Clip) -> None:
    """Up to the first decision of a clip nothing is hidden from anybody, so live evidence is the same."""
    first = min(record.first_frame + record.decision_frame - 1 for record in records)
    decided = [record for record in records if record.first_frame + record.decision_frame - 1 == first]
    for record in decided:
        if record.reason != "deleted":
            assert sample.evidence[record.track_id, first] == pytest.approx(record.evidence, abs=1e-3)


def test_tracks_without_a_decision_are_left_out(
    clip: Clip, records: list[DecisionRecord], model: PersistenceModel
) -> None:
    """Without any decision the index of tracks was once not even of integers."""
    assert attention_sample(clip, model, records[1:]).track_id.tolist() == [item.track_id for item in records[1:]]
    assert attention_sample(clip, model, []).attention.shape == (0, clip.num_frames)


def test_truth_is_needed(clip: Clip, model: PersistenceModel) -> None:
    with pytest.raises(ValueError, match="got no ground truth"):
        attention_sample(replace(clip, truth=None), model, [])


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize("name", ["label", "xyxy_px", "is_hit", "attention", "evidence", "decision_frame"])
def test_shapes_that_disagree_are_named(sample: AttentionSample, name: str) -> None:
    with pytest.raises(ValueError, match=rf"AttentionSample\.{name}: got shape .*, expected \(2"):
        replace(sample, **{name: getattr(sample, name)[1:]})
    with pytest.raises(ValueError, match=r"AttentionSample\.frames: got 17 frames, expected 18"):
        replace(sample, frames=sample.frames[1:])
