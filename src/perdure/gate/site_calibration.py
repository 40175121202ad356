"""A calibration of stored weights on another site, as a file of its own; the weights stay as they are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perdure.calibration.rates import Rates
from perdure.calibration.site import Fallback, SiteRule, site_rule, tracks_from_rows, tracks_to_rows
from perdure.files import read_json, sealed, understood, unsealed, write_text
from perdure.gate.weights import GateModel
from perdure.stopping.rules import OnTimeout
from perdure.track_table import TrackTable

KIND = "perdure site calibration"
VERSION = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteCalibration:
    """Labelled tracks of a site with the evidence that certain weights give them, and what was asked of them.

    Args:
        model: fingerprint of the weights.
        source: where the tracks are from.
        frame_rate_hz: frame rate of the site.
        hit_alive: share of hits among frames of persistent tracks right after a hit; None where there are too few.
        hit_dead: share of hits at places of transient tracks that are over; None where there are too few.
        max_false_confirm: largest share of transient tracks called persistent; None does not control it.
        max_miss: largest share of persistent tracks called transient; None does not control it.
        delta: probability over calibration that a rate is exceeded.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        num_ages: ages that evidence is known for.
        seed: picks the track of each clip or block of time.
        tracks: all labelled tracks.
        image_sizes: widths and heights of the pictures of the site; empty in files of earlier versions.
    """

    model: str
    source: str
    frame_rate_hz: float
    hit_alive: float | None
    hit_dead: float | None
    max_false_confirm: float | None
    max_miss: float | None
    delta: float
    horizon: int
    on_timeout: OnTimeout
    num_ages: int
    seed: int
    tracks: TrackTable
    image_sizes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        Rates(max_false_confirm=self.max_false_confirm, max_miss=self.max_miss, delta=self.delta)
        shares = {name: getattr(self, name) for name in ("hit_alive", "hit_dead") if getattr(self, name) is not None}
        wrong = [name for name, share in shares.items() if not 0 <= share <= 1]
        if wrong:
            raise ValueError(f"{wrong[0]}: got {shares[wrong[0]]}, expected a share from 0 to 1")
        if not 0 < self.frame_rate_hz < math.inf or self.on_timeout not in ("persistent", "transient"):
            raise ValueError(f"got {self.frame_rate_hz} frames a second and '{self.on_timeout}' for forced decisions")

    def rule(self, fallback: Fallback = "hand_rule") -> SiteRule:
        """Returns the rule for the rates that are asked for.

        Raises:
            ValueError: as `site_rule`.
        """
        return site_rule(
            self.tracks,
            max_false_confirm=self.max_false_confirm,
            max_miss=self.max_miss,
            delta=self.delta,
            horizon=self.horizon,
            on_timeout=self.on_timeout,
            fallback=fallback,
            seed=self.seed,
        )

    def asked(self, **changes: Any) -> SiteCalibration:
        """Returns the same tracks with other rates, horizon or label of forced decisions."""
        return replace(self, **changes)

    def check_model(self, model: GateModel, path: Path | str) -> None:
        """Raises ValueError if these are not scores of that model."""
        if self.model != model.fingerprint():
            raise ValueError(
                f"calibration: {path} was made with other weights or known scores; calibrate again with those in use"
            )

    def save(self, path: Path | str, *, fallback: Fallback = "hand_rule") -> SiteRule:
        """Writes the calibration atomically, with what it says in words, and returns the rule."""
        said = self.rule(fallback)
        values = {name: getattr(self, name) for name in (*_FIELDS, "image_sizes")}
        words = {"is_guaranteed": said.is_guaranteed, "lines": list(said.lines)}
        tracks = tracks_to_rows(self.tracks)
        whole = sealed({"kind": KIND, "version": VERSION, **words, **values, "tracks": tracks})
        head = {name: value for name, value in whole.items() if name != "tracks"}
        rows = ",\n    ".join(json.dumps(row, allow_nan=False) for row in tracks)
        text = json.dumps(head, indent=2, allow_nan=False).removesuffix("\n}")
        write_text(Path(path), f'{text},\n  "tracks": [\n    {rows}\n  ]\n}}\n')
        return said

    @classmethod
    def load(cls, path: Path | str) -> SiteCalibration:
        """Returns a stored calibration.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or no calibration.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"calibration: {path} does not exist; make one with perdure calibrate --data")
        with understood(path, "calibration"):
            values = unsealed(read_json(path), path)
        if values.get("kind") != KIND:
            raise ValueError(f"calibration: {path} is no site calibration; give a file that perdure calibrate wrote")
        if values.get("version") != VERSION:
            got = values.get("version")
            raise ValueError(f"calibration: {path} has version {got}, expected {VERSION}; calibrate again")
        missing = [name for name in (*_FIELDS, "tracks") if name not in values]
        if missing:
            raise ValueError(f"calibration: {path} has no '{missing[0]}'; make it again")
        with understood(path, "calibration"):
            tracks = tracks_from_rows(values["tracks"], values["num_ages"])
            sizes = tuple((int(width), int(height)) for width, height in values.get("image_sizes", ()))
            return cls(tracks=tracks, image_sizes=sizes, **{name: values[name] for name in _FIELDS})


_FIELDS = (
    "model", "source", "frame_rate_hz", "hit_alive", "hit_dead", "max_false_confirm", "max_miss", "delta", "horizon",
    "on_timeout", "num_ages", "seed",
)  # fmt: skip
