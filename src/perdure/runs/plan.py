"""Which stages must run, and why: pure book-keeping on fingerprints and recorded outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from perdure.config import fingerprint
from perdure.runs.record import OutputRecord, RunRecord, StageRecord
from perdure.runs.run_folder import RunFolder
from perdure.runs.settings import RunSettings
from perdure.runs.stage import Stage

ASKED_FOR = "it was asked for"
"""Reason of a stage that need not run but was named."""
_UNFINISHED = {
    "running": "it was interrupted",
    "outdated": "a stage before it ran again",
    "stopped": "it was stopped",
    "failed": "it failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """A stage and what is to be done with it.

    Args:
        stage: the stage.
        fingerprint: of settings, version and all stages before it.
        settings: fingerprint of its settings alone.
        version: that of the stage.
        weight: its share of the time of a whole run.
        reason: why it must run, in a few words; None if it need not.
        is_wanted: whether this process may run it.
        is_old: whether its results are kept although settings or version have changed since.
    """

    stage: Stage
    fingerprint: str
    settings: str
    version: str
    weight: float = 1.0
    reason: str | None = None
    is_wanted: bool = True
    is_old: bool = False

    @property
    def will_run(self) -> bool:
        """Whether this process is to run it."""
        return self.is_wanted and self.reason is not None


def plan_stages(
    stages: Sequence[Stage],
    config: RunSettings,
    *,
    run: RunFolder,
    record: RunRecord | None,
    only: Sequence[str] = (),
) -> list[PlannedStage]:
    """Returns all stages in order, each with the reason why it must run.

    Args:
        stages: in an order in which each comes after those it depends on.
        config: the configuration.
        run: the folder.
        record: what is recorded there.
        only: stages that are asked for by name: these run in any case, and no others; results of the others are
            used as they are.

    Raises:
        ValueError: there is no stage of a name that is asked for, or it needs one that has not run.
    """
    names = [stage.name for stage in stages]
    for name in only:
        if name not in names:
            raise ValueError(f"run folder {run.path}: has no stage '{name}', expected one of {', '.join(names)}")
    recorded = record.stages if record else {}
    planned: dict[str, PlannedStage] = {}
    for stage in stages:
        upstream = [planned[name] for name in stage.after]
        item = _planned(stage, config, upstream=upstream)
        item = replace(item, reason=_reason(item, recorded.get(stage.name), run=run, upstream=upstream))
        if only and stage.name in only:
            _require(item, upstream)
            item = replace(item, reason=item.reason or ASKED_FOR)
        elif only:
            item = _as_it_is(item, recorded.get(stage.name), run=run)
        planned[stage.name] = item
    return list(planned.values())


def _planned(stage: Stage, config: RunSettings, *, upstream: Sequence[PlannedStage]) -> PlannedStage:
    read = [stage.inputs] if stage.inputs else []
    settings = fingerprint(stage.name, [setting(config, name) for name in stage.settings], *read)
    version = str(stage.version)
    whole = fingerprint(settings, version, [item.fingerprint for item in upstream])
    return PlannedStage(stage=stage, fingerprint=whole, settings=settings, version=version, weight=stage.weight)


def _reason(
    item: PlannedStage, recorded: StageRecord | None, *, run: RunFolder, upstream: Sequence[PlannedStage]
) -> str | None:
    """Returns why a stage must run, None if nothing has changed."""
    if recorded is None:
        return "it has not run yet"
    if recorded.settings != item.settings:
        return "its settings or what it reads have changed" if item.stage.inputs else "its settings have changed"
    if recorded.version != item.version:
        return "there is another version of it"
    reason = _damage(recorded, run)
    if reason is not None:
        return reason
    again = [other.stage.name for other in upstream if other.reason is not None]
    if again or recorded.fingerprint != item.fingerprint:
        return f"{again[0]} runs again" if again else "a stage before it has changed"
    return None


def _damage(recorded: StageRecord, run: RunFolder) -> str | None:
    """Returns why the results of a stage cannot be used, whatever they were made from."""
    if recorded.status != "done":
        return _UNFINISHED[recorded.status]
    changed = [output.path for output in recorded.outputs if not output.is_unchanged(run.path)]
    return f"{changed[0]} is missing or has changed" if changed else None


def _as_it_is(item: PlannedStage, recorded: StageRecord | None, *, run: RunFolder) -> PlannedStage:
    """Returns a stage that was not asked for: its results are used if they are whole, also if they are old."""
    if recorded is None:
        return replace(item, is_wanted=False)
    is_old = (recorded.settings, recorded.version) != (item.settings, item.version)
    kept = replace(item, fingerprint=recorded.fingerprint, is_wanted=False, is_old=is_old)
    return replace(kept, reason=_damage(recorded, run))


def _require(item: PlannedStage, upstream: Sequence[PlannedStage]) -> None:
    for other in upstream:
        if other.reason is not None and not other.is_wanted:
            raise ValueError(
                f"{item.stage.name}: needs the results of {other.stage.name}, and of that: {other.reason}; "
                "make what is missing with 'perdure run --resume --out RUN'"
            )


def setting(config: RunSettings, name: str) -> Any:
    """Returns a part of a configuration by its dotted name."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def dependents(stages: Sequence[Stage], name: str) -> list[str]:
    """Returns the names of all stages that depend on one, directly or not."""
    found: list[str] = []
    for stage in stages:
        if any(upstream == name or upstream in found for upstream in stage.after):
            found.append(stage.name)
    return found


def written_outputs(stage: Stage, run: RunFolder, *, whole: str) -> tuple[OutputRecord, ...]:
    """Returns records of all files that a stage has written; `whole` is its fingerprint.

    Raises:
        RuntimeError: one that it promises is not there.
    """
    records = []
    for pattern in stage.outputs:
        pattern = pattern.replace("{fingerprint}", whole)
        paths = sorted(path for path in run.path.glob(pattern) if path.is_file())
        if not paths:
            raise RuntimeError(f"{stage.name}: has ended without writing {pattern}")
        records += [OutputRecord.of(run.path, path) for path in paths]
    return tuple(records)
