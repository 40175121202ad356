"""What the status bar says of a stream, apart from how: whoever counts needs nothing that draws."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamTotals:
    """What has happened in a stream so far.

    Args:
        frame_index: of the latest frame, 0-based.
        time_s: its time stamp in seconds.
        num_live: tracks that live on this frame.
        num_encoded: those of them that the extractor ran on.
        num_tentative: undecided tracks on this frame.
        num_persistent_now: persistent tracks on this frame.
        num_persistent: tracks called persistent since the start.
        num_transient: tracks called transient since the start.
        savings: share of the track-frames of an ungated system that were not encoded, in [0, 1].
        compared: what a rule beside the gate has confirmed, in words; empty where there is none.
    """

    frame_index: int
    time_s: float
    num_live: int
    num_encoded: int
    num_tentative: int
    num_persistent_now: int
    num_persistent: int
    num_transient: int
    savings: float
    compared: str = ""
