"""The tables of the documents, one function each: rows of a benchmark's JSON in, lines of a Markdown table out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

ROWS = Path(__file__).parent / "benchmarks"
BASELINE = "M-of-N baseline (tuned)"
SETS = {
    "kitti-car": "KITTI Car",
    "kitti-pedestrian": "KITTI Pedestrian",
    "thermal": "infrared, static camera",
    "thermal-bg": "infrared, long-lived clutter",
    "mot17": "MOT17, second halves",
    "mot15": "MOT15",
    "pets-mog2": "PETS 2009, MOG2",
    "pets-frcnn": "PETS 2009, Faster R-CNN",
}
"""Names of the data of `real.json`, in the order of the tables."""
LEARNED = ("logistic regression", "gradient boosting", "gradient boosting, our inputs")
"""The learned opponents of `real.json`, all of them."""
LIBRARY = ("one score threshold", "SORT of trackers", "TrackTrack", "OccluBoost", "Frigate", "SAM 3")
"""Rules of trackers and camera software in `real.json`, tuned."""
CAPS = (0.1, 0.03, 0.01)
OUT_OF_THE_BOX = (
    "KITTI Car (PointRCNN)",
    "KITTI Pedestrian (PointRCNN)",
    "PETS (MOG2)",
    "infrared (three-frame difference)",
)
"""Data of `out-of-the-box.json` in the short table."""
WORLDS = ((0.9, 0.0), (0.9, 1.0), (0.9, 2.0), (0.7, 1.0))
"""Pd and d of the worlds of `frontier.json`."""


def rows_of(name: str) -> list[dict[str, Any]]:
    """Returns the stored rows of a benchmark."""
    rows: list[dict[str, Any]] = json.loads((ROWS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def percent(share: float, digits: int = 1) -> str:
    """Returns a share as it is printed."""
    return f"{100 * share:.{digits}f} %"


def two(number: float | None) -> str:
    """Returns a number with two decimals, nothing for None."""
    return "" if number is None else f"{number:.2f}"


def frontier(bounds: str) -> list[str]:
    """Returns the mean decision frame of every rule in every world, bounds swept on test or set on calibration."""
    rows = [row for row in rows_of("frontier") if row["bounds"] == bounds]
    cell = _swept_cell if bounds == "swept" else _calibrated_cell
    lines = []
    for rule in dict.fromkeys(row["rule"] for row in rows):
        found = {(row["pd"], row["d"]): row for row in rows if row["rule"] == rule}
        name = f"**{rule}**" if bounds == "swept" and rule.startswith("perdure") else rule
        lines.append([name, *(cell(found[world]) for world in WORLDS)])
    if bounds == "swept":
        ours = {(row["pd"], row["d"]): row for row in rows if row["rule"] == "perdure, pixels"}
        lines.append(["detection-only bound", *(two(ours[world]["optimum_detections"]) for world in WORLDS)])
        lines.append(["full-observation bound", *(two(ours[world]["optimum_seeing"]) for world in WORLDS)])
    return table(["rule", *(f"Pd {pd:g}, d {d:g}" for pd, d in WORLDS)], lines)


def _swept_cell(row: dict[str, Any]) -> str:
    if row["mean_decision_frame"] is None:
        return f"{percent(row['least_error'])} at best"
    return "{} ({}-{})".format(two(row["mean_decision_frame"]), *map(two, row["ci95"]))


def _calibrated_cell(row: dict[str, Any]) -> str:
    return f"{two(row['mean_decision_frame'])} at {percent(row['total_error'], 2)}"


def frontier_live() -> list[str]:
    """Returns what guaranteed bounds do with links by truth and with the real tracker."""
    rows = {(row["rule"], row["pd"], row["d"]): row for row in rows_of("frontier") if row["bounds"] == "guaranteed"}
    lines = []
    for world in WORLDS:
        cells = [rows["perdure, truth", *world], rows["perdure, tracker", *world]]
        words = "{} frames, {} false, {} missed"
        lines.append(
            [
                f"Pd {world[0]:g}, d {world[1]:g}",
                *(
                    words.format(
                        two(row["mean_decision_frame"]), percent(row["false_confirm_rate"]), percent(row["miss_rate"])
                    )
                    for row in cells
                ),
            ]
        )
    return table(["world", "links by truth", "the real tracker, end to end"], lines)


def guarantee() -> list[str]:
    """Returns how often calibrated bounds violate their rates, and their excess delay."""
    lines = []
    for row in rows_of("guarantee"):
        if row["violations_allowed"] is None:
            continue
        delay = "" if row["price_frames"] is None else f"{row['price_frames']:+.2f}"
        lines.append(
            [
                row["data"].replace("pd ", "Pd "),
                row["method"],
                f"{row['num_calibration']:,}",
                str(row["refused"] or ""),
                f"{row['violations']} of {row['draws']:,}",
                str(row["violations_allowed"]),
                delay,
            ]
        )
    header = ["world", "bounds by", "clips", "refused", "violated", "at most", "excess delay, frames"]
    return table(header, lines)


def shift() -> list[str]:
    """Returns what bounds do in a world that they were not calibrated in."""
    lines = [
        [
            row["data"],
            f"{row['violations']} of {row['draws']}",
            percent(row["false_confirm_rate"]),
            percent(row["miss_rate"]),
            two(row["mean_decision_frame"]),
            "; ".join(row["reported"]) or "nothing",
        ]
        for row in rows_of("guarantee")
        if row["violations_allowed"] is None
    ]
    return table(["used in", "violated", "false confirms", "misses", "frames", "the gate reports"], lines)


Rows = dict[tuple[str, float | None, str], dict[str, Any]]


def _real() -> Rows:
    return {(row["data"], row["fa_cap"], row["method"]): row for row in rows_of("real")}


def _best(rows: Rows, data: str, cap: float, names: Iterable[str]) -> float:
    return min(rows[data, cap, name]["cost"] for name in names)


def real() -> list[str]:
    """Returns the frames that every method needs on recorded tracks."""
    rows, lines = _real(), []
    for data, name in SETS.items():
        for cap in CAPS:
            ours, hand = rows[data, cap, "perdure, detections"], rows[data, cap, "tuned hand rule"]
            pixels = rows.get((data, cap, "perdure, with pixels"))
            against = "{:+.2f} ({:+.2f} to {:+.2f})".format(ours["cost_minus_hand"], *ours["cost_minus_hand_ci95"])
            is_first = cap == CAPS[0]
            lines.append(
                [
                    name if is_first else "",
                    f"{ours['num_true']:,} / {ours['num_false']:,}" if is_first else "",
                    percent(cap, 0),
                    two(hand["cost"]),
                    two(_best(rows, data, cap, LIBRARY)),
                    *(two(rows[data, cap, opponent]["cost"]) for opponent in LEARNED),
                    two(ours["cost"]),
                    two(pixels["cost"]) if pixels else "",
                    against,
                    f"{ours['cost'] - _best(rows, data, cap, LIBRARY):+.2f}",
                    f"{ours['cost'] - _best(rows, data, cap, LEARNED):+.2f}",
                ]
            )
    header = [
        "data",
        "tracks persistent / transient",
        "false confirms, at most",
        BASELINE,
        "best rule of a library",
        *LEARNED,
    ]
    own = ["**perdure, detections**", "**perdure, with pixels**", "minus M-of-N"]
    own += ["minus best rule of a library", "minus best learned"]
    return table([*header, *own], lines)


def real_rules() -> list[str]:
    """Returns the frames that the rules of trackers and camera software need on recorded tracks."""
    rows, lines = _real(), []
    for data, name in SETS.items():
        for cap in CAPS:
            cost = {rule: rows[data, cap, rule]["cost"] for rule in ("tuned hand rule", *LIBRARY)}
            least = min(cost.values())
            shown = [f"**{two(value)}**" if value == least else two(value) for value in cost.values()]
            ours = two(rows[data, cap, "perdure, detections"]["cost"])
            lines.append([name if cap == CAPS[0] else "", percent(cap, 0), *shown, ours])
    return table(["data", "at most", BASELINE, *LIBRARY, "perdure, detections"], lines)


def real_short() -> list[str]:
    """Returns the frames at 3 % false confirms, the best rule among those of `real_rules`."""
    rows, lines = _real(), []
    for data in ("kitti-car", "kitti-pedestrian", "thermal", "mot17"):
        pixels = rows.get((data, 0.03, "perdure, with pixels"))
        lines.append(
            [
                SETS[data],
                two(_best(rows, data, 0.03, ("tuned hand rule", *LIBRARY))),
                two(_best(rows, data, 0.03, LEARNED)),
                two(rows[data, 0.03, "perdure, detections"]["cost"]),
                f"**{two(pixels['cost'])}**" if pixels else "",
            ]
        )
    names = ["recorded tracks", "best tuned rule", "best learned opponent", "perdure, detections", "with pixels"]
    return table(names, lines)


def real_trained() -> list[str]:
    """Returns what thresholds do that were chosen on training sequences alone."""
    rows, lines = _real(), []
    for data, name in SETS.items():
        for cap in CAPS:
            row = rows[data, cap, "perdure, detections"]
            judged = row["sequences_judged"]
            lines.append(
                [
                    name if cap == CAPS[0] else "",
                    percent(cap, 0),
                    percent(row["fa_trained"]),
                    f"{row['sequences_kept']} of {judged}" if judged else "",
                    two(row["cost_trained"]),
                ]
            )
    header = ["data", "at most", "false confirms, thresholds from training alone", "sequences that satisfy it", "cost"]
    return table(header, lines)


def _shipped() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the rows of the weights `detections` by data, by method."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows_of("detections"):
        found.setdefault(row["data"], {})[row["method"]] = row
    return found


def shipped() -> list[str]:
    """Returns what the weights `detections` do on recorded detections, as they come."""
    lines = []
    for data, by in _shipped().items():
        three, ours, known = by["three hits in a row"], by["perdure"], by.get("perdure, scores known")
        tuned = by["hand rule tuned on these tracks"]
        both = [row for row in (ours, known) if row is not None]
        lines.append(
            [
                data,
                two(three["cost"]),
                percent(three["false_confirmed"]),
                *(two(row["cost at that of three hits"]) if row else "" for row in (ours, known)),
                *(" / ".join(two(row[f"cost at {cap:g}"]) for cap in CAPS) if row else "" for row in (ours, known)),
                " / ".join(two(tuned[f"cost at {cap:g}"]) for cap in CAPS),
                ", ".join(percent(row["true_confirmed"]) for row in both),
                ", ".join(percent(row["false_confirmed"]) for row in both),
            ]
        )
    header = ["data", "three in a row", "its false confirms", "weights at that rate", "known scores"]
    swept = ["at 10 / 3 / 1 %: weights", "known scores", BASELINE]
    live = ["live: persistent confirmed", "live: false confirms"]
    return table([*header, *swept, *live], lines)


def shipped_card() -> list[str]:
    """Returns the same in fewer columns, for the model card."""
    lines = []
    for data, by in _shipped().items():
        three, ours, known = by["three hits in a row"], by["perdure"], by.get("perdure, scores known")
        tuned = by["hand rule tuned on these tracks"]
        cells = [two(row[key]) if row else "" for key in _COSTS for row in (ours, known)]
        at = f"{two(three['cost'])} at {percent(three['false_confirmed'])}"
        lines.append([data, at, *cells, two(tuned["cost at 0.03"])])
    header = ["data", "three in a row", "at its false confirms: weights", "known scores"]
    return table([*header, "at 3 %: weights", "known scores", f"{BASELINE} on these very tracks"], lines)


_COSTS = ("cost at that of three hits", "cost at 0.03")


def watch() -> list[str]:
    """Returns frames a second and memory of hours of video."""
    names = {"IR_AIRPLANE_001.mp4": "infrared", "vtest.avi": "PETS 2009"}
    lines = []
    for row in sorted(rows_of("watch"), key=lambda row: (row["width"], row["num_frames"])):
        memory = {int(frame): mib for frame, mib in row["resident_mib"].items()}
        lines.append(
            [
                f"{names[row['video']]}, {row['width']} x {row['height']}",
                f"{row['num_frames']:,}",
                f"{row['frames_per_s']:.1f}",
                f"{memory[1000]:.0f} MiB",
                f"{memory[10000]:.0f} MiB" if 10000 in memory else "",
                f"{memory[max(memory)]:.0f} MiB ({percent(row['growth'] - 1)})",
            ]
        )
    header = ["video", "frames", "frames a second", "memory after 1,000 frames", "after 10,000", "at the end (growth)"]
    return table(header, lines)


def monitor() -> list[str]:
    """Returns what the page of the monitor costs, and what is asked of it."""
    rows = {row["bench"]: row for row in rows_of("monitor")}
    events, clients, camera = (rows[name] for name in ("many events", "many clients", "watched camera"))
    told = f"{clients['num_faults'] + clients['num_incomplete']} of {clients['num_appended']:,}"
    lines = [
        ["list of 20 runs is there", f"{events['listed_s']:.2f} s", ""],
        ["a click is answered", f"{events['interactive_s']:.2f} s, slowest {events['slowest_s']:.2f} s", "2 s"],
        ["all rows of all runs are drawn", f"{events['all_drawn_s']:.0f} s", ""],
        ["memory of the server, 20 runs", f"{events['server_mb']:.0f} MB", "150 MB"],
        [f"memory of the server, {clients['num_clients']} clients", f"{clients['server_mb']:.0f} MB", "150 MB"],
        ["rows that a client missed or got twice", told, "0"],
        ["processor time a frame without the page", f"{camera['cpu_ms_without']:.1f} ms", ""],
        ["the page adds", percent(camera["cpu_ratio"] - 1), "15 %"],
    ]
    return table(["", "measured", "at most"], lines)


def site() -> list[str]:
    """Returns how often bounds from elsewhere, and from the site itself, violate a rate on it."""
    lines = []
    for source in dict.fromkeys(row["bounds_from"] for row in rows_of("site")):
        rows = [row for row in rows_of("site") if row["bounds_from"] == source and row["draws"]]
        worst = max(rows, key=lambda row: row["violations"])
        rates = [row["false_confirm_rate"] for row in rows]
        lines.append(
            [
                source,
                str(len(rows)),
                f"{sum(row['violations'] for row in rows):,} of {sum(row['draws'] for row in rows):,}",
                f"{worst['violations']} of {worst['draws']} in {worst['data']}" if worst["violations"] else "0",
                str(worst["violations_allowed"]),
                f"{100 * min(rates):.1f} to {100 * max(rates):.1f} %",
                percent(mean(row["tpr"] for row in rows), 0),
                two(mean(row["cost"] for row in rows)),
            ]
        )
    header = ["bounds from", "sequences judged", "violated", "worst sequence", "allowed of 200"]
    return table([*header, "false confirms, range", "persistent confirmed", "cost"], lines)


def out_of_the_box() -> list[str]:
    """Returns what the gate as it is loaded and three in a row confirm on the same recorded tracks."""
    lines = []
    for row in rows_of("out-of-the-box"):
        low, high = row["difference_ci95"]
        interval = "" if low is None else f" ({low:+.2f} to {high:+.2f})"
        lines.append(
            [
                row["data"],
                *(f"{row[f'{who}_true']} of {row['num_true']}" for who in ("rule", "gate")),
                *(f"{row[f'{who}_false']:,} of {row['num_false']:,}" for who in ("rule", "gate")),
                f"{row['rule_age']:.2f}",
                f"{row['gate_age']:.2f}{interval}",
                f"{row['gate_long_never']} of {row['num_long']}",
            ]
        )
    header = (
        "recorded tracks",
        "persistent confirmed: three in a row",
        "perdure",
        "transient confirmed: three in a row",
        "perdure",
        "mean age: three in a row",
        "perdure (difference, 95 %)",
        "long-lived, never reported",
    )
    return table(header, lines)


def out_of_the_box_short() -> list[str]:
    """Returns the same for four sets, as shares."""
    names = (
        "KITTI Car (PointRCNN)",
        "KITTI Pedestrian (PointRCNN)",
        "PETS (MOG2)",
        "infrared (three-frame difference)",
    )
    rows = {row["data"]: row for row in rows_of("out-of-the-box")}
    lines = []
    for name in names:
        row = rows[name]
        cells = [
            f"{row[f'{who}_true'] / row['num_true']:.0%} at age {row[f'{who}_age']:.1f}, "
            f"{percent(row[f'{who}_false'] / row['num_false'])} of clutter"
            for who in ("rule", "gate")
        ]
        lines.append([name, cells[0], f"**{cells[1]}**"])
    return table(("recorded tracks", "three in a row confirms", "perdure, as it is loaded"), lines)


def adapt() -> list[str]:
    """Returns the cost of weights from the package, from lives and from labels, with what lives gain on the package."""
    names = {"car": "KITTI Car", "pedestrian": "KITTI Pedestrian", "infrared": "infrared, static camera",
             "clutter": "infrared, clutter that persists", "mot17": "MOT17, second halves", "mot15": "MOT15",
             "pets": "PETS, MOG2"}  # fmt: skip
    rows = {(row["data"], row["method"], row["fa_cap"]): row for row in rows_of("adapt")}
    caps = sorted({cap for _, _, cap in rows}, reverse=True)
    lines = []
    for data in dict.fromkeys(name for name, _, _ in rows):
        methods = ("package", "lives", "labels")
        costs = (" / ".join(two(rows[data, method, cap]["cost"]) for cap in caps) for method in methods)
        gains = (rows[data, "lives", cap]["minus_package_ci95"] for cap in caps)
        row = rows[data, "lives", caps[0]]
        lines.append(
            [
                names[data],
                f"{row['num_true']:,} / {row['num_false']:,}",
                str(row["life"]),
                *costs,
                ", ".join(f"{low:+.2f} to {high:+.2f}" for low, high in gains),
            ]
        )
    header = ["set", "persistent / transient", "life", "package", "**without labels**", "with labels"]
    return table([*header, "without labels minus package, 95 %"], lines)


def alarms() -> list[str]:
    """Returns how late alarms of drift come after a short and a long calm, and how often for nothing."""

    def seconds(row: dict[str, Any], name: str) -> str:
        return "" if row.get(name) is None else f"{row[name]:,.0f} s"

    lines = [
        [
            row["change"],
            f"{row['false_alarms']} in {row['num_days']:,}",
            *(seconds(row, f"delay_after_{calm}_s") for calm in ("minute", "week")),
            seconds(row, "slowest_95_s") or "more than 7,200 s",
            *(seconds(row, f"average_after_{calm}_s") for calm in ("minute", "week")),
        ]
        for row in rows_of("alarms")
    ]
    header = ["change", "false alarms, stream-days", "delay after a minute", "after a week", "19 of 20 within"]
    return table([*header, "average of all: a minute", "a week"], lines)


def fates() -> list[str]:
    """Returns error rates by fate under drifts: of bounds that follow the stream, and of bounds that stand."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of("fates"):
        found.setdefault(row["drift"], []).append(row)
    lines = [[drift, *_fates_of(own)] for drift, own in found.items()]
    together = ["**all drifts**", *_fates_of([row for drift, own in found.items() if drift != "none" for row in own])]
    header = ["after the change", "of what vanishes", "worst 200 in a row", "frames", "best bound in hindsight"]
    return table([*header, "bound from before: of what vanishes", "frames"], [*lines, together])


