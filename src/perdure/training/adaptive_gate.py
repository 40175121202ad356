"""A gate that learns while it runs: from what becomes of its own tracks, without labels.

Every few minutes of the stream, at first more often, a forest is fitted on the lives of the latest tracks, in a thread
of its own that leaves most of its core to others, and takes over at a frame that the stream alone says: equal streams
give equal decisions, however fast the machine is. It takes over only where it tells lives better, on stretches left
out, than the weights that it began with.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from perdure.config import from_dict, to_dict
from perdure.evidence.track_evidence import TrackEvidence
from perdure.extras import require
from perdure.files import understood
from perdure.gate.forest_model import ForestModel
from perdure.gate.forest_slots import ForestSlots
from perdure.gate.gate import REMEMBERED, PersistenceGate
from perdure.gate.gate_state import Parts, parts_of
from perdure.gate.load import gate_like
from perdure.gate.matching import StreakMatch
from perdure.gate.memory import TrackMemory
from perdure.gate.operation import Operation
from perdure.gate.results import GateResult
from perdure.gate.weights import GateModel
from perdure.rewind import kept, whole
from perdure.stopping.streak import Like, streak_of
from perdure.track_table import TrackTable
from perdure.tracks.tracks_config import HORIZON
from perdure.training.adapt import Adaptation, AdaptConfig, adapt
from perdure.training.lessons import Lessons
from perdure.types import TrackFrame

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnConfig:
    """When a running gate learns, and at what price. Times are those of the stream."""

    first_s: float = 60.0
    """Of the first fit; each later one comes when the stream is twice as long."""
    every_s: float = 300.0
    """Longest time between two fits."""
    lead_s: float = 60.0
    """From the begin of a fit to the frame on which it takes over; that frame waits if the fit is not done yet."""
    core_share: float = 0.25
    """Share of one core that a fit takes, as long as no frame waits for it."""
    fit: AdaptConfig = field(default_factory=AdaptConfig)
    """How it is fitted."""

    def __post_init__(self) -> None:
        if not 0 < self.core_share <= 1:
            raise ValueError(f"core_share: got {self.core_share}, expected above 0 up to 1")
        for name in ("first_s", "every_s", "lead_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0 seconds")
        if self.lead_s > min(self.first_s, self.every_s):
            raise ValueError(f"lead_s: got {self.lead_s}, expected at most first_s and every_s: one fit at a time")


class Fit:
    """A fit in a thread of its own, which rests between its parts until somebody waits for it.

    Args:
        table: tracks to learn from.
        model: weights that are there.
        frame_rate_hz: of the stream.
        config: sizes, and the share of a core.
        due_s: time of the stream at which it takes over.
    """

    def __init__(
        self, table: TrackTable, model: ForestModel, *, frame_rate_hz: float, config: LearnConfig, due_s: float
    ) -> None:
        self.due_s = due_s
        self._is_awaited, self._share = threading.Event(), config.core_share
        self._found: Adaptation | BaseException | None = None
        work = (table, model, frame_rate_hz, config.fit)
        self._thread = threading.Thread(target=self._run, args=work, name="perdure-fit", daemon=True)
        self._thread.start()

    def model(self) -> ForestModel | None:
        """Waits, and returns the weights, None where those that are there stay.

        Raises:
            BaseException: what the fit raised.
        """
        self._is_awaited.set()
        self._thread.join()
        if not isinstance(self._found, Adaptation):
            raise self._found or RuntimeError("fit: its thread has ended without a result")
        logger.info("adapt: %s", self._found.reason)
        return self._found.model

    def _run(self, table: TrackTable, model: ForestModel, frame_rate_hz: float, config: AdaptConfig) -> None:
        since_s = time.thread_time()

        def rest(done: int, total: int) -> None:
            nonlocal since_s
            worked_s = time.thread_time() - since_s
            self._is_awaited.wait(worked_s * (1 - self._share) / self._share)
            since_s = time.thread_time()

        try:
            self._found = adapt(table, model, frame_rate_hz=frame_rate_hz, config=config, on_fold=rest)
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
            self._found = error


@dataclass(frozen=True, slots=True)
class Done:
    """A fit that was stored with its outcome."""

    due_s: float
    found: ForestModel | None

    def model(self) -> ForestModel | None:
        """Returns the weights, None where those that are there stay."""
        return self.found


class AdaptiveGate(PersistenceGate):
    """A `PersistenceGate` that stands for a rule and learns its evidence on the stream.

    Args:
        model: weights to begin with; they read detections alone.
        like: rule that it is as strict as.
        image_size: width and height in pixels, for gates that never see a frame.
        config: when it learns.

    Raises:
        ValueError: the weights read pixels, or the gate would promise rates.
    """

    def __init__(
        self,
        model: ForestModel,
        *,
        like: Like = "three in a row",
        image_size: tuple[int, int] | None = None,
        config: LearnConfig | None = None,
    ) -> None:
        require("sklearn")
        streak = streak_of(like)
        if streak is None or model.uses_pixels:
            got = "a promise of rates" if streak is None else "weights that read pixels"
            raise ValueError(f"adapt: got {got}, expected a rule such as 'three in a row' and weights on detections")
        plain = gate_like(model, streak, None, image_size)
        super().__init__(
            model,
            plain.rule,
            lifetime_bound=plain.lifetime_bound,
            match=plain.match,
            image_size=image_size,
            operation=plain.operation,
        )
        self.streak, self.base, self.config = streak, model, config or LearnConfig()
        self._begin()

    def _begin(self) -> None:
        self.lessons, self.next_s = Lessons(), self.config.first_s
        self.first_s: float | None = None
        self.fit: Fit | Done | None = None
        self._slots().noted_age = HORIZON

    def remembered(self) -> Callable[[], None]:
        """Returns what puts the stream back to how it is now."""
        return kept(self, (*REMEMBERED, "model", "lessons", "next_s", "first_s", "fit"))

    @whole
    def reset(self) -> None:
        """Forgets the stream, and what was learned on it."""
        self._take_over(self.base)
        super().reset()
        self._begin()

    @whole
    def observe(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, *, time_s: float | None = None
    ) -> GateResult:
        """As `PersistenceGate.observe`; weights change before a frame only."""
        now_s = tracks.frame_index / self.operation.frame_rate_hz if time_s is None else time_s
        self.first_s = now_s if self.first_s is None else self.first_s
        since_s = now_s - self.first_s
        if self.fit is not None and since_s >= self.fit.due_s:
            model, self.fit = self.fit.model(), None
            if model is not None:
                self._take_over(model)
        result = super().observe(frame, tracks, time_s=time_s)
        size = self.intake.size_of(frame, reads_pixels=False)
        self.lessons = self.lessons.after(tracks, self._slots().noted, size)
        if self.fit is None and since_s >= self.next_s:
            self.next_s = since_s + min(since_s, self.config.every_s)
            self.fit = Fit(
                self.lessons.table(tracks.track_id),
                self.base,
                frame_rate_hz=tracks.frame_index / since_s,
                config=self.config,
                due_s=since_s + self.config.lead_s,
            )
        return result

    def _slots(self) -> ForestSlots:
        if not isinstance(self.streams.evidence, ForestSlots):  # for types: no other weights are let in
            raise TypeError("adapt: the evidence of this gate is no forest")
        return self.streams.evidence

    def _take_over(self, model: ForestModel) -> None:
        """Goes on with other weights: evidence of open tracks, where the rule begins, and what counts as drift."""
        track_id = self.memories.track_id
        opened = [self.memories[key] for key in track_id[self.streams.is_open(track_id)].tolist()]
        self.streams.relearn(model.lifetime, {memory.track_id: _hits(memory) for memory in opened})
        self._slots().evidence, self.model = model.evidence, model
        begins = gate_like(model, self.streak, None, None).match
        if isinstance(self.match, StreakMatch) and isinstance(begins, StreakMatch):
            # The bound is that of the new scale; what the stream has taught about the rule stays.
            self.match = self.match.moved(begins.start)
            self.rule = self.match.rule
        self.drift = self.drift.fresh()

    def parts(self) -> Parts:
        """Returns all that is stored of the stream; waits for a fit that is under way."""
        found = None if self.fit is None else self.fit.model()
        due_s, first_s = (np.nan if value is None else value for value in (self.fit and self.fit.due_s, self.first_s))
        return super().parts() | {
            "learned": {} if self.model is self.base else _model_arrays(self.model),
            "due": {} if found is None else _model_arrays(found),
            "lessons": self.lessons.to_arrays(),
            "times": {"first_s": np.array(first_s), "next_s": np.array(self.next_s), "due_s": np.array(due_s)},
            "base": {"fingerprint": np.frombuffer(self.base.fingerprint().encode(), dtype=np.uint8)},
        }

    @whole
    def load_state(self, path: Path | str) -> None:
        """Continues from a stored state, with what had been learned.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, not the state of such a gate, or that of one with other weights to begin with.
        """
        with understood(path, "state"):
            parts = parts_of(Path(path))
            stored = parts.get("base", {}).get("fingerprint")
            if stored is None or stored.tobytes().decode() != self.base.fingerprint():
                raise ValueError(f"state: {path} is of no gate that learns from these weights; load it alike (adapt)")
            learned, due, times = parts.get("learned"), parts.get("due"), parts["times"]
            self._take_over(_model_of(learned) if learned else self.base)
            super().load_state(path)
            self.lessons, self.next_s = Lessons.from_arrays(parts["lessons"]), float(times["next_s"])
            self.first_s = None if np.isnan(times["first_s"]) else float(times["first_s"])
            self.fit = Done(float(times["due_s"]), _model_of(due) if due else None)
            if np.isnan(self.fit.due_s):
                self.fit = None


def _hits(memory: TrackMemory) -> list[bool]:
    """Returns the hits of a track since it was opened, the first one first."""
    return [bool(memory.hit_history >> back & 1) for back in reversed(range(memory.age - memory.opened_age + 1))]


def _model_arrays(model: GateModel) -> dict[str, np.ndarray]:
    """Returns what makes learned weights, as arrays."""
    if not isinstance(model, ForestModel):
        raise TypeError("adapt: the weights of this gate are no forest")
    settings = json.dumps({"evidence": model.evidence.to_dict(), "operation": to_dict(model.operation)})
    return model.evidence.to_arrays() | {"settings": np.frombuffer(settings.encode(), dtype=np.uint8)}


def _model_of(arrays: dict[str, np.ndarray]) -> ForestModel:
    """Returns the weights that `_model_arrays` described."""
    settings = json.loads(arrays["settings"].tobytes())
    return ForestModel(
        evidence=TrackEvidence.from_parts(arrays, settings["evidence"]),
        operation=from_dict(Operation, settings["operation"], where="state"),
    )
