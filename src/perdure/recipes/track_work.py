"""What each stage does that works on a table of tracks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from perdure.bench.confirmation_bench import bench_rows
from perdure.bench.confirmation_methods import CAPS, compared_methods
from perdure.data.config import SPLITS
from perdure.data.dataset import ClipDataset
from perdure.data.mot_sequence import MotSequence
from perdure.evaluation.decide import decide_folds
from perdure.evaluation.gallery import chosen_records, track_rows
from perdure.evaluation.soundness import soundness_rows
from perdure.evaluation.tracks_evidence import left_out_evidence, scores_of
from perdure.evaluation.tracks_metrics import tracks_metrics
from perdure.files import write_json
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import read_decisions, write_decisions
from perdure.recipes.clip_work import PRETRAINED, TRAINED
from perdure.recipes.config import RunConfig
from perdure.report.style import save_figure
from perdure.report.tracks_figures import evidence_figure
from perdure.runs.stage import StageContext
from perdure.track_table import TrackTable
from perdure.tracks.real_data import clip_place, read_places, sequence_folders, stream_at, street_place
from perdure.tracks.table_looks import table_looks
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks, clip_tracks
from perdure.training.tracks_folds import ALL, FoldsRequest, calibrate_fold, fit_fold
from perdure.training.tracks_network import network_evidence, network_on_tracks
from perdure.workers import mapped

FITTED = "fitted"
"""How the names of models begin before calibration."""
TRACKS = "tracks.safetensors"
"""File of the labelled tracks, inside the folder of their data."""


def make_tracks(context: StageContext) -> None:
    """Links the detections of all sequences, describes and labels their tracks, and lets a network see them."""
    config: RunConfig = context.config
    request, on_sequence = _request(config), context.on_progress("sequences")
    if config.sequences is None:
        dataset = ClipDataset.open(context.dataset_folder)
        places = [clip_place(dataset.root, clip_id) for split in SPLITS for clip_id in dataset.split(split)]
        stored = clip_tracks(request, places, num_test=config.world_clips.num_test, on_progress=on_sequence)
    else:
        if config.sequences.num_streets:
            places = [street_place(seed) for seed in range(config.sequences.num_streets)]
        else:
            places = [str(folder) for folder in sequence_folders(request, config.sequences.folder.resolve())]
        table, sequences = read_places(request, places, on_sequence, needs_video=config.sequences.uses_pixels)
        if config.network_stage == "pretrain":
            table = _looked_at(table, sequences, context)
        stored = StoredTracks.of(table, places, sequences)
        if config.network_stage == "train":
            stored = _with_evidence(stored, request, context)
    path = _tracks_file(context)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.save(path)


def _request(config: RunConfig) -> RealData:
    """Returns how tracks are made and split; those of clips as any others."""
    return config.sequences or RealData()


def _tracks_file(context: StageContext) -> Path:
    return context.run.data / context.fingerprints["tracks"] / TRACKS


def _looked_at(table: TrackTable, sequences: list[MotSequence], context: StageContext) -> TrackTable:
    model = PersistenceModel.load(context.run.path / PRETRAINED)
    looks = table_looks(
        table, sequences, model.extractor, model.operation.crop, on_progress=context.on_progress("videos")
    )
    return table.with_columns(looks=looks)


def _with_evidence(stored: StoredTracks, request: RealData, context: StageContext) -> StoredTracks:
    model = network_on_tracks(context.run.path / TRAINED, request, stored.frame_rate_hz)
    streams = [stream_at(request, place, model.uses_pixels) for place in stored.places]
    evidence = network_evidence(model, streams, on_progress=context.on_progress("evidence of the network"))
    return replace(stored, table=stored.table.with_columns(evidence=evidence))


def fit(context: StageContext) -> None:
    """Fits a model without each part of the sequences, and one on all of them."""
    request, num_folds = _folds(context, context.work, prefix=FITTED)
    _for_folds(context, partial(fit_fold, request=request), num_folds)
    for fold in (*range(num_folds), ALL):
        _moved(request.model(fold), context.run.checkpoints / request.model(fold).name)
    shutil.rmtree(context.work, ignore_errors=True)


def calibrate(context: StageContext) -> None:
    """Scores what each model has been fitted on by fits that have not seen it; the model of all is the result."""
    request, num_folds = _folds(context, context.work)
    fitted, _ = _folds(context, context.run.checkpoints, prefix=FITTED)
    _for_folds(context, partial(calibrate_fold, request=request, fitted=fitted), num_folds)
    for fold in range(num_folds):
        _moved(request.model(fold), context.run.checkpoints / request.model(fold).name)
    _moved(request.model(ALL), context.run.final_model)
    shutil.rmtree(context.work, ignore_errors=True)


def _for_folds(context: StageContext, work: Callable[[int], None], num_folds: int) -> None:
    """Does the work for every fold and for all tracks together, in processes."""
    on_fold = context.on_progress("models")
    for done, _ in enumerate(mapped(work, [*range(num_folds), ALL], context.num_workers), start=1):
        on_fold(done, num_folds + 1)


def _moved(source: Path, target: Path) -> None:
    for name in (".json", ".safetensors"):  # weights last: where they are, all is
        source.with_suffix(name).replace(target.with_suffix(name))


def evaluate(context: StageContext) -> None:
    """Runs the gate over every sequence with the model that has not seen it, and compares it with other methods."""
    config: RunConfig = context.config
    request, num_folds = _folds(context, context.run.checkpoints)
    outcomes, rules = [], []
    on_fold = context.on_progress("folds")
    decided = decide_folds(range(num_folds), request, num_workers=context.num_workers)
    for done, (rule, found) in enumerate(decided, start=1):
        rules.append(rule)
        outcomes += found
        on_fold(done, 2 * num_folds)
    records = sorted(
        (record for outcome in outcomes for record in outcome.records), key=lambda one: (one.clip_id, one.track_id)
    )
    metrics = tracks_metrics(
        records,
        _compared(context, request, num_folds),
        rules,
        num_censored=sum(len(outcome.censored) for outcome in outcomes),
        rates=request.rates,
        early_stop_frame=config.evaluation.early_stop_frame,
        num_resamples=config.evaluation.num_resamples,
        seed=config.seed,
        is_one_sequence=config.sequences is None,
    )
    scores = scores_of(list(left_out_evidence(request, num_folds)))
    metrics["evidence"] = soundness_rows(scores.evidence, scores.is_persistent)
    write_decisions(context.run.decisions, records)
    scores.save(context.run.scores)
    write_json(context.run.evaluation_metrics, metrics)


def _compared(context: StageContext, request: FoldsRequest, num_folds: int) -> list[dict[str, Any]]:
    """Returns the rows of all methods on the same splits."""
    data = StoredTracks.load(request.tracks).split(request.request, request.name)
    methods = compared_methods(
        request.training,
        has_pixels=data.table.looks is not None,
        has_network=data.table.evidence is not None,
        seed=request.seed,
    )
    total = len(CAPS) * (len(methods) + 3)
    steps: list[str] = []
    on_step = context.on_progress("comparison")

    def on_progress(name: str) -> None:
        steps.append(name)
        on_step(round(num_folds * (1 + len(steps) / total)), 2 * num_folds)

    return bench_rows(data, methods, seed=request.seed, is_trained=False, on_progress=on_progress)


def visualize(context: StageContext) -> None:
    """Draws the evidence of left-out tracks over their age, a figure a sequence, and stores what was drawn."""
    config: RunConfig = context.config
    request, num_folds = _folds(context, context.run.checkpoints)
    on_figure = context.on_progress("evidence figures")
    rows, most = [], config.evaluation.num_evidence_figures
    for place, found in enumerate(islice(left_out_evidence(request, num_folds), most)):
        name = f"sample_{place:04d}_evidence.png"
        save_figure(evidence_figure(found), context.run.visualizations / name)
        counts = {"num_persistent": int(found.is_persistent.sum()), "num_transient": int((~found.is_persistent).sum())}
        rows.append({"file": name, "name": found.name, **counts})
        on_figure(place + 1, most)
    write_json(context.run.visualizations / "evidence_analysis.json", {"samples": rows})
    chosen = chosen_records(read_decisions(context.run.decisions), config.evaluation.num_gallery_clips)
    clips = track_rows(left_out_evidence(request, num_folds), chosen)
    write_json(context.run.gallery, {"clips": clips, "tokenizer": None})


def _folds(context: StageContext, models: Path, *, prefix: str = "fold") -> tuple[FoldsRequest, int]:
    """Returns what the models of all folds depend on, and how many folds there are."""
    config: RunConfig = context.config
    data, path = _request(config), _tracks_file(context)
    request = FoldsRequest(
        tracks=path,
        name="clips" if config.sequences is None else config.sequences.name,
        request=data,
        training=config.forest,
        rates=config.calibration,
        inner_folds=config.evaluation.inner_folds,
        seed=config.seed,
        pretrained=context.run.path / PRETRAINED if config.network_stage == "pretrain" else None,
        models=models,
        prefix=prefix,
        network=context.run.path / TRAINED if config.network_stage == "train" else None,
        has_pixels=config.sequences is not None and config.sequences.uses_pixels,
    )
    return request, len(StoredTracks.load(path).split(data, request.name).folds)