def _fates_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    def mean(name: str) -> float:
        return sum(row[name] for row in rows) / len(rows)

    rates, stood = ([row[name] for row in rows] for name in ("rate", "rate_stood"))
    return [
        f"{percent(mean('rate'))} ({percent(min(rates))[:-2]} to {percent(max(rates))[:-2]})",
        percent(max(row["worst_200"] for row in rows)),
        two(mean("frames")),
        f"{two(mean('frames_best'))} ({mean('frames') - mean('frames_best'):+.2f})",
        f"{percent(mean('rate_stood'))} ({percent(min(stood))[:-2]} to {percent(max(stood))[:-2]})",
        two(mean("frames_stood")),
    ]


def adaptive() -> list[str]:
    """Returns what a gate confirms that learns on its stream, beside the weights in the package."""
    lines = []
    for row in rows_of("adaptive"):
        if row["method"] == "package":
            rule = f"{row['rule_true']} / {row['rule_false']} at {two(row['rule_age'])}"
            lines.append([f"{row['data']}, {row['stream_s']:.0f} s", "three in a row", rule, ""])
        found = f"{row['gate_true']} / {row['gate_false']} at {two(row['gate_age'])}"
        spent = f"{row['first_pass_s']:.0f} s" if "first_pass_s" in row else ""
        lines.append([f"{row['num_true']} / {row['num_false']:,} tracks", row["method"], found, spent])
    return table(["stream", "", "persistent / transient confirmed, at mean age", "first pass"], lines)


