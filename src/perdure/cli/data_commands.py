"""`perdure data`: make, show and audit synthetic data sets without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from perdure.cli.arguments import Arguments, parse, peek
from perdure.cli.errors import DONE, FAILED
from perdure.cli.terminal import counted, say, say_table
from perdure.data.config import SPLITS, DataConfig
from perdure.recipes.recipes import DEFAULT_RECIPE, recipe
from perdure.runs.machine import usable_cores
from perdure.runs.words import bytes_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Generate(Arguments):
    """Makes a synthetic data set; one that is there already, or half of one, is completed.

    Reads: nothing.

    Writes: OUT, 0.9 MB a clip; the same bytes for any number of processes.

    Costs: about 20 ms a clip and core.
    """

    out: tyro.conf.Positional[Path] = Path("clips")
    """Folder of the data set; made if missing."""
    recipe: str = DEFAULT_RECIPE
    """Recipe that the settings start from."""
    seed: int = 0
    """Seed; a clip depends on it and on its own number alone."""
    num_workers: int = 0
    """Processes; 0 takes one per usable core."""
    data: DataConfig = field(default_factory=DataConfig)
    """The data set."""

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Generate:
        """Returns what the words say, with the settings of the recipe that they name."""
        base = recipe(peek(words, "--recipe") or DEFAULT_RECIPE)
        default = cls(recipe=base.recipe, seed=base.seed, data=base.world_clips)
        return parse(cls, words, command=command, default=default)

    def __call__(self) -> int:
        from perdure.data.generate import generate_dataset
        from perdure.runs.run_folder import require_outside_runs

        require_outside_runs(self.out)
        workers = self.num_workers or usable_cores()
        with counted("clips") as report:
            dataset = generate_dataset(self.data, self.out, seed=self.seed, num_workers=workers, on_progress=report)
        size = sum(path.stat().st_size for path in dataset.root.iterdir())
        say(("done", "bold green"), f": {len(dataset)} clips, {bytes_words(size)}, in {dataset.root}")
        return DONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Show(Arguments):
    """Says what a data set holds and draws contact sheets of some clips.

    Reads: the folder of the data set, or a run folder with one.

    Writes: PNG files into OUT if that is given.

    Costs: about a second a sheet.
    """

    folder: tyro.conf.Positional[Path]
    """Folder of the data set, or run folder."""
    out: Path | None = None
    """Folder for contact sheets; none are drawn without it."""
    split: str = "test"
    """Split that the clips are taken from: train, validation, calibration or test."""
    num_clips: int = 3
    """Contact sheets, of the first clips of the split."""

    def __call__(self) -> int:
        from perdure.data.dataset import ClipDataset

        dataset = ClipDataset.open(dataset_folder(self.folder))
        world = dataset.config.world
        say(f"{dataset.root}: {len(dataset)} clips of {world.num_frames} frames, seed {dataset.manifest.seed}")
        rows = []
        for split in SPLITS:
            truths = [dataset.clip(clip_id).truth for clip_id in dataset.split(split)]
            labels = [bool(value) for truth in truths if truth for value in truth.is_persistent]
            rows.append((split, str(len(truths)), str(labels.count(True)), str(labels.count(False))))
        say_table(("split", "clips", "persistent", "transient"), rows)
        if self.out is None:
            return DONE
        from perdure.report.clip_sheet import draw_clip_sheet
        from perdure.runs.run_folder import require_outside_runs

        require_outside_runs(self.out)
        self.out.mkdir(parents=True, exist_ok=True)
        for clip_id in dataset.split(self.split)[: self.num_clips]:
            say(f"  {draw_clip_sheet(dataset.clip(clip_id), self.out / f'{clip_id}.png')}")
        return DONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit(Arguments):
    """Looks for leaks: does anything that is known when a track is born tell whether it will last? Exit 1 if it does.

    Reads: the data set in FOLDER, or a run folder with one; without it new clips of a recipe's world, cue off.
    Every class needs hundreds of tracks, one a clip, for a verdict that means something.

    Writes: nothing.

    Costs: a minute or two on two cores for 2,000 tracks a class.
    """

    folder: tyro.conf.Positional[Path | None] = None
    """Folder of the data set, or run folder."""
    recipe: str = DEFAULT_RECIPE
    """Recipe whose world is audited if there is no folder."""
    num_per_class: int = 2000
    """Tracks of each class if there is no folder."""
    seed: int = 0
    """Seed of clips and choices."""
    num_workers: int = 0
    """Processes; 0 takes one per usable core."""

    def __call__(self) -> int:
        config = recipe(self.recipe)
        from perdure.evaluation.audit import audit_dataset, audit_world

        if self.folder is not None:
            from perdure.data.dataset import ClipDataset

            found = audit_dataset(ClipDataset.open(dataset_folder(self.folder)), seed=self.seed)
        else:
            workers = self.num_workers or usable_cores()
            found = audit_world(
                config.world_clips.world, num_per_class=self.num_per_class, seed=self.seed, num_workers=workers
            )
        for line in found.text().splitlines():
            say((line, "bold red" if line.startswith(("FAIL", "LEAK")) else ""))
        return DONE if found.passed else FAILED


def dataset_folder(folder: Path) -> Path:
    """Returns the folder itself, or the newest data set of a run folder."""
    inside = sorted((folder / "data").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    return inside[-1].parent if inside else folder