def detector() -> list[str]:
    """Returns precision and recall of boxes behind a detection network, by the least score that it keeps."""
    lines = []
    for row in rows_of("detector"):
        shown = f"{percent(row['precision'])}", f"{percent(row['recall'])}"
        network = row["network"].removesuffix(".onnx")
        lines.append([network, f"{row['min_score']:g}", row["method"], f"{row['num_boxes']:,}", *shown])
    return table(["network", "boxes from score", "shown", "boxes", "precision", "recall"], lines)


def hota() -> list[str]:
    """Returns the scores of three trackers with their own rule and with the gate behind it, set by set."""
    rows = {(row["data"], row["tracker"], row["method"]): row for row in rows_of("hota")}
    methods = ("own rule", "gate", "gate, as five", "gate, trained")
    lines = []
    for data, tracker in dict.fromkeys((data, tracker) for data, tracker, _ in rows):
        four = [rows[data, tracker, method] for method in methods]
        lines.append(
            [
                data,
                tracker,
                f"{100 * four[0]['HOTA']:.1f}",
                *(_hota_cell(row) for row in four[1:]),
                *(" / ".join(f"{100 * row[name]:.1f}" for row in four) for name in ("IDF1", "MOTA")),
                " / ".join(f"{row['false_tracks_a_minute']:.1f}" for row in four),
            ]
        )
    header = ["recorded tracks", "tracker", "HOTA: own rule", "gate (difference, 95 %)", "**as five in a row**"]
    every = ["IDF1: own / gate / as five / trained", "MOTA", "transient tracks a minute"]
    return table([*header, "trained without the stream", *every], lines)


def _hota_cell(row: dict[str, Any]) -> str:
    low, high = row["HOTA_difference_ci95"]
    return f"{100 * row['HOTA']:.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def speed() -> list[str]:
    """Returns what a frame costs, as a ratio to the pinned commit, stream by stream."""
    lines = []
    for row in rows_of("speed"):
        name = f"objects: {int(row['stream']):,}" if row["stream"].isdigit() else row["stream"]
        checked = [row[kind] for kind in ("then", "numpy", "fast") if kind in row]
        same = all(one["same_decisions"] and one["largest_difference"] == 0 for one in checked)
        cells = [f"{row[kind]['times_faster']:.2f}" if kind in row else "" for kind in ("numpy", "fast", *PEERS)]
        if row["base"] != "then":
            cells = [""] * len(cells)
        equal = f"{row['num_decisions']:,}, {'equal' if same else 'NOT equal'}"
        memory = f"{row['numpy']['peak_mib']:,.0f} MiB"
        lines.append([name, f"{row['num_live']:.0f} / {row['num_undecided']:.0f}", *cells, equal, memory])
    header = ["stream", "live / undecided", "**gate**", "**with numba**", *PEERS, "decisions of all gates", "memory"]
    return table(header, lines)


PEERS = ("SORT", "ByteTrack", "OC-SORT")
"""Packaged trackers that the gate is timed against."""


def explanations() -> list[str]:
    """Returns how many statements of explanations are false, and how many changes come out otherwise than said."""
    names = {"run on clips": "run on clips (pixels)", "confirm": "confirmed detections"}
    lines = [
        [
            names.get(row["what"], row["what"]),
            *(f"{row[key]:,}" for key in ("decisions", "statements", "false", "changes", "otherwise")),
        ]
        for row in rows_of("explanations")
    ]
    header = ["decisions of", "decisions", "statements", "false", "changes run again", "otherwise than said"]
    return table(header, lines)


def trace_costs() -> list[str]:
    """Returns what a trace costs in time and bytes."""
    stored = json.loads((ROWS / "explanations.json").read_text(encoding="utf-8"))["costs"]
    lines = [
        [
            row["what"],
            f"{row['frames']:,}",
            f"{row['ms_a_frame']:.2f} ms",
            f"{row['ms_a_frame_traced']:.2f} ms",
            f"{row['bytes_a_frame']:,.0f}",
            f"{row['bytes_a_track_and_frame']:,.0f}",
        ]
        for row in stored
    ]
    header = ["stream", "frames", "a frame", "a frame, traced", "bytes a frame", "bytes a track and frame"]
    return table(header, lines)


TABLES: dict[str, Callable[[], list[str]]] = {
    "frontier": lambda: frontier("swept"),
    "frontier-calibrated": lambda: frontier("calibration"),
    "frontier-live": frontier_live,
    "guarantee": guarantee,
    "shift": shift,
    "real": real,
    "real-rules": real_rules,
    "real-short": real_short,
    "real-trained": real_trained,
    "shipped": shipped,
    "shipped-card": shipped_card,
    "watch": watch,
    "monitor": monitor,
    "site": site,
    "out-of-the-box": out_of_the_box,
    "out-of-the-box-short": out_of_the_box_short,
    "adapt": adapt,
    "alarms": alarms,
    "fates": fates,
    "adaptive": adaptive,
    "hota": hota,
    "detector": detector,
    "speed": speed,
    "explanations": explanations,
    "trace-costs": trace_costs,
}
"""What may stand between the markers of a page, by name."""
